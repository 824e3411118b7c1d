import type { GroupMemberAssignment, PartitionAssigner } from 'kafkajs';
import { kafkajs } from './client.js';

/** A member of a group, and what it wants to read. */
export interface Candidate {
  readonly memberId: string;
  readonly topics: readonly string[];
}

/** Topic → partitions, of one member. */
export type Share = Record<string, number[]>;

const NAME = 'baton-by-topic';
const VERSION = 1;

/**
 * Gives each partition to one of the members that read its topic: evenly per topic, and over all. kafkajs' own assigner takes what one member reads for what
 * all of them do: while old and new versions of a service run side by side, the new one's topics would be nobody's, or given to who ignores them.
 */
export function shareOut(members: readonly Candidate[], partitions: ReadonlyMap<string, readonly number[]>): Map<string, Share> {
  const shares = new Map(members.map(({ memberId }): [string, Share] => [memberId, {}]));
  const held = new Map(members.map(({ memberId }) => [memberId, 0]));
  for (const topic of [...partitions.keys()].sort()) {
    const readers = members.filter(({ topics }) => topics.includes(topic)).map(({ memberId }) => memberId);
    const ofTopic = (member: string): number => shares.get(member)![topic]?.length ?? 0;
    for (const partition of [...partitions.get(topic)!].sort((a, b) => a - b)) {
      const [next] = readers.sort((a, b) => ofTopic(a) - ofTopic(b) || held.get(a)! - held.get(b)! || (a < b ? -1 : 1));
      if (next === undefined) break;
      (shares.get(next)![topic] ??= []).push(partition);
      held.set(next, held.get(next)! + 1);
    }
  }
  return shares;
}

/** `shareOut` for kafkajs. */
export const assignByTopic: PartitionAssigner = ({ cluster }) => {
  const { MemberAssignment, MemberMetadata } = kafkajs().AssignerProtocol;
  return {
    name: NAME,
    version: VERSION,
    protocol: ({ topics }) => ({ name: NAME, metadata: MemberMetadata.encode({ version: VERSION, topics, userData: Buffer.alloc(0) }) }),
    assign: async ({ members }): Promise<GroupMemberAssignment[]> => {
      const candidates = members.map(({ memberId, memberMetadata }) => ({ memberId, topics: MemberMetadata.decode(memberMetadata)?.topics ?? [] }));
      const topics = [...new Set(candidates.flatMap((member) => member.topics))];
      // Of what only others read, the leader of the group has not heard yet. A topic that is not there must not keep the group from the others.
      await cluster.addMultipleTargetTopics(topics).catch(() => undefined);
      const partitions = new Map(topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)]));
      return [...shareOut(candidates, partitions)].map(([memberId, assignment]) => ({ memberId, memberAssignment: MemberAssignment.encode({ version: VERSION, assignment, userData: Buffer.alloc(0) }) }));
    },
  };
};
