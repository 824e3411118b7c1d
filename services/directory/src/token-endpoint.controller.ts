import { requestIds, type Headers, type PublicKeys } from '@baton/access';
import { Body, Controller, Get, Headers as RequestHeaders, Inject, Post, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { TokenRefused } from './issuer.js';
import { TokenEndpoint, type TokenGranted } from './token-endpoint.service.js';

/** As much of Fastify's reply as is used here. */
interface Reply {
  status(code: number): Reply;
  header(name: string, value: string): Reply;
}

interface OAuthErrorBody {
  readonly error: string;
  readonly error_description: string;
}

const FORM = 'application/x-www-form-urlencoded';

/** The issuer's addresses. They answer as OAuth says, not as FHIR: errors are `{ error, error_description }`. */
@ApiExcludeController()
@Controller()
export class TokenEndpointController {
  constructor(@Inject(TokenEndpoint) private readonly endpoint: TokenEndpoint) {}

  @Post('oauth2/token')
  async token(@Body() body: unknown, @RequestHeaders() headers: Headers, @Res({ passthrough: true }) reply: Reply): Promise<TokenGranted | OAuthErrorBody> {
    const ids = requestIds(headers);
    reply.status(200).header('cache-control', 'no-store').header('pragma', 'no-cache').header('x-request-id', ids.requestId);
    try {
      return await this.endpoint.grant(formOf(body, headers), ids);
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
      reply.status(error.error === 'invalid_client' ? 401 : 400);
      return { error: error.error, error_description: error.description };
    }
  }

  /** A GET would put the assertion into logs and histories. */
  @Get('oauth2/token')
  notByGet(@Res({ passthrough: true }) reply: Reply): OAuthErrorBody {
    reply.status(405).header('allow', 'POST').header('cache-control', 'no-store');
    return { error: 'invalid_request', error_description: 'Use POST.' };
  }

  @Get('oauth2/jwks')
  jwks(@Res({ passthrough: true }) reply: Reply): PublicKeys {
    reply.header('cache-control', 'public, max-age=300');
    return this.endpoint.jwks;
  }

  @Get('fhir/R4/.well-known/smart-configuration')
  discovery(): Record<string, unknown> {
    return this.endpoint.discovery();
  }
}

/** The form, whichever parser the host has put before this controller. */
function formOf(body: unknown, headers: Headers): URLSearchParams {
  const type = headers['content-type'];
  if (typeof type !== 'string' || type.split(';')[0]!.trim().toLowerCase() !== FORM) throw new TokenRefused('invalid_request', 'not-a-form', `Send the parameters as ${FORM}.`);
  if (typeof body === 'string' || Buffer.isBuffer(body)) return new URLSearchParams(body.toString());
  const pairs = Object.entries((body ?? {}) as Record<string, unknown>).flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, String(one)]));
  return new URLSearchParams(pairs);
}
