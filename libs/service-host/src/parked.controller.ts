import { requireOperator, type Audited } from '@baton/access';
import { refuse } from '@baton/kernel';
import type { Parked, ParkedFilter, Parking, RetryJob } from '@baton/messaging';
import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res, type Type } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { answers, readInput, takes } from './api-schema.js';
import { OperatorsActions } from './operators-actions.js';
import {
  cursorOf,
  DiscardedPage,
  DiscardedQuery,
  DiscardRequest,
  GaveUp,
  GroupDiscardRequest,
  Groups,
  ListQuery,
  OpenedEventView,
  ParkedKeyView,
  ParkedPage,
  placeOf,
  Restored,
  Retries,
  Retry,
  RetryRequest,
} from './parked.schema.js';
import type { AuthenticatedRequest, Host } from './service.js';

/** Events of one key that are shown at most. */
const EVENTS_AT_MOST = 200;

const filterText = (filter: ParkedFilter): string =>
  Object.entries(filter)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${value as string}`)
    .join('');

/** The operators' API of a service that listens to events: what it could not apply, at `/api/<service>/v1/parked` and `…/discarded`. */
export function parkedController(host: Host, service: string, parking: Parking): Type {
  const operator = new OperatorsActions(host);

  @ApiTags(`${service}: parked events`)
  @ApiBearerAuth()
  @Controller(`api/${service}/v1`)
  class ParkedController {
    @Get('parked')
    @ApiOperation({ summary: 'Keys that are shut because an event of theirs could not be applied, the oldest first.', description: 'For operators (scope `baton/operate`), as all of this. Ids and codes only.' })
    @ApiQuery({ name: 'error', required: false, description: 'Class of the failure, as listed' })
    @ApiQuery({ name: 'topic', required: false })
    @ApiQuery({ name: 'limit', required: false, description: '1 to 200, default 50' })
    @ApiQuery({ name: 'cursor', required: false, description: '`next` of the page before' })
    @answers(200, 'A page of keys.', ParkedPage)
    async list(@Req() { caller }: AuthenticatedRequest, @Query() query: Record<string, unknown>): Promise<ParkedPage> {
      requireOperator(caller);
      const { error, topic, limit, cursor } = readInput(ListQuery, query);
      const { items, next } = await operator.read(caller, `list parked${filterText({ topic, error })}`, () => parking.list({ error, topic, limit, after: placeOf(cursor), events: 1 }));
      return { parked: items.map(({ events: [failed], ...key }) => ({ ...keyView(key), ...(failed ? { failed } : {}) })), ...(next ? { next: cursorOf(next) } : {}) };
    }

    @Get('parked/groups')
    @ApiOperation({ summary: 'What is parked, by topic and class of failure: how much, and since when.' })
    @answers(200, 'The groups, the one with the oldest key first.', Groups)
    async groups(@Req() { caller }: AuthenticatedRequest): Promise<Groups> {
      requireOperator(caller);
      const groups = await operator.read(caller, 'list groups of parked', () => parking.groups());
      return { groups: groups.map(({ oldest, newest, ...group }) => ({ ...group, oldest: oldest.toISOString(), newest: newest.toISOString() })) };
    }

    @Post('parked/retries')
    @HttpCode(202)
    @ApiOperation({ summary: 'Apply what is parked, in order: one key, a group, or everything.', description: 'Goes on in the background; the answer names where its progress is shown. It may be started again at any time.' })
    @takes(RetryRequest)
    @answers(202, 'Begun. `Location` is where its progress is shown.', Retry)
    async retry(@Req() { caller }: AuthenticatedRequest, @Body() body: unknown, @Res({ passthrough: true }) reply: FastifyReply): Promise<Retry> {
      requireOperator(caller);
      const filter = readInput(RetryRequest, body);
      const job = await parking.startRetry(filter, caller.client, operator.changes(caller, `retry parked${filterText(filter)}`));
      reply.header('location', `/api/${service}/v1/parked/retries/${job.id}`);
      return retryView(job);
    }

    @Get('parked/retries')
    @ApiOperation({ summary: 'The retries of the last month, the newest first; a hundred at most.' })
    @answers(200, 'The retries.', Retries)
    async retries(@Req() { caller }: AuthenticatedRequest): Promise<z.infer<typeof Retries>> {
      requireOperator(caller);
      return { retries: (await operator.read(caller, 'list retries', () => parking.retryJobs())).map(retryView) };
    }

    @Get('parked/retries/:id')
    @ApiOperation({ summary: 'How far a retry is.' })
    @answers(200, 'The retry.', Retry)
    async progress(@Req() { caller }: AuthenticatedRequest, @Param('id') id: string): Promise<Retry> {
      requireOperator(caller);
      if (!isUuid(id)) throw refuse('unknown', 'retry-unknown', 'There is no such retry.');
      return retryView(await operator.read(caller, `see retry ${id}`, () => parking.retryJob(id)));
    }

    @Post('parked/discards')
    @HttpCode(200)
    @ApiOperation({ summary: 'Give up the failed event of each key of a group.', description: 'What stands behind it is not given up; it waits for a retry.' })
    @takes(GroupDiscardRequest)
    @answers(200, 'How many events.', GaveUp)
    async discardGroup(@Req() { caller }: AuthenticatedRequest, @Body() body: unknown): Promise<{ events: number }> {
      requireOperator(caller);
      const { reason, ...group } = readInput(GroupDiscardRequest, body);
      if (group.topic === undefined && group.error === undefined) throw refuse('rule-broken', 'group-unnamed', 'Name the topic, the error class or both: not everything is given up at once.', { at: ['topic', 'error'] });
      return { events: await parking.discardGroup(group, { reason, by: caller.client }, operator.changes(caller, `discard group${filterText(group)}`)) };
    }

    @Get('parked/:topic/:key')
    @ApiOperation({ summary: 'One key with what waits behind the event it stumbled on.' })
    @ApiParam({ name: 'key', description: 'Percent-encoded, as every part of an address' })
    @answers(200, 'The key.', ParkedKeyView)
    async look(@Req() { caller }: AuthenticatedRequest, @Param('topic') topic: string, @Param('key') key: string): Promise<ParkedKeyView> {
      requireOperator(caller);
      const { events, ...parked } = await operator.read(caller, `look at ${topic}/${key}`, () => parking.look({ topic, key }, EVENTS_AT_MOST));
      return { ...keyView(parked), events: [...events] };
    }

    @Get('parked/:topic/:key/events/:id')
    @ApiOperation({ summary: 'One parked event with what it says; scope `baton/operate-content`.' })
    @answers(200, 'The event.', OpenedEventView)
    async open(@Req() { caller }: AuthenticatedRequest, @Param('topic') topic: string, @Param('key') key: string, @Param('id') id: string): Promise<object> {
      requireOperator(caller, 'content');
      return operator.read(caller, `open ${topic}/${key} ${eventId(id)}`, () => parking.open(id, { topic, key }), aboutWhom);
    }

    @Post('parked/:topic/:key/events/:id/discard')
    @HttpCode(204)
    @ApiOperation({ summary: 'Give up one event, with a reason. What stands behind it waits for a retry.' })
    @takes(DiscardRequest)
    @answers(204, 'Given up; it can be restored.')
    async discard(@Req() { caller }: AuthenticatedRequest, @Param('topic') topic: string, @Param('key') key: string, @Param('id') id: string, @Body() body: unknown): Promise<void> {
      requireOperator(caller);
      const { reason } = readInput(DiscardRequest, body);
      await parking.discard({ topic, key }, eventId(id), { reason, by: caller.client }, operator.changes(caller, `discard ${topic}/${key} ${id}`));
    }

    @Get('discarded')
    @ApiOperation({ summary: 'What was given up, the newest first, each with its reason.' })
    @ApiQuery({ name: 'limit', required: false, description: '1 to 200, default 50' })
    @ApiQuery({ name: 'cursor', required: false, description: '`next` of the page before' })
    @answers(200, 'A page of events.', DiscardedPage)
    async discarded(@Req() { caller }: AuthenticatedRequest, @Query() query: Record<string, unknown>): Promise<DiscardedPage> {
      requireOperator(caller);
      const { cursor, limit } = readInput(DiscardedQuery, query);
      const { items, next } = await operator.read(caller, 'list discarded', () => parking.discarded(placeOf(cursor), limit));
      return { discarded: items.map(({ discardedAt, ...event }) => ({ ...event, discardedAt: discardedAt.toISOString() })), ...(next ? { next: cursorOf(next) } : {}) };
    }

    @Get('discarded/:id')
    @ApiOperation({ summary: 'One event that was given up, with what it says; scope `baton/operate-content`.' })
    @answers(200, 'The event.', OpenedEventView)
    async openDiscarded(@Req() { caller }: AuthenticatedRequest, @Param('id') id: string): Promise<object> {
      requireOperator(caller, 'content');
      return operator.read(caller, `open ${eventId(id)}`, () => parking.open(id), aboutWhom);
    }

    @Post('discarded/:id/restore')
    @HttpCode(200)
    @ApiOperation({ summary: 'Take an event back to its place before all later ones of its key; the key is shut until it is retried.' })
    @answers(200, 'Where it is parked.', Restored)
    async restore(@Req() { caller }: AuthenticatedRequest, @Param('id') id: string): Promise<{ topic: string; key: string }> {
      requireOperator(caller);
      return parking.restore(eventId(id), operator.changes(caller, `restore ${id}`));
    }
  }
  Object.defineProperty(ParkedController, 'name', { value: `${service.charAt(0).toUpperCase()}${service.slice(1)}ParkedController` });
  return ParkedController;
}

/** Loosely: others may send events, whose ids PostgreSQL takes though no RFC does. */
const isUuid = (id: string): boolean => z.guid().safeParse(id).success;

/** An id that can be none is answered like one that is none. */
function eventId(id: string): string {
  if (!isUuid(id)) throw refuse('unknown', 'not-parked', 'No such event is parked here.');
  return id;
}

/** Whose data is shown by opening an event: events hold ids, the young person's among them. */
const aboutWhom = ({ data }: { readonly data: Readonly<Record<string, unknown>> }): Partial<Audited> => (typeof data['patient'] === 'string' ? { patient: data['patient'].slice(0, 64) } : {});

const keyView = ({ consumer: _consumer, firstSeen, lastSeen, ...key }: Omit<Parked, 'events'>) => ({ ...key, firstSeen: firstSeen.toISOString(), lastSeen: lastSeen.toISOString() });

const retryView = ({ startedAt, endedAt, ...job }: RetryJob): Retry => ({ ...job, startedAt: startedAt.toISOString(), ...(endedAt ? { endedAt: endedAt.toISOString() } : {}) });
