/**
 * Code systems, identifier systems and extensions, with the lists that rules need. National lists are those of the
 * Mental Health Services Data Set; they have no FHIR canonical of their own, so Baton gives them one.
 */
const BASE = 'https://baton.example/fhir';

export interface CodeSystem {
  readonly system: string;
  readonly title: string;
  /** Code → what it means. */
  readonly codes: Readonly<Record<string, string>>;
}

const list = <const Codes extends Record<string, string>>(name: string, title: string, codes: Codes) => ({ system: `${BASE}/CodeSystem/${name}`, title, codes }) as const;

/** Identifier systems, spelt as partners' software compares them. */
export const IDENTIFIERS = {
  nhsNumber: 'https://fhir.nhs.uk/Id/nhs-number',
  odsOrganization: 'https://fhir.nhs.uk/Id/ods-organization-code',
  odsSite: 'https://fhir.nhs.uk/Id/ods-site-code',
  dosService: 'https://fhir.nhs.uk/Id/dos-service-id',
  partner: `${BASE}/Id/partner`,
  pathwayService: `${BASE}/Id/pathway-service`,
} as const;

/** Extensions Baton reads and writes; what each hangs on is said in its comment. */
export const EXTENSIONS = {
  /** Patient.identifier: valueCodeableConcept, see NHS_NUMBER_STATUS. */
  nhsNumberVerification: 'https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus',
  /** ServiceRequest: valueCanonical `PlanDefinition canonical|version`, set by Baton: the version it was judged by. */
  judgedBy: `${BASE}/StructureDefinition/judged-by`,
  /** ServiceRequest: valueCoding of REFERRAL_SOURCE, where the referrer's own service does not say it. */
  referralSource: `${BASE}/StructureDefinition/referral-source`,
  /** ServiceRequest: valueString, what the young person wants in their own words. */
  youngPersonsWords: `${BASE}/StructureDefinition/young-persons-words`,
  /** ServiceRequest: valueCoding of CARER_INFORMED. */
  carerInformed: `${BASE}/StructureDefinition/carer-informed`,
  /** ServiceRequest: valueString, what helps: mode, site, gender of worker, language, adjustments. */
  preferences: `${BASE}/StructureDefinition/preferences`,
  /** ServiceRequest: valueCodeableConcept, one per exclusion of the pathway that the referrer found to apply. */
  exclusion: `${BASE}/StructureDefinition/exclusion`,
  /** ServiceRequest: valueString, the risk as the referrer sees it (or a Flag is named in supportingInfo). */
  risk: `${BASE}/StructureDefinition/risk`,
  /** Task: valueDate, when a pause is looked at again. */
  reviewDate: `${BASE}/StructureDefinition/review-date`,
  /** Task: valueDuration, how long the young person waits for room. */
  expectedWait: `${BASE}/StructureDefinition/expected-wait`,
  /** Location, HealthcareService: valueInteger, places at a time. */
  capacity: `${BASE}/StructureDefinition/capacity`,
  /** Consent: valueCoding of LAWFUL_BASIS; explicit consent where it is left out. */
  lawfulBasis: `${BASE}/StructureDefinition/lawful-basis`,
  /** Consent: valueCoding of CAPACITY. */
  decisionCapacity: `${BASE}/StructureDefinition/decision-capacity`,
  /** Consent: valueString, why; an override of a refusal and Gillick competence need it. */
  decisionReason: `${BASE}/StructureDefinition/decision-reason`,
} as const;

/** Urgency, MHSDS ClinRespPriorityType. Numeric order is not urgency order: see PRIORITIES. */
export const CLINICAL_PRIORITY = list('mhsds-clinical-response-priority', 'Clinical response priority', {
  '1': 'Emergency', '4': 'Very urgent', '2': 'Urgent/serious', '3': 'Routine',
});
export type ClinicalPriority = keyof typeof CLINICAL_PRIORITY.codes;
export type FhirPriority = 'stat' | 'asap' | 'urgent' | 'routine';

/** National priority and FHIR `priority`, most urgent first. */
export const PRIORITIES: readonly { readonly national: ClinicalPriority; readonly fhir: FhirPriority }[] = [
  { national: '1', fhir: 'stat' },
  { national: '4', fhir: 'asap' },
  { national: '2', fhir: 'urgent' },
  { national: '3', fhir: 'routine' },
];

/** National priority of a FHIR priority; none given is routine, as FHIR says. */
export const nationalPriority = (fhir: FhirPriority = 'routine'): ClinicalPriority => PRIORITIES.find((each) => each.fhir === fhir)!.national;

/** FHIR priority of a national one. */
export const fhirPriority = (national: ClinicalPriority): FhirPriority => PRIORITIES.find((each) => each.national === national)!.fhir;

/** Priorities 1 and 4, stat and asap: neither their alarms nor their deliveries wait behind others. */
export const isVeryUrgent = (fhir: FhirPriority | undefined): boolean => fhir === 'stat' || fhir === 'asap';

export const REFERRAL_SOURCE = list('mhsds-source-of-referral', 'Source of referral', {
  A1: 'GP', A2: 'Health visitor', A3: 'Other primary care', B1: 'Self', B2: 'Carer or relative', C1: 'Social services', C2: 'Education', C3: 'Housing',
  E1: 'Police', E5: 'Liaison and diversion', E6: 'Youth offending team', F1: 'School nurse', F2: 'Hospital paediatrics', F3: 'Community paediatrics',
  G4: 'Voluntary sector', H1: 'Acute: emergency care department', H2: 'Acute: other secondary care', I1: 'Other mental health trust', M6: 'Other',
  M7: 'Single point of access', M9: 'Urgent and emergency care ambulance', P1: 'Internal', Q1: 'Drop-in',
});
export type ReferralSource = keyof typeof REFERRAL_SOURCE.codes;

export const PRIMARY_REASON = list('mhsds-primary-reason', 'Primary reason for referral', {
  '01': 'First episode psychosis', '02': 'Ongoing psychosis', '04': 'Depression', '05': 'Anxiety', '06': 'OCD', '07': 'Phobias', '09': 'Drug and alcohol',
  '11': 'PTSD', '12': 'Eating disorders', '15': 'Self-harm behaviours', '16': 'Conduct disorders', '18': 'In crisis', '19': 'Relationship difficulties',
  '21': 'Attachment difficulties', '24': 'Neurodevelopmental excluding autism', '25': 'Suspected autism', '26': 'Diagnosed autism',
});

export const TEAM_TYPE = list('mhsds-team-type', 'Service or team type', {
  A02: 'Crisis resolution/home treatment', A06: 'Community mental health team', A11: 'Psychiatric liaison', A18: 'Single point of access',
  A19: '24/7 crisis response line', A20: 'Health-based place of safety', A21: 'Crisis café/safe haven/sanctuary', A23: 'Psychiatric decision unit',
  A25: 'Crisis house', C05: 'Paediatric liaison', C10: 'CYP eating disorders', D06: 'Mental health in education', F01: 'Mental health support team',
});

export const ATTENDANCE = list('mhsds-attendance', 'Attendance status', {
  '5': 'Attended on time', '6': 'Late but seen', '7': 'Late and not seen', '2': 'Cancelled by patient', '3': 'Did not attend', '4': 'Cancelled by provider',
});

export const MECHANISM = list('mhsds-consultation-mechanism', 'Consultation mechanism', {
  '01': 'Face to face', '02': 'Telephone', '04': 'Talk type', '05': 'Email', '09': 'Asynchronous text', '10': 'Instant messaging', '11': 'Video',
  '12': 'Message board', '13': 'Chat room', '98': 'Other',
});

export const REJECTION = list('mhsds-referral-rejection', 'Referral rejection reason', { '01': 'Duplicate', '02': 'Inappropriate', '03': 'Incomplete' });

export const CARE_PLAN_TYPE = list('mhsds-care-plan-type', 'Care plan type', {
  '10': 'Mental health care plan', '11': 'Urgent and emergency mental health care plan', '12': 'Mental health crisis plan', '13': 'Positive behaviour support', '14': 'CYP mental health transition plan',
});

export const NHS_NUMBER_STATUS = {
  system: 'https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland',
  older: 'https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus',
  title: 'NHS number verification status',
  codes: {
    '01': 'Verified', '02': 'Present, not traced', '03': 'Trace required', '04': 'No match', '05': 'To be resolved', '06': 'In progress', '07': 'Not present, trace not required',
  },
  /** The older system's codes; accepted on input, never written. */
  olderCodes: {
    'number-present-and-verified': '01', 'number-present-but-not-traced': '02', 'trace-required': '03', 'trace-attempted-no-match-or-multiple-match-found': '04',
    'trace-needs-to-be-resolved': '05', 'trace-in-progress': '06', 'number-not-present-trace-not-required': '07',
  },
} as const;
export type NhsNumberStatus = keyof typeof NHS_NUMBER_STATUS.codes;

/** Verification status of a code as it came, from the present or the older system; nothing when it is in neither. */
export function nhsNumberStatus(code: string): NhsNumberStatus | undefined {
  const { codes, olderCodes } = NHS_NUMBER_STATUS;
  if (Object.hasOwn(codes, code)) return code as NhsNumberStatus;
  return Object.hasOwn(olderCodes, code) ? olderCodes[code as keyof typeof olderCodes] : undefined;
}

/** Task.businessStatus: why a requested referral has not moved. */
export const BUSINESS_STATUS = list('business-status', 'Business status of a referral', {
  'held-for-consent': 'There is no basis to share it with its receiver', waiting: 'Eligible; waits for room',
});
export type BusinessStatus = keyof typeof BUSINESS_STATUS.codes;

/** Task.statusReason, where no national list has the reason. */
export const STATUS_REASON = list('status-reason', 'Reason for a status', {
  'consent-withdrawn': 'Sharing with the receiver was withdrawn', 'no-longer-needed': 'Support is no longer needed', 'young-person-declined': 'The young person does not want it',
  'moved-away': 'Left the area', 'could-not-contact': 'Could not be reached', 'did-not-engage': 'Did not take it up', 'needs-other-service': 'Another service fits better',
  'medical-attention': 'Needs immediate medical attention', 'no-capacity': 'No room in time', 'awaiting-young-person': 'The young person asked to pause',
  'in-hospital': 'In hospital', 'recorded-in-error': 'Should not have been recorded', other: 'Other',
});

/** Task.output: what came of the referral. */
export const TASK_OUTPUT = list('task-output', 'What a referral led to', {
  episode: 'EpisodeOfCare that was opened', outcome: 'What came of it', 'aftercare-plan': 'CarePlan the young person leaves with', 'instead': 'HealthcareService to turn to instead',
});

/** Outcome of a completed referral. */
export const OUTCOME = list('outcome', 'Outcome of support', {
  'goals-met': 'What was agreed was reached', 'partly-met': 'Partly reached', 'stepped-down': 'Goes on with less intensive support', 'stepped-up': 'Goes on with more intensive support',
  'ended-by-young-person': 'The young person ended it', 'information-given': 'Advice and signposting',
});

export const CARE_PLAN_KIND = list('care-plan-kind', 'Kind of plan', {
  'crisis-plan': 'Crisis plan', 'safety-plan': 'Safety plan', 'aftercare-plan': 'Aftercare plan', 'transition-plan': 'Transition plan',
});

/** Does the carer know of the referral? Whether they may is a decision, never a default. */
export const CARER_INFORMED = list('carer-informed', 'Carer informed', { informed: 'Told', 'not-informed': 'Not told', 'asked-not-to': 'The young person asked that they not be told' });

/** What a pathway may demand that a referral contains; `referralMustContain` of a service. */
export const REFERRAL_CONTENT = list('referral-content', 'Contents of a referral', {
  reason: 'Coded reason', 'referrers-term': "The reason in the referrer's own words", 'young-persons-words': 'What the young person wants, in their own words',
  'carer-informed': 'Whether a carer knows', risk: 'Risk or an alert', preferences: 'Mode, site, worker, language, adjustments', 'contact-details': 'How to reach the young person',
});
export type ReferralContent = keyof typeof REFERRAL_CONTENT.codes;

/** What a pathway may demand before a referral is completed; `dischargeMustContain` of a service. */
export const DISCHARGE_CONTENT = list('discharge-content', 'Contents of a discharge', {
  outcome: 'What came of the support', 'aftercare-plan': 'A plan the young person leaves with', 'crisis-plan': 'A crisis plan', 'follow-up': 'A follow-up contact',
});
export type DischargeContent = keyof typeof DISCHARGE_CONTENT.codes;

/** Why someone is not for a service; a referral carries it when the referrer found it to apply. */
export const EXCLUSION = list('exclusion', 'Exclusion from a service', {
  'immediate-medical-attention': 'Needs immediate medical attention', 'immediate-danger': 'In immediate danger', 'detained': 'Detained under the Mental Health Act',
  'intoxicated': 'Cannot take part because of alcohol or drugs', 'in-patient': 'Is an in-patient', 'not-in-crisis': 'Not in crisis', 'needs-specialist-care': 'Needs specialist care',
});

/** How a service meets a young person; `modes` of a service. */
export const CONTACT_MODE = list('contact-mode', 'Mode of contact', { 'face-to-face': 'Face to face', telephone: 'Telephone', video: 'Video', text: 'Text or chat' });

/** How it was settled who may decide. No national code for Gillick competence was found. */
export const CAPACITY = list('decision-capacity', 'Capacity to decide', {
  'presumed-16-plus': 'Presumed able to decide, 16 or over', gillick: 'Gillick competent for this decision, at this time', parental: 'Someone with parental responsibility decides', lacking: 'Not able to decide; best interests',
});

export const LAWFUL_BASIS = list('lawful-basis', 'Lawful basis of a decision', {
  'implied-direct-care': 'Implied consent for direct care', explicit: 'Explicit consent', gillick: 'Consent of a Gillick-competent young person', parental: 'Consent under parental responsibility',
  'best-interests': 'Best interests', 'safeguarding-public-interest': 'Safeguarding: public interest', 'safeguarding-16la': 'Safeguarding: Children Act 2004 s.16LA', 'court-order': 'Court order', 'break-glass': 'Break glass',
});
export type LawfulBasis = keyof typeof LAWFUL_BASIS.codes;

/** Type of an organisation in a pathway. */
export const ORGANIZATION_TYPE = list('organization-type', 'Type of organisation', {
  'mental-health-trust': 'NHS mental health trust', 'acute-trust': 'NHS acute trust', ambulance: 'NHS ambulance service', charity: 'Charity', 'local-authority': 'Local authority', other: 'Other',
});

/** Groupings of need of the i-THRIVE framework. */
export const NEED = list('i-thrive', 'i-THRIVE grouping of need', {
  thriving: 'Thriving', advice: 'Getting Advice and Signposting', help: 'Getting Help', 'more-help': 'Getting More Help', 'risk-support': 'Getting Risk Support',
});

/** What decisions open and refuse as one; in a Consent as `provision.class`. */
export const CATEGORY = list('category', 'Category of what is recorded', {
  demographics: 'Who the young person is', referral: 'Referrals', episode: 'Episodes of care', contact: 'Contacts', plan: 'Plans', alert: 'Alerts', measure: 'Measures and observations',
});

/** Use case of a message; BaRS has none for mental health. */
export const USE_CASE = list('message-use-case', 'Use case of a message', { 'mental-health-crisis': 'Mental-health crisis referral' });

/** Every list Baton defines or gives a canonical. */
export const CODE_SYSTEMS: readonly CodeSystem[] = [
  CLINICAL_PRIORITY, REFERRAL_SOURCE, PRIMARY_REASON, TEAM_TYPE, ATTENDANCE, MECHANISM, REJECTION, CARE_PLAN_TYPE, BUSINESS_STATUS, STATUS_REASON, TASK_OUTPUT, OUTCOME,
  CARE_PLAN_KIND, CARER_INFORMED, REFERRAL_CONTENT, DISCHARGE_CONTENT, EXCLUSION, CONTACT_MODE, CAPACITY, LAWFUL_BASIS, ORGANIZATION_TYPE, NEED, CATEGORY, USE_CASE,
];

/** A Coding of one of the lists. @throws if the list has no such code */
export function coding(of: CodeSystem, code: string): { system: string; code: string; display: string } {
  const display = Object.hasOwn(of.codes, code) ? of.codes[code] : undefined;
  if (display === undefined) throw new Error(`${of.title} has no code ${code}`);
  return { system: of.system, code, display };
}
