import { Controller, Get, Res, type Type } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { statement } from '@baton/postgres';
import type { Host, Worker } from './service.js';

/** What operations looks at: is it alive, may it get work, how does it fare. Whoever opens the bare address is led to the documentation. */
export function operationsController(host: Host, readiness: () => readonly Pick<Worker, 'name' | 'health'>[]): Type {
  @ApiExcludeController()
  @Controller()
  class OperationsController {
    @Get()
    welcome(@Res() reply: FastifyReply) {
      // Nest has set 200 by now, which a redirect without a code would keep.
      reply.redirect('/docs', 302);
    }

    @Get('health/live')
    live(@Res() reply: FastifyReply) {
      reply.header('content-type', 'application/json').send({ status: 'ok' });
    }

    @Get('health/ready')
    async ready(@Res() reply: FastifyReply) {
      const failing = readiness()
        .filter((worker) => worker.health?.() === 'failing')
        .map((worker) => worker.name);
      const database = await host.database.query(statement('SELECT 1 AS one')).then(
        () => true,
        () => false,
      );
      if (!database) failing.push('database');
      reply.code(failing.length === 0 ? 200 : 503).header('content-type', 'application/json').send({ status: failing.length === 0 ? 'ok' : 'failing', failing });
    }

    @Get('metrics')
    async metrics(@Res() reply: FastifyReply) {
      reply.header('content-type', host.metrics.registry.contentType).send(await host.metrics.registry.metrics());
    }
  }
  return OperationsController;
}
