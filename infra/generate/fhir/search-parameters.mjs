// Draws the official search parameters of our types: code, type, and of the expression the part that is about that type.

/** Parts of a union, split outside brackets. */
function parts(expression) {
  const found = [''];
  let depth = 0;
  for (const char of expression) {
    if (char === '(') depth++;
    if (char === ')') depth--;
    if (char === '|' && depth === 0) found.push('');
    else found[found.length - 1] += char;
  }
  return found.map((part) => part.trim());
}

/** A list as long as this names every type there is: no restriction. */
const EVERY_TYPE = 100;

const about = (type, part) => part.replace(/^\(+/, '').startsWith(`${type}.`);

/** Expressions of composite, special and full-text parameters are not drawn: nothing reads them. */
const DRAWN = new Set(['token', 'reference', 'string', 'date', 'uri', 'number', 'quantity']);

/** @returns { Type: { code: { type, expression, target? } } } (no `target`: any type), the parameters of every resource under `Resource`; keys sorted */
export function drawSearchParameters(parameters, types) {
  const drawn = {};
  for (const type of ['Resource', ...types]) {
    const own = parameters.filter((p) => p.base.includes(type) && p.expression && DRAWN.has(p.type));
    const entries = own.map((p) => {
      const expression = parts(p.expression).filter((part) => about(type, part)).join(' | ');
      if (!expression) throw new Error(`${type}.${p.code}: no part of its expression is about ${type}`);
      const target = p.type === 'reference' && p.target && p.target.length < EVERY_TYPE ? { target: [...p.target].sort() } : {};
      return [p.code, { type: p.type, expression, ...target }];
    });
    drawn[type] = Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  return drawn;
}
