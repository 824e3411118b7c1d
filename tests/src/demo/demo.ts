import { randomInt } from 'node:crypto';
import type { Patient } from '@baton/fhir';
import { exampleReferral, wantsHelp } from '@baton/standalone';
import { batonToUse, type BatonToUse } from './baton-to-use.js';
import type { Charity } from './charity.js';
import { Ledger } from './ledger.js';
import { PartnerProcess } from './partner-process.js';
import type { Commands } from './role.js';
import { lineOf, opening, summary } from './playbill.js';
import { play, type Cast, type Stage } from './story.js';
import type { Trust } from './trust.js';
import type { UnrelatedPartner } from './unrelated-partner.js';

/** `npm run demo`: a referral goes from a trust to a charity and the answer comes back. Ends with 0 if all was as it should be. */
const PARTNERS = { trust: 'rapid-response', charity: 'safe-zones', council: 'childrens-services' } as const;

const print = (text: string): void => void process.stdout.write(`${text}\n`);
if (wantsHelp(process.argv)) {
  print('Usage: npm run demo\nPlays a referral between partners on the Baton that runs at BATON_PORT, or on one of its own. Ends with 0 if all was as it should be.');
  process.exit(0);
}
const ending: (() => Promise<void>)[] = [];
const end = async (): Promise<void> => {
  for (let next = ending.pop(); next; next = ending.pop()) await next().catch((error: unknown) => print(`  (tidying up: ${(error as Error).message})`));
};
// The same signal may come twice, by way of npm: the second must not cut the tidying short.
let stopping: Promise<never> | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void (stopping ??= end().then(() => process.exit(1))));

process.exitCode = await demonstrate().then(
  (good) => (good ? 0 : 1),
  (error: unknown) => {
    print(`\n  The demonstration could not be given: ${(error as Error).message}\n`);
    return 1;
  },
);
await end();

async function demonstrate(): Promise<boolean> {
  print('\n  Looking for a Baton, or starting one …');
  const baton = await batonToUse(Object.values(PARTNERS));
  ending.push(() => baton.stop());
  const cast = await openCast(baton);
  const [charityWebhook] = await Promise.all([cast.charity.ask('subscribe'), cast.trust.ask('subscribe'), cast.council.ask('subscribe')]);
  print(opening(baton.says, PARTNERS));

  const ledger = new Ledger();
  const { bundle, young } = someone();
  const began = Date.now();
  const stage: Stage = { cast, ledger, bundle, young, charityWebhook, tell: (at, who, what, ok) => print(lineOf(at - began, who, what, ok)) };
  await play(stage).catch(() => print(lineOf(Date.now() - began, 'baton', 'The story ends here.', false)));
  await lookBack(stage);
  print(summary(ledger, Date.now() - began));
  return ledger.good();
}

async function openCast(place: BatonToUse): Promise<Cast> {
  const start = async <Part extends Commands>(role: string, partner: string): Promise<PartnerProcess<Part>> => {
    const started = await PartnerProcess.start<Part>(role, partner, place);
    ending.push(() => started.stop());
    return started;
  };
  const [trust, charity, council] = await Promise.all([start<Trust>('trust', PARTNERS.trust), start<Charity>('charity', PARTNERS.charity), start<UnrelatedPartner>('unrelated-partner', PARTNERS.council)]);
  return { trust, charity, council };
}

/** Another young person each time, 13 to 17 years old, who does not exist. */
function someone(): Pick<Stage, 'bundle' | 'young'> {
  const bundle = exampleReferral({ index: randomInt(5_000), seed: randomInt(1, 1_000), today: new Date(), priority: 'urgent' });
  const patient = bundle.entry?.[0]?.resource as unknown as Patient;
  const name = patient.name![0]!;
  return { bundle, young: { called: `${name.given![0]} ${name.family}, born ${patient.birthDate}`, family: name.family!, nhsNumber: patient.identifier![0]!.value! } };
}

/** After the story: what the unrelated partner saw, and what went over the wire. */
async function lookBack({ cast, ledger, tell, young }: Stage): Promise<void> {
  const { tries, seen, telling, notified } = await cast.council.ask('stop');
  const all = tries.reads + tries.histories + tries.searches;
  if (all > 0) {
    const nothing = seen.length === 0 && notified === 0;
    const said = `${tries.reads} reads, ${tries.histories} histories, ${tries.searches} searches with every id in hand, and a subscription`;
    tell(Date.now(), 'council', `had tried all along: ${said}. It saw ${nothing ? 'nothing' : [...seen, `${notified} notifications`].join(', ')}`, nothing);
    ledger.note('unseen', nothing, nothing ? `${all} tries, 0 found` : `${seen.join(', ')}; notified ${notified} times`);
    ledger.note('unknowable', telling.length === 0, telling.length === 0 ? 'the same 404, byte for byte' : telling.join(', '));
  }
  const partners = [cast.trust, cast.charity, cast.council];
  const bodies = (await Promise.all(partners.map((partner) => partner.ask('bodies')))).flat();
  const events = bodies.filter((body) => body.includes('"event-notification"'));
  if (events.length === 0) return;
  const telltale = bodies.filter((body) => body.includes(young.nhsNumber) || body.includes(`"${young.family}"`)).length;
  ledger.note('bare', telltale === 0, `${bodies.length} looked through, ${telltale} with either`);
  const unsigned = (await Promise.all(partners.map((partner) => partner.ask('received')))).reduce((sum, one) => sum + one.unsigned, 0);
  // One is the forgery.
  const forged = ledger.all().some(({ expected, finding }) => expected === 'forged' && finding) ? 1 : 0;
  ledger.note('signed', unsigned === forged, `${bodies.length} signed, ${unsigned - forged} not`);
}
