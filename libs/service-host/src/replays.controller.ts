import { requireOperator } from '@baton/access';
import { refuse } from '@baton/kernel';
import type { Replay, Replays } from '@baton/messaging';
import { Body, Controller, Get, HttpCode, Param, Post, Req, Res, type Type } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { answers, readInput, takes } from './api-schema.js';
import { OperatorsActions } from './operators-actions.js';
import { ReplayList, ReplayRequest, ReplayView } from './replays.schema.js';
import type { AuthenticatedRequest, Host } from './service.js';

/** The operators' API by which one service takes again what was published in a stretch of time: `/api/<service>/v1/replays`. */
export function replaysController(host: Pick<Host, 'audit'>, service: string, replays: Replays): Type {
  const operator = new OperatorsActions(host);

  @ApiTags(`${service}: replays`)
  @ApiBearerAuth()
  @Controller(`api/${service}/v1/replays`)
  class ReplaysController {
    @Post()
    @HttpCode(202)
    @ApiOperation({
      summary: 'Let this service take again what was published in a stretch of time.',
      description: 'For operators (scope `baton/operate`); after a database was brought back from a backup, say. Nothing takes effect twice, and no position moves. Goes on in the background; it may be started again at any time.',
    })
    @takes(ReplayRequest)
    @answers(202, 'Begun. `Location` is where its progress is shown.', ReplayView)
    async start(@Req() { caller }: AuthenticatedRequest, @Body() body: unknown, @Res({ passthrough: true }) reply: FastifyReply): Promise<ReplayView> {
      requireOperator(caller);
      const { since, until } = readInput(ReplayRequest, body);
      const stretch = { since: new Date(since), until: until === undefined ? undefined : new Date(until) };
      const replay = await replays.start(stretch, caller.client, operator.changes(caller, `replay since=${since}${until === undefined ? '' : ` until=${until}`}`));
      reply.header('location', `/api/${service}/v1/replays/${replay.id}`);
      return viewOf(replay);
    }

    @Get()
    @ApiOperation({ summary: 'The replays of the last month, the newest first; a hundred at most.' })
    @answers(200, 'The replays.', ReplayList)
    async list(@Req() { caller }: AuthenticatedRequest): Promise<z.infer<typeof ReplayList>> {
      requireOperator(caller);
      return { replays: (await operator.read(caller, 'list replays', () => replays.list())).map(viewOf) };
    }

    @Get(':id')
    @ApiOperation({ summary: 'How far a replay is.' })
    @answers(200, 'The replay.', ReplayView)
    async look(@Req() { caller }: AuthenticatedRequest, @Param('id') id: string): Promise<ReplayView> {
      requireOperator(caller);
      if (!z.uuid().safeParse(id).success) throw refuse('unknown', 'replay-unknown', 'There is no such replay.');
      return viewOf(await operator.read(caller, `see replay ${id}`, () => replays.look(id)));
    }
  }
  Object.defineProperty(ReplaysController, 'name', { value: `${service.charAt(0).toUpperCase()}${service.slice(1)}ReplaysController` });
  return ReplaysController;
}

const viewOf = ({ since, until, startedAt, endedAt, ...rest }: Replay): ReplayView => ({
  ...rest,
  since: since.toISOString(),
  ...(until ? { until: until.toISOString() } : {}),
  startedAt: startedAt.toISOString(),
  ...(endedAt ? { endedAt: endedAt.toISOString() } : {}),
});
