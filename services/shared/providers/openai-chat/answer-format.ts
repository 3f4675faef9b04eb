// The client's schema for the answer, as the server can keep it, or in words where it only knows JSON.
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { addNote } from '../content.ts';
import { type Fields, fieldsOf, isFields, textOf } from '../fields.ts';
import { isStrictSchema } from '../strict-schema.ts';
import { writeJson } from '../write-json.ts';
import type { ChatTraits } from './traits.ts';

export interface AnswerFormat {
  fields: Fields;
  nudge: string | null;
}

export function toAnswerFormat(request: MessagesRequest, { jsonAnswers }: ChatTraits, notes: string[]): AnswerFormat {
  const { type, schema } = fieldsOf(fieldsOf(request.output_config).format ?? request.output_format);
  if (type !== 'json_schema' || !isFields(schema)) return { fields: {}, nudge: null };
  if (jsonAnswers === 'object') {
    addNote(notes, 'json_schema:asked');
    const nudge = `Answer with one JSON object, and nothing else, that fits this JSON schema: ${writeJson(schema)}`;
    return { fields: { response_format: { type: 'json_object' } }, nudge };
  }
  const format = { name: nameOf(schema), schema, strict: isStrictSchema(schema) };
  return { fields: { response_format: { type: 'json_schema', json_schema: format } }, nudge: null };
}

function nameOf(schema: Fields): string {
  const name = textOf(schema.title).replace(/[^a-zA-Z0-9_-]/g, '_');
  return name.slice(0, 64) || 'answer';
}
