import { renderBundle, transactionResponse, validateOrRefuse, type EntryAnswer } from '@baton/fhir';
import type { TypeRules } from '@baton/fhir-store';
import { refuse } from '@baton/kernel';
import { Controller, Get, Post, Req, Res, type Type } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { answerOf, idempotencyOf, preferReturn, queryOf, requireJson, revealed, sendResource, sendText, type BatonRequest, type FhirOperation, type Host } from '@baton/service-host';
import { runBatch, type InteractionsByType } from './batch.js';
import { capabilityStatement } from './capability-statement.js';
import { transact } from './transaction.js';

/** Day the interface was last changed; part of the CapabilityStatement. */
const INTERFACE_DATE = '2026-11-25';

/** What belongs to no single type: transaction and batch, and the description of it all. */
export function gatewayController(host: Host, types: readonly TypeRules[], interactions: InteractionsByType, operations: readonly FhirOperation[]): Type {
  const registry = new Map(types.map((rules) => [rules.type, rules]));

  @ApiExcludeController()
  @Controller('fhir/R4')
  class GatewayController {
    @Get('metadata')
    metadata(@Req() request: BatonRequest, @Res() reply: FastifyReply) {
      requireJson(request.headers, queryOf(request).get('_format') ?? undefined);
      sendResource(reply, 200, capabilityStatement(host.fhirBase(), types, operations, INTERFACE_DATE));
    }

    @Post()
    async bundle(@Req() request: BatonRequest, @Res() reply: FastifyReply) {
      requireJson(request.headers, undefined);
      const bundle = validateOrRefuse(request.body, 'Bundle');
      const full = preferReturn(request.headers) !== 'minimal';
      if (bundle['type'] === 'batch') {
        if (idempotencyOf(request)) throw refuse('malformed', 'idempotency-not-for-batches', 'Entries of a batch stand for themselves: use a transaction with the Idempotency-Key, or single requests.');
        const answers = await runBatch(host, interactions, request.caller, bundle);
        sendText(reply, 200, renderBundle(transactionResponse('batch', answers)));
        return;
      }
      const answers = await transact(host, registry, request.caller, bundle, idempotencyOf(request));
      sendText(reply, 200, renderBundle(transactionResponse('transaction', answers.map((answer) => entryOf(answerOf(revealed(registry.get(answer.type)!, answer)), full)))));
    }
  }
  return GatewayController;
}

const entryOf = ({ status, version, lastUpdated, location, body }: ReturnType<typeof answerOf>, full: boolean): EntryAnswer => ({
  status,
  ...(version === undefined ? {} : { version }),
  ...(lastUpdated === undefined ? {} : { lastModified: lastUpdated }),
  ...(location === undefined ? {} : { location }),
  ...(body === undefined || !full ? {} : { resource: body }),
});
