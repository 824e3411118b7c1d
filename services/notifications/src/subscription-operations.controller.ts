import { requirePermission } from '@baton/access';
import { refuse, type Caller } from '@baton/kernel';
import { queryOf, sendText, type BatonRequest, type FhirOperation, type Host } from '@baton/service-host';
import { Controller, Get, Param, Post, Req, Res, type Type } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { subscriptionEvents } from './subscription-events.service.js';
import { subscriptionStatus } from './subscription-status.service.js';

/** The operations of the R5 Backport IG 1.1.0 on Subscription: `$status` and `$events`. */
export function subscriptionOperations(host: Host): Type {
  @ApiExcludeController()
  @Controller('fhir/R4/Subscription')
  class SubscriptionOperationsController {
    @Get('$status')
    async statusOfMany(@Req() request: BatonRequest, @Res() reply: FastifyReply) {
      await this.tellStatus(request, reply, parametersOf(request));
    }

    @Post('$status')
    async statusOfManyByPost(@Req() request: BatonRequest, @Res() reply: FastifyReply) {
      await this.tellStatus(request, reply, parametersOf(request));
    }

    @Get(':id/$status')
    async statusOfOne(@Req() request: BatonRequest, @Res() reply: FastifyReply, @Param('id') id: string) {
      mayRead(request.caller);
      sendText(reply, 200, await subscriptionStatus(host.database, request.caller, host.fhirBase(), { instance: id }));
    }

    @Get(':id/$events')
    async events(@Req() request: BatonRequest, @Res() reply: FastifyReply, @Param('id') id: string) {
      await this.tellEvents(request, reply, id);
    }

    @Post(':id/$events')
    async eventsByPost(@Req() request: BatonRequest, @Res() reply: FastifyReply, @Param('id') id: string) {
      await this.tellEvents(request, reply, id);
    }

    private async tellStatus(request: BatonRequest, reply: FastifyReply, given: URLSearchParams): Promise<void> {
      mayRead(request.caller);
      const [ids, statuses] = [given.getAll('id'), given.getAll('status')];
      sendText(reply, 200, await subscriptionStatus(host.database, request.caller, host.fhirBase(), { ...(ids.length > 0 ? { ids } : {}), ...(statuses.length > 0 ? { statuses } : {}) }));
    }

    private async tellEvents(request: BatonRequest, reply: FastifyReply, id: string): Promise<void> {
      mayRead(request.caller);
      const given = parametersOf(request);
      const query = { since: numberOf(given, 'eventsSinceNumber'), until: numberOf(given, 'eventsUntilNumber'), content: given.get('content') ?? undefined };
      sendText(reply, 200, await subscriptionEvents(host.database, request.caller, host.fhirBase(), id, query));
    }
  }
  return SubscriptionOperationsController;
}

/** CapabilityStatement's view of them. */
export const SUBSCRIPTION_OPERATIONS: readonly FhirOperation[] = ['status', 'events'].map((name) => ({
  name,
  type: 'Subscription',
  definition: `http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-${name}`,
}));

const mayRead = (caller: Caller): void => requirePermission(caller, 'Subscription', 'read');

interface OperationParameter {
  readonly name?: unknown;
  readonly [value: string]: unknown;
}

/** Inputs of an operation: from the query, and from a Parameters resource in the body. */
function parametersOf(request: BatonRequest): URLSearchParams {
  const given = queryOf(request);
  const { resourceType, parameter } = (request.body ?? {}) as { resourceType?: unknown; parameter?: unknown };
  if (request.body !== undefined && request.body !== null && resourceType !== 'Parameters') throw refuse('malformed', 'not-parameters', 'The body of an operation is a Parameters resource.', { at: ['Parameters'] });
  for (const each of Array.isArray(parameter) ? (parameter as OperationParameter[]) : []) {
    const value = Object.entries(each).find(([name]) => name.startsWith('value'))?.[1];
    if (typeof each.name === 'string' && (typeof value === 'string' || typeof value === 'number')) given.append(each.name, String(value));
  }
  return given;
}

function numberOf(given: URLSearchParams, name: string): number | undefined {
  const text = given.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw refuse('malformed', 'parameter-malformed', `${name} is a whole number.`, { at: [name] });
  return Number(text);
}
