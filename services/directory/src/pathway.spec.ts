import { readFileSync } from 'node:fs';
import { Pathway, recipientsOf, serviceOf } from '@baton/contracts';
import { checkPathway } from './pathway.js';

const file = (name: string): unknown => JSON.parse(readFileSync(new URL(`../../../contracts/pathways/${name}.json`, import.meta.url), 'utf8'));

type Draft = Pathway & { [field: string]: unknown };

/** The example with one thing changed. */
function changed(change: (pathway: Draft) => void): unknown {
  const pathway = Pathway.parse(file('greater-manchester')) as Draft;
  change(pathway);
  return pathway;
}

const service = (pathway: Pathway, id: string) => pathway.services.find((each) => each.id === id)!;
const partner = (pathway: Pathway, id: string) => pathway.partners.find((each) => each.id === id)!;
const safeZones = (pathway: Pathway) => service(pathway, 'safe-zones');

function broken(data: unknown): { rule: string; at: readonly string[] }[] {
  const result = checkPathway(data);
  return result.ok ? [] : result.violations.map(({ rule, at }) => ({ rule, at: at ?? [] }));
}
const rules = (data: unknown): string[] => broken(data).map((violation) => violation.rule);

describe('the pathways that come with Baton', () => {
  it.each(['greater-manchester', 'adult-example'])('%s hangs together', (name) => {
    expect(broken(file(name))).toEqual([]);
  });

  it('use telephone numbers kept for drama only', () => {
    const phones = ['greater-manchester', 'adult-example'].flatMap((name) => Pathway.parse(file(name)).services.map((each) => each.phone));
    expect(phones.filter((phone) => !phone.startsWith('01632960'))).toEqual([]);
  });

  it('count a lead provider and its delivery partners as recipients', () => {
    const pathway = Pathway.parse(file('greater-manchester'));
    expect(recipientsOf(pathway, 'safe-zones')).toEqual(['safe-zones', 'bolton-lads-and-girls', 'manchester-youth-zone', '42nd-street']);
    expect(serviceOf(pathway, 'gm-crisis-care.safe-zones')?.name).toBe('Safe Zones');
  });
});

describe('a pathway that does not hang together is refused by name', () => {
  it.each<[string, (pathway: Draft) => void, string]>([
    ['duplicate-partner', (p) => p.partners.push({ ...partner(p, 'liaison'), provides: [] }), 'partners[10].id'],
    ['duplicate-locality', (p) => p.localities.push(p.localities[0]!), 'localities[10].code'],
    ['duplicate-dos-service', (p) => (safeZones(p).dosServiceId = '9900000001'), 'services[6].dosServiceId'],
    ['duplicate-site', (p) => (safeZones(p).sites[1]!.id = 'north'), 'services[6].sites[1].id'],
    ['duplicate-exclusion', (p) => safeZones(p).exclusions.push(safeZones(p).exclusions[0]!), 'services[6].exclusions[3].code'],
    ['duplicate-standard', (p) => safeZones(p).responseStandards.push({ ...safeZones(p).responseStandards[0]!, minutes: 2000 }), 'services[6].responseStandards[5]'],
    ['duplicate-term', (p) => p.vocabulary.push({ ...p.vocabulary[0]!, term: 'Acute Distress' }), 'vocabulary[4]'],
    ['service-unknown', (p) => partner(p, 'liaison').deliversFor.push('nowhere'), 'partners[1].deliversFor[0]'],
    ['service-unknown', (p) => (safeZones(p).routes[0]!.from = 'nowhere'), 'services[6].routes[0].from'],
    ['service-unknown', (p) => safeZones(p).escalateTo.push('nowhere'), 'services[6].escalateTo[2]'],
    ['unknown-partner', (p) => (p.vocabulary[0]!.partner = 'nobody'), 'vocabulary[0].partner'],
    ['unknown-locality', (p) => safeZones(p).localities.push('X99'), 'services[6].localities[10]'],
    ['service-without-provider', (p) => (partner(p, 'assessment-centre').provides = []), 'services[2]'],
    ['service-with-several-providers', (p) => partner(p, '42nd-street').provides.push('safe-zones'), 'services[6]'],
    ['provider-delivers-for-itself', (p) => partner(p, 'safe-zones').deliversFor.push('safe-zones'), 'services[6]'],
    ['partner-without-part', (p) => (partner(p, 'childrens-services').refersAs = []), 'partners[9]'],
    ['age-band-empty', (p) => (safeZones(p).ageBand = { from: 19, to: 18 }), 'services[6].ageBand'],
    ['sessions-min-above-max', (p) => (safeZones(p).sessions = { min: 5, max: 4 }), 'services[6].sessions'],
    ['measure-off-national-clock', (p) => (safeZones(p).responseStandards[0]!.measure = 'CCR119'), 'services[6].responseStandards[0]'],
    ['national-clock-first-response-only', (p) => (safeZones(p).responseStandards[3]!.clock = 'national'), 'services[6].responseStandards[3].to'],
    ['acknowledgement-after-response', (p) => (safeZones(p).acknowledgeWithin['2'] = 1441), 'services[6].responseStandards[1]'],
    ['site-locality-outside-service', (p) => (service(p, 'in-patient').localities = service(p, 'in-patient').localities.slice(1)), 'services[3].sites[0].localities[0]'],
    ['opening-hours-empty', (p) => (safeZones(p).sites[0]!.openingHours[0]!.to = '12:00'), 'services[6].sites[0].openingHours[0]'],
    ['locality-without-site', (p) => (safeZones(p).sites[0]!.localities = ['E08000002', 'E08000004']), 'services[6].localities[4]'],
    ['locality-not-covered', (p) => p.localities.push({ code: 'E08000011', name: 'Knowsley', places: [] }), 'localities[10]'],
    ['route-gap', (p) => ((safeZones(p).routes[0]!.closes = '2026-01-01'), safeZones(p).routes.push({ from: 'rapid-response-team', opens: '2026-02-01' })), 'services[6].routes[0]'],
    ['route-overlap', (p) => ((safeZones(p).routes[0]!.closes = '2026-03-01'), safeZones(p).routes.push({ from: 'rapid-response-team', opens: '2026-02-01' })), 'services[6].routes[0]'],
    ['route-overlap', (p) => safeZones(p).routes.push({ from: 'liaison', opens: '2027-02-01' }), 'services[6].routes[2]'],
    ['route-never-open', (p) => (safeZones(p).routes[3]!.closes = '2027-04-01'), 'services[6].routes[3]'],
    ['route-from-itself', (p) => safeZones(p).routes.push({ from: 'safe-zones', opens: '2026-01-01' }), 'services[6].routes[4]'],
    ['routes-into-advice-only', (p) => service(p, 'medical-on-call').routes.push({ from: 'liaison', opens: '2026-01-01' }), 'services[4].routes'],
    ['step-down-closed', (p) => (safeZones(p).routes[0]!.closes = '2025-04-01'), 'services[1].stepDownTo[0]'],
    ['step-down-without-route', (p) => (safeZones(p).routes = safeZones(p).routes.slice(1)), 'services[1].stepDownTo[0]'],
    ['step-down-age-mismatch', (p) => (safeZones(p).ageBand = { from: 18, to: 25 }), 'services[0].stepDownTo[1]'],
    ['escalation-without-route', (p) => safeZones(p).escalateTo.push('in-patient'), 'services[6].escalateTo[2]'],
    ['escalation-to-itself', (p) => safeZones(p).escalateTo.push('safe-zones'), 'services[6].escalateTo[2]'],
    ['malformed-pathway', (p) => (safeZones(p).phone = 'ring the bell'), 'services[6].phone'],
    ['unknown-field', (p) => (p['colour'] = 'blue'), 'colour'],
    ['malformed-pathway', (p) => (p.inForceFrom = '2026-02-30'), 'inForceFrom'],
  ])('%s', (rule, change, at) => {
    const found = broken(changed(change)).filter((violation) => violation.rule === rule);
    expect(found.flatMap((violation) => violation.at)).toContain(at);
  });

  it('a service is unreachable when only unreachable services refer to it', () => {
    const data = changed((p) => {
      service(p, 'assessment-centre').routes = [{ from: 'in-patient', opens: '2025-04-01' }];
      service(p, 'in-patient').routes = [{ from: 'assessment-centre', opens: '2025-04-01' }];
    });
    expect(broken(data).filter((each) => each.rule === 'service-unreachable').flatMap((each) => each.at)).toEqual(['services[2].routes', 'services[3].routes']);
  });

  it('phases that follow each other day by day are no gap and no overlap', () => {
    const data = changed((p) => {
      safeZones(p).routes[0]!.closes = '2026-02-01';
      safeZones(p).routes.push({ from: 'rapid-response-team', opens: '2026-02-01' });
    });
    expect(rules(data)).toEqual([]);
  });

  it('names a standard without a clock together with everything else', () => {
    const data = changed((p) => {
      delete (safeZones(p).responseStandards[0] as { clock?: unknown }).clock;
      safeZones(p).sessions = { min: 5, max: 4 };
      p.localities.push({ code: 'E08000011', name: 'Knowsley', places: [] });
    });
    expect(rules(data).toSorted()).toEqual(['locality-not-covered', 'sessions-min-above-max', 'standard-without-clock']);
  });

  it.each([null, undefined, 7, 'pathway', [], {}, { services: 3 }, { services: [null] }, { services: [{ responseStandards: [{}] }, null, { responseStandards: 'x' }] }, JSON.parse('{"__proto__": {"id": "x"}}')])('is not a pathway: %j', (data) => {
    expect(rules(data)).not.toEqual([]);
  });
});
