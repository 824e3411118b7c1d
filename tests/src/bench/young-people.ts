import { coding, STATUS_REASON } from '@baton/contracts';
import { REQUEST_STATUS_REASON } from '@baton/referrals';
import { exampleReferral } from '@baton/standalone';
import type { PartnerSystem } from '../partner-system.js';
import type { BatonProcess } from './baton-process.js';
import type { Prepared } from './job.js';
import type { LoadProcess } from './load-process.js';

const AT_ONCE = 8;

/** Makes young people and what is asked for them; each referral is another one's. */
export class YoungPeople {
  private used = 0;
  private waiting: Prepared[] = [];

  constructor(
    private readonly baton: BatonProcess,
    private readonly load: LoadProcess,
    private readonly referrer: PartnerSystem,
  ) {}

  /**
   * Requests that create a ServiceRequest for a Patient that is there. Patients are made now, and everything that follows
   * from them is over when this returns.
   */
  async referrals(count: number): Promise<Prepared[]> {
    const missing = count - this.waiting.length;
    if (missing > 0) await this.add(missing);
    return this.waiting.splice(0, count);
  }

  /** What was made and not sent after all. */
  giveBack(requests: readonly Prepared[]): void {
    this.waiting.push(...requests);
  }

  /** Requests that create a Patient, a Flag and a ServiceRequest in one transaction. */
  bundles(count: number): Prepared[] {
    return Array.from({ length: count }, () => ({ method: 'POST' as const, path: '/fhir/R4', body: JSON.stringify(this.next()) }));
  }

  private async add(count: number): Promise<void> {
    const examples = Array.from({ length: count }, () => this.next().entry!.map(({ resource }) => resource!));
    const requests = examples.map(([patient]) => ({ method: 'POST' as const, path: '/fhir/R4/Patient', body: JSON.stringify(patient) }));
    const { locations, done, failed } = await this.load.requests({ address: this.baton.address, token: await this.referrer.accessToken(), connections: AT_ONCE, seconds: 600, requests });
    if (done < count) throw new Error(`Patients were not stored: ${JSON.stringify(failed)}`);
    examples.forEach(([, , referral], place) => {
      const { supportingInfo: _flag, ...content } = referral as unknown as Record<string, unknown>;
      this.waiting.push({ method: 'POST', path: '/fhir/R4/ServiceRequest', body: JSON.stringify({ ...content, subject: { reference: `Patient/${idIn(locations[place])}` } }) });
    });
    await this.baton.atRest();
  }

  private next(): ReturnType<typeof exampleReferral> {
    return exampleReferral({ index: this.used++, today: new Date() });
  }
}

/** The id in a `Location` or a reference. */
export const idIn = (location: string | undefined): string => /\/([0-9a-f-]{36})(?:\/|$)/.exec(location ?? '')?.[1] ?? '';

/** Operations by which a referrer takes a referral back. */
export const takenBack: string = JSON.stringify([
  { op: 'replace', path: '/status', value: 'revoked' },
  { op: 'add', path: '/extension/-', value: { url: REQUEST_STATUS_REASON, valueCodeableConcept: { coding: [coding(STATUS_REASON, 'no-longer-needed')] } } },
]);
