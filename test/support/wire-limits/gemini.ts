// generateContent: https://ai.google.dev/api/generate-content.
import { anything, count, either, filled, listOf, object, only, type Schema, text } from './shapes.ts';

const functionName: Schema = { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$' };
const signature = { 'thoughtSignature?': filled };
const inlineData = object({ mimeType: filled, data: filled });
const fileData = object({ 'mimeType?': filled, fileUri: filled });

const part = either(
  object({ text: filled, 'thought?': only(true), ...signature }),
  object({ inlineData }),
  object({ fileData }),
  object({ functionCall: object({ 'id?': filled, name: functionName, args: { type: 'object' } }), ...signature }),
  object({
    functionResponse: object({
      'id?': filled,
      name: functionName,
      response: either(object({ output: text }), object({ error: text })),
      'parts?': listOf(either(object({ inlineData }), object({ fileData }))),
    }),
  }),
);

export const geminiLimits: Schema = object(
  {
    'systemInstruction?': object({ parts: listOf(object({ text: filled })) }),
    contents: listOf(object({ role: only('user', 'model'), parts: listOf(part) })),
    'tools?': listOf(
      either(
        object({
          functionDeclarations: listOf(
            object({
              name: functionName,
              'description?': filled,
              'parameters?': { type: 'object' },
              'parametersJsonSchema?': { type: 'object' },
            }),
          ),
        }),
        object({ googleSearch: object({}) }),
      ),
    ),
    'toolConfig?': object({
      'functionCallingConfig?': object({
        mode: only('AUTO', 'ANY', 'NONE'),
        'allowedFunctionNames?': listOf(functionName),
      }),
      'includeServerSideToolInvocations?': { type: 'boolean' },
    }),
    'generationConfig?': object({
      'maxOutputTokens?': count,
      'temperature?': { type: 'number' },
      'topP?': { type: 'number' },
      'topK?': { type: 'number' },
      'stopSequences?': listOf(filled, { maxItems: 5 }),
      'responseMimeType?': only('application/json'),
      'responseJsonSchema?': anything,
      'responseSchema?': { type: 'object' },
      'thinkingConfig?': object({
        'thinkingBudget?': { type: 'integer', minimum: 0 },
        'thinkingLevel?': only('MINIMAL', 'LOW', 'MEDIUM', 'HIGH'),
        'includeThoughts?': only(true),
      }),
    }),
  },
  { dependentRequired: { toolConfig: ['tools'] } },
);
