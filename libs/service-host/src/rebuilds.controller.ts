import { requireOperator } from '@baton/access';
import { refuse } from '@baton/kernel';
import { Body, Controller, Get, HttpCode, Param, Post, Req, Res, type Type } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { answers, readInput, takes } from './api-schema.js';
import { OperatorsActions } from './operators-actions.js';
import type { Rebuild } from './rebuild-job.js';
import type { Rebuilds } from './rebuilds.js';
import { RebuildList, RebuildRequest, RebuildView } from './rebuilds.schema.js';
import type { AuthenticatedRequest, Host } from './service.js';

/** The operators' API by which what one service derived from its record is derived again: `/api/<service>/v1/rebuilds`. */
export function rebuildsController(host: Pick<Host, 'audit'>, service: string, rebuilds: Rebuilds): Type {
  const operator = new OperatorsActions(host);

  @ApiTags(`${service}: rebuilds`)
  @ApiBearerAuth()
  @Controller(`api/${service}/v1/rebuilds`)
  class RebuildsController {
    @Post()
    @HttpCode(202)
    @ApiOperation({
      summary: 'Derive a projection again from what it follows from.',
      description: 'For operators (scope `baton/operate`); after a version that indexes more, or to see that nothing went astray. The service goes on meanwhile, and nobody sees anything half done. Goes on in the background; it may be started again at any time.',
    })
    @takes(RebuildRequest)
    @answers(202, 'Begun. `Location` is where its progress is shown.', RebuildView)
    async start(@Req() { caller }: AuthenticatedRequest, @Body() body: unknown, @Res({ passthrough: true }) reply: FastifyReply): Promise<RebuildView> {
      requireOperator(caller);
      const { projection, mend } = readInput(RebuildRequest, body);
      const rebuild = await rebuilds.start(projection, mend, caller.client, operator.changes(caller, `rebuild projection=${projection}${mend ? '' : ' mend=false'}`));
      reply.header('location', `/api/${service}/v1/rebuilds/${rebuild.id}`);
      return viewOf(rebuild);
    }

    @Get()
    @ApiOperation({ summary: 'The rebuilds of the last month, the newest first; a hundred at most.' })
    @answers(200, 'The rebuilds.', RebuildList)
    async list(@Req() { caller }: AuthenticatedRequest): Promise<z.infer<typeof RebuildList>> {
      requireOperator(caller);
      return { rebuilds: (await operator.read(caller, 'list rebuilds', () => rebuilds.list())).map(viewOf) };
    }

    @Get(':id')
    @ApiOperation({ summary: 'How far a rebuild is.' })
    @answers(200, 'The rebuild.', RebuildView)
    async look(@Req() { caller }: AuthenticatedRequest, @Param('id') id: string): Promise<RebuildView> {
      requireOperator(caller);
      if (!z.uuid().safeParse(id).success) throw refuse('unknown', 'rebuild-unknown', 'There is no such rebuild.');
      return viewOf(await operator.read(caller, `see rebuild ${id}`, () => rebuilds.look(id)));
    }
  }
  Object.defineProperty(RebuildsController, 'name', { value: `${service.charAt(0).toUpperCase()}${service.slice(1)}RebuildsController` });
  return RebuildsController;
}

const viewOf = ({ startedAt, endedAt, ...rest }: Rebuild): RebuildView => ({ ...rest, startedAt: startedAt.toISOString(), ...(endedAt ? { endedAt: endedAt.toISOString() } : {}) });
