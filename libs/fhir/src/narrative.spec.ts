import { isHarmlessNarrative } from './narrative.js';

const div = (inner: string) => `<div xmlns="http://www.w3.org/1999/xhtml">${inner}</div>`;

describe('a narrative', () => {
  it.each([
    '<p class="a" style="color: red">Plain &amp; simple</p>',
    '<a href="https://example.org/x?a=1&amp;b=2">x</a><a href="#top">y</a><a href="Patient/1">z</a>',
    '<img src="data:image/png;base64,AAAA" alt="a > b"/><!-- note -->',
    '<table><tr><td colspan="2">1</td></tr></table>',
    '<br /><hr/><img src = "#a" alt=\'b\' />',
  ])('may be formatted: %s', (inner) => expect(isHarmlessNarrative(div(inner))).toBe(true));

  it.each([
    '<script>alert(1)</script>',
    '<SCRIPT>alert(1)</SCRIPT>',
    '<p onclick="alert(1)">x</p>',
    "<p class='a' onclick='alert(1)'>x</p>",
    '<p/onclick=alert(1)>x</p>',
    '<a href="javascript:alert(1)">x</a>',
    '<a href="&#106;avascript:alert(1)">x</a>',
    '<a href="java\tscript:alert(1)">x</a>',
    '<a href="javascript&colon;alert(1)">x</a>',
    '<img src="data:text/html;base64,AAAA"/>',
    '<p style="background:url(https://x.example)">x</p>',
    '<p style="width: expression(alert(1))">x</p>',
    '<iframe src="https://x.example"></iframe>',
    '<svg/onload=alert(1)>',
    '<form><input/></form>',
    '<!DOCTYPE x [<!ENTITY a "b">]>',
    '<?xml version="1.0"?>',
    '<p class="a',
    '<p class="a" / class="b">',
    '<p class>',
    '<p class=a>',
    '<',
    '<<p>',
  ])('may not hold %s', (inner) => expect(isHarmlessNarrative(div(inner))).toBe(false));

  it.each(['', 'text', '<p>x</p>', '<divx>y</divx>', '<div onclick="x">y</div>'])('is one div, not %j', (text) => expect(isHarmlessNarrative(text)).toBe(false));

  it.each([
    ['tags', '<p '.repeat(60_000)],
    ['quotes', `<p a="${'" a="'.repeat(60_000)}`],
    ['spaces', `<p${' '.repeat(200_000)}`],
    ['spaces in a tag', `<p${' '.repeat(200_000)}x>`],
    ['spaces before a value', `<p a${' '.repeat(200_000)}= ${' '.repeat(200_000)}x>`],
    ['letters in a tag', `<p ${'a'.repeat(200_000)}>`],
    ['harmful targets', `<a href="data:image/png;base64,${' '.repeat(200_000)}!">`],
    ['comments', '<!--'.repeat(60_000)],
    ['text before a script', `${'<p>a</p>'.repeat(25_000)}<script>`],
    ['attributes', `<p ${'a="b" '.repeat(30_000)}`],
  ])('made of endless %s is refused quickly', (_, inner) => {
    const start = performance.now();
    expect(isHarmlessNarrative(div(inner))).toBe(false);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});
