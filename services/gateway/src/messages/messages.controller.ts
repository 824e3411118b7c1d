import { renderBundle } from '@baton/fhir';
import { idempotencyOf, queryOf, requireJson, sendText, type BatonRequest, type Host } from '@baton/service-host';
import { Controller, Get, Post, Req, Res, type Type } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { serviceExists } from './known.store.js';
import { messageDefinitions } from './message-definition.js';
import { Messages } from './messages.service.js';
import type { Registry } from '../transaction.js';

/** Day the messages that are taken last changed. */
const INTERFACE_DATE = '2026-11-25';

/** The operation, for the CapabilityStatement. */
export const PROCESS_MESSAGE = { name: 'process-message', definition: 'http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message' } as const;

/** BaRS-shaped messages: `POST $process-message`, and what is taken by it. */
export function messagesController(host: Host, registry: Registry): Type {
  const messages = new Messages(host, registry);

  @ApiExcludeController()
  @Controller('fhir/R4')
  class MessagesController {
    @Post('$process-message')
    async process(@Req() request: BatonRequest, @Res() reply: FastifyReply) {
      requireJson(request.headers, undefined);
      sendText(reply, 200, await messages.process(request.caller, request.headers, request.body, idempotencyOf(request)));
    }

    @Get('MessageDefinition')
    async definitions(@Req() request: BatonRequest, @Res() reply: FastifyReply) {
      requireJson(request.headers, queryOf(request).get('_format') ?? undefined);
      const context = queryOf(request).get('context') ?? undefined;
      const taken = context === undefined || (await serviceExists(host.database, host, request.caller, context));
      const { entry, ...bundle } = messageDefinitions(host.fhirBase(), context, INTERFACE_DATE);
      sendText(reply, 200, renderBundle(taken ? { ...bundle, entry } : { ...bundle, total: 0, entry: [] }));
    }
  }
  return MessagesController;
}
