import { Pathway } from '@baton/contracts';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { EXAMPLE_PATHWAY } from './pathway-files.js';
import { loadPathways } from './pathway-loader.js';
import { PathwaysController, PathwaysModule } from './pathways.controller.js';
import { openDirectory, rulesAgainst, type TestDirectory } from './spec/directory-database.js';

let directory: TestDirectory;
let app: NestFastifyApplication;

beforeAll(async () => {
  directory = await openDirectory();
  await loadPathways(directory.db, directory.home, EXAMPLE_PATHWAY);
  app = await NestFactory.create<NestFastifyApplication>(PathwaysModule.with(directory.db), new FastifyAdapter(), { logger: false });
  await app.init();
});
afterAll(async () => {
  await app.close();
  await directory.close();
});

const get = async (url: string): Promise<unknown> => (await app.inject({ method: 'GET', url })).json();

describe('the pathways as data', () => {
  it('lists every version, and says which is in force', async () => {
    expect(await get('/api/directory/v1/pathways')).toEqual({
      pathways: [expect.objectContaining({ id: 'gm-crisis-care', version: '2026.2', inForce: true, inForceFrom: '2025-03-31T23:00:00.000Z', inForceUntil: null })],
    });
  });

  it('gives the definition in force, and a version by its name', async () => {
    const inForce = await get('/api/directory/v1/pathways/gm-crisis-care');
    expect(Pathway.parse(inForce).services).toHaveLength(7);
    expect(await get('/api/directory/v1/pathways/gm-crisis-care?version=2026.2')).toEqual(inForce);
  });

  it('refuses what it does not know by name', async () => {
    const controller = app.get(PathwaysController);
    expect(await rulesAgainst(controller.one('nowhere'))).toEqual({ kind: 'unknown', rules: ['pathway-unknown'] });
    expect(await rulesAgainst(controller.one('gm-crisis-care', '1'))).toEqual({ kind: 'unknown', rules: ['pathway-unknown'] });
    expect(await rulesAgainst(controller.one('gm-crisis-care', ['1', '2']))).toEqual({ kind: 'malformed', rules: ['one-version'] });
  });

  it('is described by the schema that the loader checks by', () => {
    const { paths, components } = SwaggerModule.createDocument(app, new DocumentBuilder().setOpenAPIVersion('3.1.0').build());
    expect(Object.keys(paths)).toEqual(['/api/directory/v1/pathways', '/api/directory/v1/pathways/{id}']);
    expect(JSON.stringify({ paths, components })).toContain('acknowledgeWithin');
  });
});
