import { z } from 'zod';
import {
  CONTACT_MODE, DISCHARGE_CONTENT, NEED, ORGANIZATION_TYPE, PRIMARY_REASON, REFERRAL_CONTENT, REFERRAL_SOURCE, TEAM_TYPE, type CodeSystem,
} from './codes.js';

/**
 * The pathway format: what a crisis pathway consists of, as data that every partner can read. A file says who takes part,
 * which services there are, who may refer to which of them from when, for whom they are, and how soon they answer.
 * This schema says what a file may hold; whether it hangs together is checked by the directory when it is loaded.
 *
 * Lengths of ids keep the FHIR ids made of them (`pathway-ids.ts`) within 64 characters.
 */
const key = (max: number, says: string) =>
  z.string().max(max).regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'small letters, digits and single hyphens').describe(says);
const text = (says: string) => z.string().trim().min(1).max(1000).describe(says);
const day = (says: string) => z.iso.date().describe(`${says} Calendar day in Europe/London, YYYY-MM-DD.`);
const oneOf = <Codes extends Readonly<Record<string, string>>>(list: CodeSystem & { readonly codes: Codes }, says: string) =>
  z.enum(Object.keys(list.codes) as [Extract<keyof Codes, string>]).describe(`${says} (${list.title}: ${list.system})`);
const minutes = (says: string) => z.int().min(1).max(525_600).describe(says);

const serviceKey = (says: string) => key(24, says);
const locality = (says: string) => z.string().regex(/^[A-Z0-9][A-Z0-9-]{1,15}$/).describe(says);
const time = (says: string) => z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/).describe(`${says} HH:MM, local time.`);
const priority = z.enum(['1', '4', '2', '3']).describe('National clinical response priority: 1 emergency, 4 very urgent, 2 urgent, 3 routine. Not in order of urgency.');

export const PathwayPartner = z
  .strictObject({
    id: key(40, 'Partner id: what access tokens, owners and recipients are named by. The same id in two pathways is the same partner.'),
    name: text('Name shown to other partners.'),
    organization: z
      .strictObject({
        odsCode: z.string().regex(/^[A-Z0-9]{3,8}$/).optional().describe('ODS code; messages from and to the organisation are matched by it.'),
        type: oneOf(ORGANIZATION_TYPE, 'What kind of organisation it is.'),
      })
      .describe('The organisation behind the partner.'),
    endpoint: z.url({ protocol: /^https?$/ }).optional().describe('Where messages to the partner go ($process-message of its own).'),
    provides: z.array(serviceKey('Service id.')).default([]).describe('Services the partner is accountable for. Each service has exactly one accountable provider.'),
    deliversFor: z.array(serviceKey('Service id.')).default([]).describe('Services the partner works for under their provider.'),
    refersAs: z
      .array(oneOf(REFERRAL_SOURCE, 'Source of referral.'))
      .default([])
      .describe('Coded sources the partner may refer as, besides the services it provides or delivers.'),
    trustedToTrace: z.boolean().default(false).describe('NHS numbers it sends without a verification status count as verified.'),
  })
  .meta({ id: 'PathwayPartner', description: 'An organisation whose system talks to Baton.' });

export const PathwayLocality = z
  .strictObject({
    code: locality('Code of the area, e.g. the ONS code of a borough.'),
    name: text('Name of the area.'),
    places: z.array(text('Name of a place.')).default([]).describe('Other names an address may give for it (towns, districts).'),
  })
  .meta({ id: 'PathwayLocality', description: 'An area the pathway serves.' });

export const PathwayRoute = z
  .strictObject({
    from: z
      .union([serviceKey('A service of this pathway.'), oneOf(REFERRAL_SOURCE, 'A coded source outside it.')])
      .describe('Who may refer: a service of this pathway, or a coded source of referral.'),
    opens: day('First day referrals are accepted.'),
    closes: day('First day they no longer are; open end when absent.').optional(),
  })
  .meta({ id: 'PathwayRoute', description: 'A way into a service, with the days it is open. Phases of one source follow each other without gap or overlap.' });

export const PathwayExclusion = z
  .strictObject({
    code: key(48, 'Code of the exclusion; a referral carries it in the exclusion extension.'),
    display: text('What it means, for the referrer.'),
    carriedAs: z
      .array(z.strictObject({ system: z.url().describe('Code system.'), code: text('Code.') }))
      .default([])
      .describe('Other codings that mean the same when a referral gives them as reason or exclusion.'),
  })
  .meta({ id: 'PathwayExclusion', description: 'A reason why someone is not for a service.' });

export const PathwaySite = z
  .strictObject({
    id: key(18, 'Site id, unique within the service.'),
    name: text('Name of the site.'),
    odsSiteCode: z.string().regex(/^[A-Z0-9]{3,9}$/).optional().describe('ODS site code.'),
    localities: z.array(locality('Code of a locality.')).describe("Localities it serves; within the service's."),
    openingHours: z
      .array(
        z.strictObject({
          days: z.array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])).min(1).describe('Days of the week.'),
          from: time('Opens.').optional(),
          to: time('Closes.').optional(),
          allDay: z.boolean().optional().describe('Open all day: no from and to then.'),
        }),
      )
      .min(1)
      .describe('When it is open.'),
    capacity: z.int().min(0).optional().describe('Young people it can support at a time.'),
    remote: z.boolean().default(false).describe('Telephone or video only: serves all localities of the service.'),
  })
  .meta({ id: 'PathwaySite', description: 'Where a service is delivered.' });

export const PathwayStandard = z
  .strictObject({
    priority,
    minutes: minutes('Allowed time, inclusive, in elapsed minutes from receipt.'),
    clock: z.enum(['clinical', 'national']).describe('clinical: any first response · national: as England computes it, stopped by an attended face-to-face contact only.'),
    to: z.enum(['first-response', 'first-support']).default('first-response').describe('What must have happened by then; the national clock knows first-response only.'),
    measure: z.string().regex(/^[A-Z]{3}\d{2,3}[a-z]?$/).optional().describe('Id of the national measure, e.g. CCR119.'),
  })
  .meta({ id: 'PathwayStandard', description: 'How soon the service answers a referral of a priority.' });

export const PathwayService = z
  .strictObject({
    id: serviceKey('Service id, unique in the pathway; partners, routes and targets name it.'),
    name: text('Name of the service.'),
    element: text('Which element of the pathway it is, in the words of its commissioners.'),
    teamType: oneOf(TEAM_TYPE, 'Closest national team type.'),
    phone: z.string().regex(/^0\d{9,10}$/).describe('Telephone for referrers, told to them when nobody picks a referral up.'),
    dosServiceId: z.string().regex(/^\d{1,12}$/).optional().describe('Directory of Services id; messages are addressed by it.'),
    acceptsReferrals: z.boolean().default(true).describe('false: gives advice only; no routes, no caseload.'),
    ageBand: z.strictObject({ from: z.int().min(0).max(130).describe('Youngest age.'), to: z.int().min(0).max(130).describe('Oldest age, inclusive.') }).describe('Ages in full years on the day the referral is received.'),
    needs: z.array(oneOf(NEED, 'Grouping of need.')).default([]).describe('Groupings of need it meets.'),
    localities: z.array(locality('Code of a locality.')).min(1).describe('Localities it serves.'),
    routes: z.array(PathwayRoute).describe('Accepted referral sources, each with its days.'),
    exclusions: z.array(PathwayExclusion).default([]).describe('Why someone is not for this service.'),
    sites: z.array(PathwaySite).describe('Where it is delivered.'),
    responseStandards: z.array(PathwayStandard).describe('How soon it answers, by priority.'),
    acknowledgeWithin: z
      .strictObject({
        '1': minutes('Emergency.').default(5),
        '4': minutes('Very urgent.').default(5),
        '2': minutes('Urgent.').default(30),
        '3': minutes('Routine.').default(1440),
      })
      .prefault({})
      .describe("Minutes by priority within which the receiver's system must have the referral, or the referrer is told."),
    sessions: z.strictObject({ min: z.int().min(0).describe('At least.'), max: z.int().min(1).describe('At most.') }).optional().describe('Number of sessions of support.'),
    modes: z.array(oneOf(CONTACT_MODE, 'Mode of contact.')).min(1).describe('How it meets young people.'),
    referralMustContain: z.array(oneOf(REFERRAL_CONTENT, 'Content of a referral.')).default([]).describe('What a referral must contain to be accepted for handling.'),
    dischargeMustContain: z.array(oneOf(DISCHARGE_CONTENT, 'Content of a discharge.')).default([]).describe('What must be there before a referral is completed.'),
    followUpWithinHours: z.int().min(1).optional().describe('Local standard: a contact within so many hours of discharge.'),
    stepDownTo: z.array(serviceKey('Service id.')).default([]).describe('Services it passes young people on to as need lessens; each has a route from here.'),
    escalateTo: z.array(serviceKey('Service id.')).default([]).describe('Services it turns to as need grows; each has a route from here, or gives advice only.'),
    indicators: z.array(z.strictObject({ code: key(48, 'Code of the indicator.'), title: text('What is counted.') })).default([]).describe('How its use and effect are measured.'),
  })
  .meta({ id: 'PathwayService', description: 'One service of the pathway.' });

export const Pathway = z
  .strictObject({
    $schema: z.string().optional().describe('Location of the JSON Schema, for editors.'),
    id: key(20, 'Pathway id, stable over its versions.'),
    version: z.string().regex(/^[0-9A-Za-z][0-9A-Za-z.-]{0,31}$/).describe('Version; a referral records the one it was judged by. A published version never changes.'),
    title: text('Title.'),
    publisher: text('Who answers for the content.'),
    about: text('What it rests on, what it leaves out.').optional(),
    inForceFrom: day('First day this version is judged by.'),
    warnAtPercent: z.int().min(1).max(99).default(75).describe('Share of an allowance after which a warning is raised.'),
    partners: z.array(PathwayPartner).min(1).describe('Who takes part.'),
    localities: z.array(PathwayLocality).min(1).describe('Areas the pathway serves.'),
    services: z.array(PathwayService).min(1).describe('Its services.'),
    vocabulary: z
      .array(
        z.strictObject({
          partner: key(40, 'Partner id.').describe('Whose term it is.'),
          term: text('The term as the partner uses it.'),
          reason: oneOf(PRIMARY_REASON, 'What it means here.'),
        }),
      )
      .default([])
      .describe("Partners' own terms for reasons of referral, and what they mean in this pathway."),
  })
  .meta({ id: 'Pathway', title: 'Baton pathway', description: 'A versioned definition of a crisis pathway: partners, services, routes, standards.' });

export type Pathway = z.infer<typeof Pathway>;
export type PathwayPartner = z.infer<typeof PathwayPartner>;
export type PathwayLocality = z.infer<typeof PathwayLocality>;
export type PathwayService = z.infer<typeof PathwayService>;
export type PathwaySite = z.infer<typeof PathwaySite>;
export type PathwayRoute = z.infer<typeof PathwayRoute>;
export type PathwayStandard = z.infer<typeof PathwayStandard>;
export type PathwayExclusion = z.infer<typeof PathwayExclusion>;
