import { Module, type DynamicModule } from '@nestjs/common';
import { TokenEndpointController } from './token-endpoint.controller.js';
import { TokenEndpoint } from './token-endpoint.service.js';

/** Serves the issuer: token endpoint, public keys, discovery. */
@Module({})
export class TokenEndpointModule {
  static with(endpoint: TokenEndpoint): DynamicModule {
    return { module: TokenEndpointModule, controllers: [TokenEndpointController], providers: [{ provide: TokenEndpoint, useValue: endpoint }] };
  }
}
