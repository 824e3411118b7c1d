import { requirePermission } from '@baton/access';
import { refuse } from '@baton/kernel';
import type { Database } from '@baton/postgres';
import { answers, type AuthenticatedRequest } from '@baton/service-host';
import { Controller, Get, HttpCode, Inject, Param, Post, Query, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { messagesTo, resendMessage } from './message-delivery.store.js';

/** What the controller works with. */
export class MessageDeliveryApi {
  constructor(readonly db: Database) {}
}

const State = z.enum(['queued', 'waiting', 'parked', 'delivered']);
const Asked = z.object({ state: State.optional(), limit: z.coerce.number().int().min(1).max(200).default(50) });

const MessagePage = z
  .object({
    messages: z.array(
      z.object({
        id: z.uuid().meta({ description: 'Never changes: Bundle.id and X-Request-Id of the message; the webhook-id is `msg_` and this' }),
        referral: z.string().meta({ description: 'ServiceRequest id' }),
        event: z.string().meta({ description: 'CloudEvents type of what happened' }),
        occurred: z.iso.datetime(),
        state: State,
        attempts: z.number().int(),
        failure: z.string().optional().meta({ description: '`no-address`: register an Endpoint for messages' }),
        nextAt: z.iso.datetime().optional(),
      }),
    ),
  })
  .meta({ id: 'MessagePage' });

/** What became of the messages that answer a partner's own: nobody sees another's. */
@ApiTags('notifications')
@ApiBearerAuth()
@Controller('api/notifications/v1/messages')
export class MessageDeliveryController {
  constructor(@Inject(MessageDeliveryApi) private readonly api: MessageDeliveryApi) {}

  @Get()
  @ApiOperation({ summary: 'Messages to you about referrals that you sent as messages, newest first.' })
  @ApiQuery({ name: 'state', required: false, enum: State.options })
  @ApiQuery({ name: 'limit', required: false, description: '1 to 200, default 50' })
  @answers(200, 'A page of messages.', MessagePage)
  async list(@Req() request: AuthenticatedRequest, @Query() query: Record<string, unknown>): Promise<z.infer<typeof MessagePage>> {
    requirePermission(request.caller, 'ServiceRequest', 'read');
    const asked = Asked.safeParse(query);
    if (!asked.success) throw refuse('malformed', 'parameter-malformed', 'state is one of the states of a message, limit is from 1 to 200.');
    const messages = await messagesTo(this.api.db, request.caller.partner, asked.data.state, asked.data.limit);
    return {
      messages: messages.map(({ occurred, next_at, failure, state, ...message }) => ({
        ...message,
        state,
        occurred: occurred.toISOString(),
        ...(failure === null ? {} : { failure }),
        ...(state === 'queued' || state === 'waiting' ? { nextAt: next_at.toISOString() } : {}),
      })),
    };
  }

  @Post(':id/resend')
  @HttpCode(202)
  @ApiOperation({ summary: 'Send a message again, under the same id, rendered as it may be now.' })
  @answers(202, 'Queued again.')
  async again(@Req() request: AuthenticatedRequest, @Param('id') id: string): Promise<{ id: string; state: string }> {
    requirePermission(request.caller, 'ServiceRequest', 'update');
    const found = z.uuid().safeParse(id).success && (await resendMessage(this.api.db, request.caller.partner, id));
    if (!found) throw refuse('unknown', 'message-unknown', 'There is no such message.');
    return { id, state: 'queued' };
  }
}
