import { crashPoint } from '@baton/kernel';
import { type Database, perSchema, type Schema } from '@baton/postgres';
import { publisherOf } from './envelope.js';
import { LIFE } from './life.js';
import type { Position } from './log.js';
import { statement } from '@baton/postgres';

/** A partition that a member holds: how far the group is, and the epoch that lets it move that. */
export interface Held extends Position {
  readonly epoch: number;
}

/** What was claimed, and in which life of the database. */
export interface Claimed extends Held {
  readonly life: string;
}

/** Who a member is. */
export interface Membership {
  readonly group: string;
  readonly member: string;
  readonly topics: readonly string[];
  /** Milliseconds for which a sign of life counts. */
  readonly ttl: number;
}

/** What a member learns with each sign of life. */
export interface Census {
  /** Life of the database. If it is another one than before, what was handled and stored since a while may be undone. */
  readonly life: string;
  /** Partitions it holds, renewed. */
  readonly mine: readonly { topic: string; partition: number; epoch: number }[];
  /** Partitions known of each of its topics, and how many other members live that read the topic. */
  readonly topics: readonly { topic: string; partitions: number; others: number }[];
}

const signOfLife = perSchema(
  (schema) => `WITH me AS (
      INSERT INTO ${schema}.consumer_member (grp, topic, member, until)
      SELECT $1::text, topic, $2::uuid, clock_timestamp() + $4::int * interval '1 ms' FROM unnest($3::text[]) AS topic
      ON CONFLICT (grp, topic, member) DO UPDATE SET until = EXCLUDED.until
    ), dead AS (
      DELETE FROM ${schema}.consumer_member WHERE grp = $1::text AND member <> $2::uuid AND until < clock_timestamp() - interval '1 minute'
    ), renewed AS (
      UPDATE ${schema}.consumer_offset SET until = clock_timestamp() + $4::int * interval '1 ms'
      WHERE grp = $1::text AND holder = $2::uuid RETURNING topic, partition, epoch
    )
    SELECT ${LIFE} AS life, (SELECT coalesce(json_agg(renewed), '[]') FROM renewed) AS mine,
      (SELECT json_agg(json_build_object('topic', t,
        'partitions', (SELECT count(*) FROM ${schema}.consumer_offset o WHERE o.grp = $1::text AND o.topic = t),
        'others', (SELECT count(*) FROM ${schema}.consumer_member m WHERE m.grp = $1::text AND m.topic = t AND m.member <> $2::uuid AND m.until > clock_timestamp())))
       FROM unnest($3::text[]) AS t) AS topics`,
);

const claim = perSchema(
  (schema) => `WITH free AS MATERIALIZED (
      SELECT c.topic, c.partition FROM unnest($4::text[], $5::int[]) AS w(topic, most) CROSS JOIN LATERAL (
        SELECT o.topic, o.partition FROM ${schema}.consumer_offset o
        WHERE o.grp = $1::text AND o.topic = w.topic AND (o.holder IS NULL OR o.until < clock_timestamp())
        ORDER BY o.partition LIMIT w.most FOR UPDATE SKIP LOCKED
      ) c
    )
    UPDATE ${schema}.consumer_offset o SET holder = $2::uuid, epoch = o.epoch + 1, until = clock_timestamp() + $3::int * interval '1 ms'
    FROM free WHERE o.grp = $1::text AND o.topic = free.topic AND o.partition = free.partition
    RETURNING o.topic, o.partition::int AS partition, o.next, o.epoch::float8 AS epoch, ${LIFE} AS life`,
);

const commit = perSchema(
  (schema) => `UPDATE ${schema}.consumer_offset o SET next = p.next
    FROM unnest($3::text[], $4::int[], $5::bigint[], $6::bigint[]) AS p(topic, partition, next, epoch)
    WHERE o.grp = $1::text AND o.holder = $2::uuid AND o.topic = p.topic AND o.partition = p.partition AND o.epoch = p.epoch AND $7::text = ${LIFE}
    RETURNING o.topic, o.partition::int AS partition`,
);

const release = perSchema(
  (schema) => `UPDATE ${schema}.consumer_offset o SET holder = NULL, until = '-infinity'
    FROM unnest($3::text[], $4::int[]) AS p(topic, partition)
    WHERE o.grp = $1::text AND o.holder = $2::uuid AND o.topic = p.topic AND o.partition = p.partition`,
);

const leave = perSchema((schema) => `DELETE FROM ${schema}.consumer_member WHERE grp = $1::text AND member = $2::uuid`);

/** A group's positions and leases, in the schema of the service that consumes. */
export class GroupPositions {
  constructor(
    private readonly database: Database,
    private readonly schema: Schema,
    private readonly who: Membership,
  ) {}

  /** Says that this member lives and renews its leases. */
  async signOfLife(): Promise<Census> {
    const { group, member, topics, ttl } = this.who;
    const [row] = await this.database.query<Census>(signOfLife(this.schema), [group, member, topics, ttl]);
    crashPoint('consumer.alive');
    return row!;
  }

  /** Makes the rows of topics the group has not met yet; it begins with the oldest entry kept. */
  async discover(topics: readonly string[]): Promise<void> {
    for (const publisher of new Set(topics.map(publisherOf))) {
      const own = topics.filter((topic) => publisherOf(topic) === publisher);
      await this.database.query(discovery(this.schema, publisher), [this.who.group, own]);
      crashPoint('consumer.partitions-found');
    }
  }

  /** Takes partitions that nobody holds or whose holder fell silent. */
  async claim(wanted: ReadonlyMap<string, number>): Promise<Claimed[]> {
    const { group, member, ttl } = this.who;
    const rows = await this.database.query<Omit<Claimed, 'next'> & { next: string }>(claim(this.schema), [group, member, ttl, [...wanted.keys()], [...wanted.values()]]);
    crashPoint('consumer.partitions-claimed');
    return rows.map((row) => ({ ...row, next: Number(row.next) }));
  }

  /**
   * Stores positions, in the life of the database in which they were reached: the next one may have forgotten what lies before them.
   * @returns the partitions whose position was moved: the others belong to another member by now, or are to be claimed anew
   */
  async commit(positions: readonly Held[], life: string): Promise<readonly { topic: string; partition: number }[]> {
    return this.database.query(commit(this.schema), [
      this.who.group,
      this.who.member,
      positions.map((at) => at.topic),
      positions.map((at) => at.partition),
      positions.map((at) => at.next),
      positions.map((at) => at.epoch),
      life,
    ]);
  }

  /** Lets others have partitions at once. */
  async release(partitions: readonly { topic: string; partition: number }[]): Promise<void> {
    await this.database.query(release(this.schema), [this.who.group, this.who.member, partitions.map((at) => at.topic), partitions.map((at) => at.partition)]);
    crashPoint('consumer.partitions-released');
  }

  /** Ends the membership. */
  async leave(): Promise<void> {
    await this.database.query(leave(this.schema), [this.who.group, this.who.member]);
    crashPoint('consumer.left');
  }
}

const discovery = (schema: Schema, publisher: Schema) =>
  statement(`INSERT INTO ${schema}.consumer_offset (grp, topic, partition, next)
    SELECT $1::text, h.topic, h.partition, coalesce((SELECT min(l."offset") FROM ${publisher}.log_v1 l WHERE l.topic = h.topic AND l.partition = h.partition), h.next)
    FROM ${publisher}.log_head_v1 h WHERE h.topic = ANY($2::text[]) ON CONFLICT DO NOTHING`);

const behind = (schema: Schema, publisher: Schema) =>
  statement(`SELECT o.topic, o.partition::int AS partition, (h.next - o.next)::float8 AS events
    FROM ${schema}.consumer_offset o JOIN ${publisher}.log_head_v1 h ON h.topic = o.topic AND h.partition = o.partition WHERE o.grp = $1::text ORDER BY 1, 2`);

const topicsOf = perSchema((schema) => `SELECT DISTINCT topic FROM ${schema}.consumer_offset WHERE grp = $1::text`);

/** Events of each partition that a group has not committed. */
export async function groupLag(database: Database, schema: Schema, group: string): Promise<{ topic: string; partition: number; events: number }[]> {
  const topics = await database.query<{ topic: string }>(topicsOf(schema), [group]);
  const publishers = [...new Set(topics.map(({ topic }) => publisherOf(topic)))];
  return (await Promise.all(publishers.map((publisher) => database.query<{ topic: string; partition: number; events: number }>(behind(schema, publisher), [group])))).flat();
}
