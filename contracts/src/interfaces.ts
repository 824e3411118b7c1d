import { readFileSync } from 'node:fs';

/** OpenAPI 3.1 of every own API of a Baton, as `npm run generate` wrote it down from a running one. */
export const publishedOpenApi = (): Readonly<Record<string, unknown>> => JSON.parse(readFileSync(new URL('../interfaces/openapi.json', import.meta.url), 'utf8')) as Record<string, unknown>;
