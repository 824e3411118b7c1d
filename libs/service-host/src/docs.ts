import { publishedOpenApi } from '@baton/contracts';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

/** OpenAPI 3.1 of the own APIs of an application; the FHIR interface is described by its CapabilityStatement. */
function openApi(app: NestFastifyApplication): OpenAPIObject {
  const config = new DocumentBuilder().setTitle('Baton: own APIs').setVersion('1').setOpenAPIVersion('3.1.0').addBearerAuth().build();
  const document = SwaggerModule.createDocument(app, config);
  for (const operation of Object.values(document.paths).flatMap((at) => Object.values(at as Record<string, Operation>))) operation.responses['default'] ??= REFUSED;
  return document;
}

/** Every refusal, of the own APIs too, is an OperationOutcome. */
const REFUSED: NonNullable<Operation['responses'][string]> = {
  description: 'Refused, or not possible just now: the status says how, each issue what and where.',
  content: {
    'application/fhir+json': {
      schema: {
        type: 'object',
        required: ['resourceType', 'issue'],
        properties: {
          resourceType: { type: 'string', enum: ['OperationOutcome'] },
          issue: {
            type: 'array',
            items: {
              type: 'object',
              required: ['severity', 'code'],
              properties: {
                severity: { type: 'string', enum: ['fatal', 'error', 'warning', 'information'] },
                code: { type: 'string', description: 'IssueType of FHIR R4' },
                details: { type: 'object', description: 'CodeableConcept: the rule as code, what would be right as text' },
                expression: { type: 'array', items: { type: 'string' }, description: 'Where, as FHIRPath' },
              },
            },
          },
        },
      },
    },
  },
};

/**
 * Swagger UI at `/docs`, its document at `/docs-json`: of what this application serves.
 * @param others it speaks for services of other processes too: their contract is shown, which is that of a Baton with all of them
 */
export function mountDocs(app: NestFastifyApplication, others: boolean): void {
  SwaggerModule.setup('docs', app, () => (others ? (publishedOpenApi() as unknown as OpenAPIObject) : openApi(app)));
}
