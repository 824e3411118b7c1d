import { z } from 'zod';

const time = z.iso.datetime({ offset: true });

export const ReplayRequest = z
  .strictObject({ since: time.meta({ description: 'Events published at this moment or later' }), until: time.optional().meta({ description: 'and before this one; what is there when it begins, if left out' }) })
  .refine(({ since, until }) => until === undefined || Date.parse(since) < Date.parse(until), { path: ['until'], message: 'must be later than since' })
  .meta({ id: 'ReplayRequest' });

export const ReplayView = z
  .object({
    id: z.uuid(),
    since: time,
    until: time.optional(),
    startedBy: z.string(),
    state: z.enum(['running', 'done', 'stopped']).meta({ description: '`stopped`: it failed, or the process that did it ended; start it again' }),
    read: z.number().int().meta({ description: 'Events that were read again' }),
    applied: z.number().int().meta({ description: 'Events of these that had not taken effect before, and have now' }),
    parked: z.number().int().meta({ description: 'Events of these that could not be applied, or wait behind one' }),
    lastError: z.string().optional().meta({ description: 'Class of the failure that ended it' }),
    startedAt: time,
    endedAt: time.optional(),
  })
  .meta({ id: 'Replay' });
export const ReplayList = z.object({ replays: z.array(ReplayView) }).meta({ id: 'ReplayList' });
export type ReplayView = z.infer<typeof ReplayView>;
