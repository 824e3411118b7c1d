import { z } from 'zod';

const time = z.iso.datetime({ offset: true });

export const RebuildRequest = z
  .strictObject({
    projection: z.string().meta({ description: '`search`: the search index · `access` (consent): who may see what' }),
    mend: z.boolean().default(true).meta({ description: 'false: what differs is only counted' }),
  })
  .meta({ id: 'RebuildRequest' });

export const RebuildView = z
  .object({
    id: z.uuid(),
    projection: z.string(),
    mend: z.boolean(),
    startedBy: z.string(),
    state: z.enum(['running', 'done', 'stopped']).meta({ description: '`stopped`: it failed, or the process that did it ended; start it again' }),
    looked: z.number().int().meta({ description: 'Resources or persons for which it was derived again' }),
    missing: z.number().int().meta({ description: 'Rows that were missing' }),
    surplus: z.number().int().meta({ description: 'Rows that should not have been there' }),
    lastError: z.string().optional().meta({ description: 'Class of the failure that ended it' }),
    startedAt: time,
    endedAt: time.optional(),
  })
  .meta({ id: 'Rebuild' });
export const RebuildList = z.object({ rebuilds: z.array(RebuildView) }).meta({ id: 'RebuildList' });
export type RebuildView = z.infer<typeof RebuildView>;
