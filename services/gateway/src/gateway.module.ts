import { fhirController, type Service } from '@baton/service-host';
import { Module, type DynamicModule } from '@nestjs/common';
import { gatewayController } from './gateway.controller.js';
import { GatewayInteractions } from './gateway.interactions.js';
import { GatewayTables1700000000000 } from './gateway.tables.js';
import { BarsErrors } from './messages/bars-errors.js';
import { MessageTables1700000000001 } from './messages/message.tables.js';
import { rulesForMessages } from './messages/message-rules.js';
import { messagesController, PROCESS_MESSAGE } from './messages/messages.controller.js';

@Module({})
class GatewayModule {}

/** The gateway over these services: it composes their commands, without their workers. */
export function gateway(services: readonly Service[]): Service {
  const types = services.flatMap((service) => service.types);
  const fronted = new Set(services.flatMap((service) => service.fronted ?? []));
  const operations = [...services.flatMap((service) => service.operations ?? []), PROCESS_MESSAGE];
  return {
    name: 'gateway',
    migrations: [GatewayTables1700000000000, MessageTables1700000000001],
    types: [],
    publishes: false,
    composes: services,
    keepsAudit: true,
    modules: (host): DynamicModule[] => {
      const interactions = new Map(types.map((rules) => [rules.type, new GatewayInteractions(host, rules)]));
      const fronting = types.filter(({ type }) => fronted.has(type)).map((rules) => fhirController(host, rules, interactions.get(rules.type)));
      return [{ module: GatewayModule, providers: [BarsErrors], controllers: [...fronting, messagesController(host, rulesForMessages(services)), gatewayController(host, types, interactions, operations)] }];
    },
  };
}
