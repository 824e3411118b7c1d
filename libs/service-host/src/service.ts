import type { AuditGatherer, EgressPolicy, Sealer, TokenVerifier } from '@baton/access';
import type { Caller, Clock, Refused } from '@baton/kernel';
import type { PageLinks, TypeRules } from '@baton/fhir-store';
import type { Handlers, Transport } from '@baton/messaging';
import type { Database, Projection, Schema } from '@baton/postgres';
import type { DynamicModule, Type } from '@nestjs/common';
import type { MigrationInterface } from 'typeorm';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';

/** What a service is given when it starts; it reaches for nothing else. */
export interface Host {
  /** Its own schema, under its own role. */
  readonly database: Database;
  readonly transport: Transport;
  readonly tokens: TokenVerifier;
  /** Reads are audited through this before they are answered. */
  readonly audit: AuditGatherer;
  readonly sealer: Sealer;
  readonly pages: PageLinks;
  readonly egress: EgressPolicy;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** `BATON_HOME`: keys, secrets, data. */
  readonly home: string;
  /** Base URL of the FHIR interface as partners know it, without slash at the end; final once the port is bound. */
  readonly fhirBase: () => string;
  /** Configuration by name, from the environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Work that goes on in the background: a scan, a delivery queue. */
export interface Worker {
  readonly name: string;
  start(): void;
  /** Finishes what is in hand; resolves when nothing of it runs any more. */
  stop(): Promise<void>;
  /** Anything but `ok` turns `/health/ready` red. */
  health?(): 'ok' | 'failing';
}

/** A FHIR operation on offer. */
export interface FhirOperation {
  /** `everything`, without the dollar sign. */
  readonly name: string;
  /** Canonical of its OperationDefinition. */
  readonly definition: string;
  /** The type it belongs to; none: the system's. */
  readonly type?: string;
}

/** One deployable: what it stores, what it listens to, what it does by itself, what it offers besides FHIR. */
export interface Service {
  /** Its name, schema and role. */
  readonly name: Schema;
  readonly migrations: readonly (new () => MigrationInterface)[];
  /** FHIR types it stores; their endpoints are made from the rules. */
  readonly types: readonly TypeRules[];
  /** It publishes events: a relay carries its outbox. */
  readonly publishes: boolean;
  /** Event → handler; the consumer's group is the service's name. */
  readonly handlers?: (host: Host) => Handlers;
  readonly workers?: (host: Host) => readonly Worker[];
  /** What it derives from its record, beside the search index of its types. */
  readonly projections?: readonly Projection[];
  /** Nest controllers and modules of its own APIs (`/api/<service>/v1`). */
  readonly modules?: (host: Host) => readonly (DynamicModule | Type)[];
  /** FHIR operations that its modules serve, for the CapabilityStatement. */
  readonly operations?: readonly FhirOperation[];
  /** Addresses it answers besides its FHIR types and `/api/<name>`, as prefixes: for the proxy that stands before services. */
  readonly routes?: readonly string[];
  /** Types that it stores and whose endpoints the gateway offers: their writes may reach across services. */
  readonly fronted?: readonly string[];
  /** Services whose commands it carries out, each under that service's role (gateway). */
  readonly composes?: readonly Service[];
  /** It prepares the audit schema, as role `baton_audit`, and makes its partitions in time (gateway). */
  readonly keepsAudit?: boolean;
  /** Gives its commands what they need in this process (keys, policies); also called where they are only composed. */
  readonly equip?: (host: Pick<Host, 'home' | 'egress' | 'sealer'>) => Promise<void>;
  /** Runs once after migration and before anything is answered: load a pathway, register partners. */
  readonly prepare?: (host: Host) => Promise<void>;
  /** Told of each refusal of a request, after its transaction was rolled back: to count what was refused. Where it is only composed, `host` is that of the gateway. */
  readonly onRefused?: (host: Host, caller: Caller, refused: Refused) => Promise<void>;
}

/** The caller of a request, as the token guard left it on the request. */
export interface AuthenticatedRequest {
  readonly caller: Caller;
}
