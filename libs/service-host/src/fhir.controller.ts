import { outcomeOfSuccess } from '@baton/fhir';
import type { TypeRules } from '@baton/fhir-store';
import { refuse } from '@baton/kernel';
import { Controller, Delete, Get, Param, Patch, Post, Put, Req, Res, type Type } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { ifMatch, notModified, preferHandling, preferReturn, requireJson } from './fhir-headers.js';
import { FhirInteractions, type FhirAnswer, type WriteOptions } from './fhir-interactions.js';
import { mediaTypeNotTaken } from './answer-error.js';
import { FHIR_JSON, versionHeaders } from './fhir-reply.js';
import { idempotencyOf, queryOf, type BatonRequest } from './fhir-request.js';
import type { Host } from './service.js';

/** Headers and body of an answer, as the caller prefers them. */
export function sendAnswer(host: Pick<Host, 'fhirBase'>, request: BatonRequest, reply: FastifyReply, answer: FhirAnswer): FastifyReply {
  reply.code(answer.status);
  if (answer.version !== undefined && answer.lastUpdated) versionHeaders(reply, answer.version, answer.lastUpdated);
  if (answer.location !== undefined) reply.header('location', `${host.fhirBase()}/${answer.location}`);
  if (answer.body === undefined) return reply.send();
  const prefer = request.method === 'GET' ? 'representation' : preferReturn(request.headers);
  if (prefer === 'minimal' && answer.location !== undefined) return reply.send();
  const body = prefer === 'OperationOutcome' && answer.location !== undefined ? JSON.stringify(outcomeOfSuccess('Stored.')) : answer.body;
  return reply.header('content-type', FHIR_JSON).send(body);
}

/** JSON Patch; plain JSON is taken for it, a resource is not. */
const PATCH_TYPE = /^application\/(?:json-patch\+json|json)\s*(?:;|$)/i;

const writeOptions = (request: BatonRequest): WriteOptions => ({ ifMatch: ifMatch(request.headers), idempotency: idempotencyOf(request) });

/** @throws Refused `unsupported-media` for what is no JSON Patch */
function patchIn(request: BatonRequest): unknown {
  if (!PATCH_TYPE.test(request.headers['content-type'] ?? '')) throw mediaTypeNotTaken();
  return request.body;
}

/** What of the address says which resource is meant. */
function conditionOf(request: BatonRequest): string {
  const params = queryOf(request);
  for (const name of ABOUT_THE_ANSWER) params.delete(name);
  return params.toString();
}

const ABOUT_THE_ANSWER = ['_format', '_pretty'];

/** The endpoints of one FHIR type, made from its rules: `/fhir/R4/<type>`. */
export function fhirController(host: Host, rules: TypeRules, interactions = new FhirInteractions(host, rules)): Type {
  const answer = async (request: BatonRequest, reply: FastifyReply, work: () => Promise<FhirAnswer>): Promise<void> => {
    requireJson(request.headers, queryOf(request).get('_format') ?? undefined);
    sendAnswer(host, request, reply, await work());
  };

  @ApiExcludeController()
  @Controller(`fhir/R4/${rules.type}`)
  class FhirController {
    @Get()
    search(@Req() request: BatonRequest, @Res() reply: FastifyReply) {
      return answer(request, reply, () => interactions.search(request.caller, queryOf(request), preferHandling(request.headers)));
    }

    @Post('_search')
    searchByPost(@Req() request: BatonRequest, @Res() reply: FastifyReply) {
      if (request.body !== undefined && request.body !== null && typeof request.body !== 'string') {
        throw refuse('unsupported-media', 'search-not-a-form', 'Send the search as application/x-www-form-urlencoded.');
      }
      const params = new URLSearchParams([...queryOf(request), ...new URLSearchParams((request.body as string | undefined) ?? '')]);
      return answer(request, reply, () => interactions.search(request.caller, params, preferHandling(request.headers)));
    }

    @Post()
    create(@Req() request: BatonRequest, @Res() reply: FastifyReply) {
      const condition = request.headers['if-none-exist'];
      return answer(request, reply, () =>
        interactions.create(request.caller, request.body, { idempotency: idempotencyOf(request), ifNoneExist: Array.isArray(condition) ? condition[0] : condition }),
      );
    }

    @Put()
    conditionalUpdate(@Req() request: BatonRequest, @Res() reply: FastifyReply) {
      return answer(request, reply, () => interactions.conditionalUpdate(request.caller, conditionOf(request), request.body, writeOptions(request)));
    }

    @Patch()
    conditionalPatch(@Req() request: BatonRequest, @Res() reply: FastifyReply) {
      return answer(request, reply, async () => interactions.conditionalPatch(request.caller, conditionOf(request), patchIn(request), writeOptions(request)));
    }

    @Delete()
    conditionalRemove(@Req() request: BatonRequest, @Res() reply: FastifyReply) {
      return answer(request, reply, () => interactions.conditionalRemove(request.caller, conditionOf(request), writeOptions(request)));
    }

    @Get(':id')
    read(@Req() request: BatonRequest, @Res() reply: FastifyReply) {
      return answer(request, reply, async () => {
        // Read here, because each @Param makes Nest wait a turn for pipes that there are none of.
        const found = await interactions.read(request.caller, (request.params as { id: string }).id);
        return notModified(request.headers, found.version!, found.lastUpdated!) ? { status: 304, version: found.version!, lastUpdated: found.lastUpdated! } : found;
      });
    }

    @Get(':id/_history')
    history(@Req() request: BatonRequest, @Res() reply: FastifyReply, @Param('id') id: string) {
      return answer(request, reply, () => interactions.history(request.caller, id, queryOf(request)));
    }

    @Get(':id/_history/:version')
    vread(@Req() request: BatonRequest, @Res() reply: FastifyReply, @Param('id') id: string, @Param('version') version: string) {
      return answer(request, reply, () => interactions.vread(request.caller, id, version));
    }

    @Put(':id')
    update(@Req() request: BatonRequest, @Res() reply: FastifyReply, @Param('id') id: string) {
      return answer(request, reply, () => interactions.update(request.caller, id, request.body, writeOptions(request)));
    }

    @Patch(':id')
    patch(@Req() request: BatonRequest, @Res() reply: FastifyReply, @Param('id') id: string) {
      return answer(request, reply, async () => interactions.patch(request.caller, id, patchIn(request), writeOptions(request)));
    }

    @Delete(':id')
    remove(@Req() request: BatonRequest, @Res() reply: FastifyReply, @Param('id') id: string) {
      return answer(request, reply, () => interactions.remove(request.caller, id, writeOptions(request)));
    }
  }
  Object.defineProperty(FhirController, 'name', { value: `${rules.type}Controller` });
  return FhirController;
}
