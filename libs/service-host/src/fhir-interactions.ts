import { permits, requirePermission, type Interaction } from '@baton/access';
import { resourceType } from '@baton/contracts';
import { parseSearch, validateOrRefuse, type Resource, type SearchQuery } from '@baton/fhir';
import {
  aloneOnce,
  conditionalCreate,
  conditionalPatch,
  conditionalRemove,
  conditionalUpdate,
  create,
  DisclosedReads,
  disclosedSearch,
  goneResource,
  history,
  notOffered,
  patch,
  readVersion,
  remove,
  search,
  shown,
  showsMatchesOnly,
  unknownResource,
  update,
  type Change,
  type Found,
  type IdempotencyClaim,
  type ResourceAnswer,
  type StoredRow,
  type TypeRules,
} from '@baton/fhir-store';
import { refuse, type Caller } from '@baton/kernel';
import type { Tx } from '@baton/postgres';
import { recordDisclosure } from './disclosure.js';
import { historyText, searchsetText } from './fhir-bundles.js';
import type { Host } from './service.js';

/** What a FHIR interaction comes to, before HTTP: also an entry of a batch. */
export interface FhirAnswer {
  readonly status: number;
  readonly version?: number;
  readonly lastUpdated?: Date;
  /** Relative to the FHIR base: `ServiceRequest/<id>/_history/1`. */
  readonly location?: string;
  /** JSON text. */
  readonly body?: string;
}

export interface WriteOptions {
  readonly ifMatch?: number | undefined;
  readonly idempotency?: IdempotencyClaim | undefined;
}

/** The RESTful interactions of one FHIR type, as its rules allow and the caller's scopes permit. */
export class FhirInteractions {
  private readonly reads: DisclosedReads;
  /** Searches under way. */
  private searching = 0;

  constructor(
    protected readonly host: Host,
    readonly rules: TypeRules,
  ) {
    this.reads = new DisclosedReads(host.database, rules.type);
  }

  async read(caller: Caller, id: string): Promise<FhirAnswer> {
    this.require(caller, 'read');
    const row = await this.reads.read(caller, id);
    if (!row) throw unknownResource(this.rules.type);
    if (row.deleted) throw goneResource(this.rules.type);
    return { status: 200, version: row.version, lastUpdated: row.last_updated, body: this.shown(caller, row) };
  }

  async vread(caller: Caller, id: string, version: string): Promise<FhirAnswer> {
    this.require(caller, 'vread');
    const number = /^[1-9]\d{0,8}$/.test(version) ? Number(version) : 0;
    const row = await readVersion(this.host.database, caller, this.rules.type, id, number);
    if (!row) throw unknownResource(this.rules.type);
    if (row.method === 'DELETE') throw goneResource(this.rules.type);
    await this.disclosed(caller, 'vread', [row]);
    return { status: 200, version: row.version, lastUpdated: row.last_updated, body: this.shown(caller, row) };
  }

  async history(caller: Caller, id: string, params: URLSearchParams): Promise<FhirAnswer> {
    this.require(caller, 'history-instance');
    const limit = countOf(params);
    const before = /^\d{1,9}$/.exec(params.get('_before') ?? '')?.[0];
    const since = sinceOf(params);
    const rows = await history(this.host.database, caller, this.rules.type, id, { limit: limit + 1, before: before === undefined ? undefined : Number(before), since });
    if (rows.length === 0 && before === undefined && !since) throw unknownResource(this.rules.type);
    const page = rows.slice(0, limit);
    await this.disclosed(caller, 'history', page);
    return { status: 200, body: historyText(this.host.fhirBase(), `${this.rules.type}/${id}`, (row) => this.shown(caller, row), page, params, rows.length > limit) };
  }

  async search(caller: Caller, params: URLSearchParams, handling: 'strict' | 'lenient'): Promise<FhirAnswer> {
    this.require(caller, 'search');
    const query = parseSearch(this.rules.type, params, { handling, base: this.host.fhirBase() });
    for (const type of typesNamed(query)) requirePermission(caller, type, 'search');
    const found = await this.disclosedFind(caller, query, `${this.rules.type}?${params.toString()}`);
    return { status: 200, body: searchsetText(this.host.fhirBase(), (row) => this.shown(caller, row), query, found) };
  }

  /**
   * What is found is audited before this resolves: by the statement that finds it where a search comes alone, and among several by
   * an insert that they share, since a commit of its own costs each of them more than a second statement.
   */
  private async disclosedFind(caller: Caller, query: SearchQuery, asked: string): Promise<Found> {
    const alone = this.searching++ === 0;
    try {
      return await (alone && showsMatchesOnly(query) ? disclosedSearch(this.host.database, caller, query, this.host.pages, asked) : this.findThenDisclose(caller, query, asked));
    } finally {
      this.searching--;
    }
  }

  private async findThenDisclose(caller: Caller, query: SearchQuery, asked: string): Promise<Found> {
    const all = await search(this.host.database, caller, query, this.host.pages);
    // An include that names no type brings what the caller's scopes let it read.
    const found = { ...all, included: all.included.filter((row) => permits(caller, row.type, 'read')) };
    await this.disclosed(caller, 'search', [...found.matches, ...found.included], asked);
    return found;
  }

  async create(caller: Caller, body: unknown, options: WriteOptions & { ifNoneExist?: string | undefined }): Promise<FhirAnswer> {
    if (!this.rules.create) throw notOffered(this.rules.type, 'create');
    this.require(caller, 'create');
    const condition = options.ifNoneExist;
    if (condition !== undefined) this.require(caller, 'search');
    const resource = this.valid(body);
    return this.answer(
      await this.carryOut(caller, options.idempotency, (tx) =>
        condition === undefined ? create(this.rules, tx, caller, { resource }) : conditionalCreate(this.rules, tx, caller, { resource }, condition, this.host.fhirBase()),
      ),
    );
  }

  async update(caller: Caller, id: string, body: unknown, options: WriteOptions): Promise<FhirAnswer> {
    if (!this.rules.update) throw notOffered(this.rules.type, 'update');
    this.require(caller, 'update');
    const resource = this.valid(body);
    return this.answer(await this.carryOut(caller, options.idempotency, (tx) => update(this.rules, tx, caller, { id, resource, ifMatch: options.ifMatch })));
  }

  /** @param condition search parameters, e.g. `identifier=…|…` */
  async conditionalUpdate(caller: Caller, condition: string, body: unknown, { ifMatch, idempotency }: WriteOptions): Promise<FhirAnswer> {
    if (!this.rules.update || !this.writtenByPartners) throw notOffered(this.rules.type, 'update');
    for (const interaction of ['search', 'update', 'create'] as const) this.require(caller, interaction);
    const resource = this.valid(body);
    return this.answer(await this.carryOut(caller, idempotency, (tx) => conditionalUpdate(this.rules, tx, caller, { resource, ifMatch }, condition, this.host.fhirBase())));
  }

  async patch(caller: Caller, id: string, operations: unknown, options: WriteOptions): Promise<FhirAnswer> {
    if (!this.rules.update) throw notOffered(this.rules.type, 'patch');
    this.require(caller, 'patch');
    return this.answer(await this.carryOut(caller, options.idempotency, (tx) => patch(this.rules, tx, caller, { id, operations, ifMatch: options.ifMatch })));
  }

  /** @param condition search parameters */
  async conditionalPatch(caller: Caller, condition: string, operations: unknown, { ifMatch, idempotency }: WriteOptions): Promise<FhirAnswer> {
    if (!this.rules.update || !this.writtenByPartners) throw notOffered(this.rules.type, 'patch');
    for (const interaction of ['search', 'patch'] as const) this.require(caller, interaction);
    return this.answer(await this.carryOut(caller, idempotency, (tx) => conditionalPatch(this.rules, tx, caller, { operations, ifMatch }, condition, this.host.fhirBase())));
  }

  async remove(caller: Caller, id: string, options: WriteOptions): Promise<FhirAnswer> {
    if (!this.rules.remove) throw notOffered(this.rules.type, 'delete');
    this.require(caller, 'delete');
    return this.answer(await this.carryOut(caller, options.idempotency, (tx) => remove(this.rules, tx, caller, { id, ifMatch: options.ifMatch })));
  }

  /** @param condition search parameters */
  async conditionalRemove(caller: Caller, condition: string, { ifMatch, idempotency }: WriteOptions): Promise<FhirAnswer> {
    if (!this.rules.remove || !this.writtenByPartners) throw notOffered(this.rules.type, 'delete');
    for (const interaction of ['search', 'delete'] as const) this.require(caller, interaction);
    return this.answer(await this.carryOut(caller, idempotency, (tx) => conditionalRemove(this.rules, tx, caller, { ifMatch }, condition, this.host.fhirBase())));
  }

  private shown(caller: Caller, row: Pick<StoredRow, 'type' | 'body' | 'owner' | 'category'>): string {
    const body = shown(caller, row);
    return row.type === this.rules.type && this.rules.reveal ? this.rules.reveal(body) : body;
  }

  private answer(answer: ResourceAnswer): FhirAnswer {
    return answerOf(revealed(this.rules, answer));
  }

  /** Carries out one write by itself: one transaction, under the service's own role. */
  protected carryOut(caller: Caller, idempotency: IdempotencyClaim | undefined, command: (tx: Tx) => Promise<Change<ResourceAnswer>>): Promise<ResourceAnswer> {
    return aloneOnce(this.host.database, this.rules.schema, caller, idempotency, command);
  }

  /** What comes from a pathway file is Baton's to write: no condition leads there. */
  private get writtenByPartners(): boolean {
    return resourceType(this.rules.type)?.written === 'partner';
  }

  private require(caller: Caller, interaction: Interaction): void {
    requirePermission(caller, this.rules.type, interaction);
  }

  private valid(body: unknown): Resource {
    return validateOrRefuse(body, this.rules.type);
  }

  /** One audit entry per young person and disclosure, before anything is shown. */
  private disclosed(caller: Caller, interaction: 'vread' | 'search' | 'history', rows: readonly Pick<StoredRow, 'type' | 'id' | 'version' | 'owner' | 'patient'>[], query?: string): Promise<void> {
    return recordDisclosure(this.host, caller, interaction, rows, query);
  }
}

/** The answer with what is stored sealed opened: whoever wrote it, or found it by a condition, owns it. */
export const revealed = (rules: TypeRules, answer: ResourceAnswer): ResourceAnswer => (rules.reveal && answer.body !== '' ? { ...answer, body: rules.reveal(answer.body) } : answer);

/** What is told of a write. */
export function answerOf(answer: ResourceAnswer): FhirAnswer {
  const { outcome, type, id, version, lastUpdated, body } = answer;
  if (outcome === 'deleted' || (outcome === 'unchanged' && body === '')) return { status: 204, version, lastUpdated };
  return {
    status: outcome === 'created' ? 201 : 200,
    version,
    lastUpdated,
    location: `${type}/${id}/_history/${version}`,
    ...(body === '' ? {} : { body }),
  };
}

/** Types besides its own that a search names, in chains and includes: each needs its scope, or answers would tell of them. */
const typesNamed = (query: SearchQuery): Set<string> =>
  new Set([
    ...query.criteria.flatMap((criterion) => (criterion.kind === 'reference' ? (criterion.chain ?? []).map(({ type }) => type) : [])),
    ...query.include.flatMap(({ source, target }) => [source, ...(target === undefined ? [] : [target])]),
    ...query.revinclude.map(({ source }) => source),
  ]);

const COUNT_AT_MOST = 200;

function countOf(params: URLSearchParams): number {
  const text = params.get('_count');
  if (text === null) return 20;
  if (!/^\d{1,6}$/.test(text)) throw refuse('malformed', 'search-value-malformed', '_count must be a whole number.', { at: ['_count'] });
  return Math.min(Math.max(Number(text), 1), COUNT_AT_MOST);
}

function sinceOf(params: URLSearchParams): Date | undefined {
  const text = params.get('_since');
  if (text === null) return undefined;
  const since = new Date(text);
  if (Number.isNaN(since.getTime())) throw refuse('malformed', 'search-value-malformed', '_since must be an instant, e.g. 2026-11-25T08:00:00Z.', { at: ['_since'] });
  return since;
}
