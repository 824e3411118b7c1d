import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type AclEntry, type Admin } from 'kafkajs';
import { aclRules, type AclRule } from './acls.js';
import { withAdmin, type KafkaConnection } from './admin.js';

export interface AppliedAcls {
  /** How many rights were granted that were not there. */
  readonly granted: number;
  /** Rights of Baton's own users that no rule plans, in words: left as they are. */
  readonly astray: readonly string[];
}

/** The brokers do not let rights be applied. The message says why, and what to do. */
export class AclsRefused extends Error {
  override readonly name = 'AclsRefused';
}

/**
 * Makes the brokers hold the rights that are planned. May run again at any time: what is there stays.
 *
 * Nothing is taken away. A right that a version before planned may still be used by its processes, and one that somebody granted to a
 * user of Baton has a reason we do not know: such rights are returned as `astray`, for whoever runs the cluster to remove.
 * @param connection of a user who may grant: one of the brokers' `super.users`, or one with `Alter` and `Describe` on the cluster
 * @throws AclsRefused where the brokers have no authorizer, or this user may not grant
 */
export async function applyAcls(brokers: string, rules: readonly AclRule[] = aclRules(), connection: KafkaConnection = {}): Promise<AppliedAcls> {
  const planned = new Map(rules.flatMap(entriesOf).map((entry) => [inWords(entry), entry]));
  const own = new Set(rules.map(({ principal }) => principal));
  return withAdmin(brokers, async (admin) => {
    const there = await rightsOn(admin);
    const missing = [...planned.keys()].filter((words) => !there.has(words));
    if (missing.length > 0) {
      await admin.createAcls({ acl: missing.map((words) => planned.get(words)!) }).catch(refuse);
      await untilHeard(admin, missing);
    }
    return { granted: missing.length, astray: [...there].filter(([words, { principal }]) => own.has(principal) && !planned.has(words)).map(([words]) => words).sort() };
  }, connection);
}

async function rightsOn(admin: Admin): Promise<Map<string, AclEntry>> {
  const { resources } = await admin.describeAcls(ANY).catch(refuse);
  return new Map(resources.flatMap(({ acls, ...resource }) => acls.map((acl): AclEntry => ({ ...resource, ...acl }))).map((entry) => [inWords(entry), entry]));
}

const HEARD_WITHIN = 20_000;

/** A broker hears of a right a moment after the controller stored it. */
async function untilHeard(admin: Admin, granted: readonly string[]): Promise<void> {
  for (const deadline = Date.now() + HEARD_WITHIN; Date.now() < deadline; await sleep(50)) {
    const there = await rightsOn(admin);
    if (granted.every((words) => there.has(words))) return;
  }
}

const { AclResourceTypes, AclOperationTypes, AclPermissionTypes, ResourcePatternTypes } = kafkajs;

const ANY = { resourceType: AclResourceTypes.ANY, resourcePatternType: ResourcePatternTypes.ANY, operation: AclOperationTypes.ANY, permissionType: AclPermissionTypes.ANY };

/** `AlterConfigs` → `ALTER_CONFIGS`, as kafkajs writes it. */
const constant = <Name extends string>(name: string): Name => name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase() as Name;

const entriesOf = ({ principal, resource, name, pattern, operations }: AclRule): AclEntry[] =>
  operations.map((operation) => ({
    principal,
    host: '*',
    permissionType: AclPermissionTypes.ALLOW,
    operation: AclOperationTypes[constant<keyof typeof AclOperationTypes>(operation)],
    resourceType: AclResourceTypes[constant<keyof typeof AclResourceTypes>(resource)],
    resourceName: name,
    resourcePatternType: ResourcePatternTypes[constant<keyof typeof ResourcePatternTypes>(pattern)],
  }));

/** `User:baton-referrals from *: ALLOW WRITE on TOPIC baton.referrals.referral (LITERAL)`: the same right has the same words. */
const inWords = ({ principal, host, permissionType, operation, resourceType, resourceName, resourcePatternType }: AclEntry): string =>
  `${principal} from ${host}: ${nameIn(AclPermissionTypes, permissionType)} ${nameIn(AclOperationTypes, operation)} on ${nameIn(AclResourceTypes, resourceType)} ${resourceName} (${nameIn(ResourcePatternTypes, resourcePatternType)})`;

/** kafkajs' enumerations know no way back, whatever their types say. */
const nameIn = (names: object, value: number): string => Object.entries(names).find(([, each]) => each === value)?.[0] ?? String(value);

const WHY: Readonly<Record<string, string>> = {
  SECURITY_DISABLED: 'the brokers have no authorizer. Set authorizer.class.name there, or leave KAFKA_ACLS off',
  CLUSTER_AUTHORIZATION_FAILED: 'this user may not grant any. Let setup log in as one of the super.users, or leave KAFKA_ACLS off',
};

function refuse(error: unknown): never {
  const { type = '' } = error as { type?: string };
  throw WHY[type] === undefined ? error : new AclsRefused(`KAFKA_ACLS: rights cannot be applied: ${WHY[type]} (${type}).`, { cause: error });
}
