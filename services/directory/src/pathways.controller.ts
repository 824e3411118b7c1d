import { Pathway } from '@baton/contracts';
import { refuse } from '@baton/kernel';
import type { Reader } from '@baton/postgres';
import { Controller, Get, Inject, Module, Param, Query, type DynamicModule } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { findPathway, listVersions } from './pathway.store.js';

const PathwayVersions = z
  .object({
    pathways: z
      .array(
        z.object({
          id: z.string().describe('Pathway id.'),
          version: z.string(),
          title: z.string(),
          publisher: z.string(),
          inForceFrom: z.iso.datetime().describe('First instant referrals are judged by this version.'),
          inForceUntil: z.iso.datetime().nullable().describe('First instant the next version is; null for the last.'),
          inForce: z.boolean().describe('Referrals are judged by it now.'),
        }),
      )
      .describe('Every version, newest first within each pathway.'),
  })
  .meta({ id: 'PathwayVersions' });
type PathwayVersions = z.infer<typeof PathwayVersions>;

const DATABASE = Symbol('database of the directory');

/** The pathways as data, for every partner: what is expected of whom, in the very words the rules judge by. */
@ApiTags('pathways')
@ApiBearerAuth()
@Controller('api/directory/v1/pathways')
export class PathwaysController {
  constructor(@Inject(DATABASE) private readonly database: Reader) {}

  @Get()
  @ApiOperation({ summary: 'All pathways and their versions' })
  @ApiOkResponse({ standardSchema: PathwayVersions })
  async list(): Promise<PathwayVersions> {
    const versions = await listVersions(this.database);
    return {
      pathways: versions.map(({ in_force_from, in_force_until, in_force, ...rest }) => ({
        ...rest,
        inForceFrom: in_force_from.toISOString(),
        inForceUntil: in_force_until?.toISOString() ?? null,
        inForce: in_force,
      })),
    };
  }

  @Get(':id')
  @ApiOperation({ summary: 'One pathway as data: the version in force, or the one that is named' })
  @ApiParam({ name: 'id', description: 'Pathway id' })
  @ApiQuery({ name: 'version', required: false, description: 'A version; a referral names the one it was judged by' })
  @ApiOkResponse({ standardSchema: Pathway })
  async one(@Param('id') id: string, @Query('version') version?: unknown): Promise<Pathway> {
    // A parameter that is given twice comes as a list.
    if (version !== undefined && typeof version !== 'string') throw refuse('malformed', 'one-version', 'Name one version.', { at: ['version'] });
    const pathway = await findPathway(this.database, id, version);
    if (!pathway) throw refuse('unknown', 'pathway-unknown', version === undefined ? 'No such pathway is in force.' : 'There is no such version of a pathway.');
    return pathway;
  }
}

/** Serves the pathways. */
@Module({})
export class PathwaysModule {
  static with(database: Reader): DynamicModule {
    return { module: PathwaysModule, controllers: [PathwaysController], providers: [{ provide: DATABASE, useValue: database }] };
  }
}
