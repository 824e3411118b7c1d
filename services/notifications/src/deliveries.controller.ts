import { requirePermission, type Sealer } from '@baton/access';
import { refuse } from '@baton/kernel';
import type { Database } from '@baton/postgres';
import { answers, readInput, type AuthenticatedRequest } from '@baton/service-host';
import { Controller, Get, HttpCode, Inject, Param, Post, Query, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { listDeliveries, readDelivery, redriveSubscription, resend, type Delivery } from './deliveries.service.js';
import { DeliveryPage, DeliveryView, PageQuery, Redriven, SecretShown } from './deliveries.schema.js';
import { addSecret } from './signing.store.js';

/** What the controller works with. */
export class DeliveriesParts {
  constructor(
    readonly db: Database,
    readonly sealer: Sealer,
  ) {}
}

/** Notifications' own API: signing secrets, and what became of deliveries. Everybody sees and moves only what is their own. */
@ApiTags('notifications')
@ApiBearerAuth()
@Controller('api/notifications/v1')
export class DeliveriesController {
  constructor(@Inject(DeliveriesParts) private readonly parts: DeliveriesParts) {}

  @Post('signing-secrets')
  @HttpCode(201)
  @ApiOperation({
    summary: 'Make a new signing secret for your deliveries; it is shown this once. Earlier ones sign beside it for a day.',
    description: 'Make one before you create a Subscription: until then deliveries are signed with a secret that was shown to nobody, and you cannot verify them.',
  })
  @answers(201, 'The secret, as Standard Webhooks libraries take it.', SecretShown)
  async newSecret(@Req() request: AuthenticatedRequest): Promise<SecretShown> {
    requirePermission(request.caller, 'Subscription', 'update');
    const { id, secret, createdAt, othersUntil } = await this.parts.db.transaction((tx) => addSecret(tx, this.parts.sealer, request.caller.partner));
    return { id, secret, createdAt: createdAt.toISOString(), ...(othersUntil ? { othersUntil: othersUntil.toISOString() } : {}) };
  }

  @Get('deliveries')
  @ApiOperation({ summary: 'Deliveries of your subscriptions, newest first.' })
  @ApiQuery({ name: 'state', required: false, enum: ['queued', 'waiting', 'parked', 'delivered', 'abandoned'] })
  @ApiQuery({ name: 'subscription', required: false })
  @ApiQuery({ name: 'after', required: false, description: 'Id of the last delivery of the page before' })
  @ApiQuery({ name: 'limit', required: false, description: '1 to 200, default 50' })
  @answers(200, 'A page of deliveries.', DeliveryPage)
  async list(@Req() request: AuthenticatedRequest, @Query() query: Record<string, unknown>): Promise<{ deliveries: Delivery[] }> {
    requirePermission(request.caller, 'Subscription', 'search');
    return { deliveries: await listDeliveries(this.parts.db, request.caller, readInput(PageQuery, query)) };
  }

  @Get('deliveries/:id')
  @ApiOperation({ summary: 'One delivery with its attempts.' })
  @answers(200, 'The delivery.', DeliveryView)
  async one(@Req() request: AuthenticatedRequest, @Param('id') id: string): Promise<DeliveryView> {
    requirePermission(request.caller, 'Subscription', 'read');
    return readDelivery(this.parts.db, request.caller, deliveryId(id));
  }

  @Post('deliveries/:id/resend')
  @HttpCode(202)
  @ApiOperation({ summary: 'Send a delivery again, under the same webhook-id, rendered as it may be now.' })
  @answers(202, 'Queued again.')
  async again(@Req() request: AuthenticatedRequest, @Param('id') id: string): Promise<{ id: string; state: string }> {
    requirePermission(request.caller, 'Subscription', 'update');
    await resend(this.parts.db, request.caller, deliveryId(id));
    return { id, state: 'queued' };
  }

  @Post('subscriptions/:id/redrive')
  @HttpCode(202)
  @ApiOperation({ summary: 'Open the parked keys of a subscription: what is parked is sent again, then what waits behind it.' })
  @answers(202, 'How much goes on.', Redriven)
  async redrive(@Req() request: AuthenticatedRequest, @Param('id') id: string): Promise<Redriven> {
    requirePermission(request.caller, 'Subscription', 'update');
    return redriveSubscription(this.parts.db, request.caller, id);
  }
}

/** An id that can be none is answered like one that is none. */
function deliveryId(id: string): string {
  if (!z.uuid().safeParse(id).success) throw refuse('unknown', 'delivery-unknown', 'There is no such delivery.');
  return id;
}
