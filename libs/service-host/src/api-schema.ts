import { refuse } from '@baton/kernel';
import { ApiBody, ApiResponse } from '@nestjs/swagger';
import { z } from 'zod';

const openApi = (schema: z.ZodType, io: 'input' | 'output'): object => z.toJSONSchema(schema, { target: 'openapi-3.0', io });

/** Documents an answer of an own API; its body by the schema that describes it. */
export const answers = (status: number, description: string, schema?: z.ZodType): MethodDecorator & ClassDecorator =>
  ApiResponse({ status, description, ...(schema ? { schema: openApi(schema, 'output') } : {}) });

/** Documents a body by the schema that {@link readInput} reads it with. */
export const takes = (schema: z.ZodType): MethodDecorator => ApiBody({ schema: openApi(schema, 'input') });

/** A query or body of an own API. @throws Refused `malformed`, rule `parameter-malformed`, naming every place and what would be right; never a value */
export function readInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.infer<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw refuse('malformed', 'parameter-malformed', result.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; '));
}
