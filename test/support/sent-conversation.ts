// What an upstream was told, in whatever protocol, as one flat list: who said what, in the order of the wire.
import { type Fields, fieldsOf, isFields, listOf, textOf } from '#shared/providers/fields.ts';

export interface SentPart {
  role: 'system' | 'user' | 'assistant' | 'tool';
  kind: 'text' | 'image' | 'call' | 'result';
  /** Of a text or a result. */
  text: string;
  /** Of a call and its result; empty where the protocol has none. */
  id: string;
  /** The tool's, as it was sent. */
  name: string;
}

type Role = SentPart['role'];

const ROLES: Readonly<Record<string, Role>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
  model: 'assistant',
  tool: 'tool',
};

export function sentConversation(body: Fields): SentPart[] {
  if (Array.isArray(body.contents)) return gemini(body);
  if (Array.isArray(body.input)) return responses(body);
  return [...said('system', body.system), ...listOf(body.messages).map(fieldsOf).flatMap(message)];
}

/** Tools by the names they were sent under, in order. */
export function sentTools(body: Fields): string[] {
  return listOf(body.tools)
    .map(fieldsOf)
    .flatMap((tool) => (Array.isArray(tool.functionDeclarations) ? tool.functionDeclarations.map(fieldsOf) : [tool]))
    .map((tool) => textOf(tool.name) || textOf(fieldsOf(tool.function).name));
}

/** Text of all parts of a role. */
export function textsOf(parts: readonly SentPart[], role: Role): string {
  return parts.flatMap((part) => (part.role === role && part.kind === 'text' ? [part.text] : [])).join('\n');
}

function part(role: Role, kind: SentPart['kind'], fields: Partial<SentPart> = {}): SentPart {
  return { role, kind, text: '', id: '', name: '', ...fields };
}

/** Chat Completions, Ollama and Messages. */
function message(one: Fields): SentPart[] {
  const role = ROLES[textOf(one.role)];
  if (role === undefined) throw new Error(`nobody has the role ${String(one.role)}`);
  const images = listOf(one.images).map(() => part(role, 'image'));
  if (role === 'tool') {
    const text = textsIn(one.content);
    return [part('tool', 'result', { text, id: textOf(one.tool_call_id), name: textOf(one.tool_name) }), ...images];
  }
  const calls = listOf(one.tool_calls).map((call) => {
    const { id, function: called } = fieldsOf(call);
    return part(role, 'call', { id: textOf(id), name: textOf(fieldsOf(called).name) });
  });
  return [...said(role, one.content), ...images, ...calls];
}

function said(role: Role, content: unknown): SentPart[] {
  if (typeof content === 'string') return content === '' ? [] : [part(role, 'text', { text: content })];
  return listOf(content)
    .map(fieldsOf)
    .flatMap((block): SentPart[] => {
      const type = textOf(block.type);
      if (type === 'tool_use') return [part(role, 'call', { id: textOf(block.id), name: textOf(block.name) })];
      if (type === 'tool_result') {
        const inside = said('tool', block.content);
        const images = inside.filter(({ kind }) => kind === 'image');
        return [part('tool', 'result', { text: textsIn(block.content), id: textOf(block.tool_use_id) }), ...images];
      }
      if (/image/.test(type)) return [part(role, 'image')];
      return typeof block.text === 'string' ? [part(role, 'text', { text: block.text })] : [];
    });
}

function textsIn(content: unknown): string {
  return said('tool', content)
    .map(({ text }) => text)
    .join('\n');
}

function responses(body: Fields): SentPart[] {
  const items = listOf(body.input).map(fieldsOf);
  return [
    ...said('system', body.instructions),
    ...items.flatMap((item): SentPart[] => {
      const id = textOf(item.call_id);
      if (item.type === 'function_call') return [part('assistant', 'call', { id, name: textOf(item.name) })];
      if (item.type === 'function_call_output') {
        const images = said('tool', item.output).filter(({ kind }) => kind === 'image');
        return [part('tool', 'result', { id, text: textsIn(item.output) }), ...images];
      }
      return item.type === 'reasoning' ? [] : message(item);
    }),
  ];
}

function gemini(body: Fields): SentPart[] {
  const contents = listOf(body.contents).map(fieldsOf);
  const system = listOf(fieldsOf(body.systemInstruction).parts).map((one) =>
    part('system', 'text', { text: textOf(fieldsOf(one).text) }),
  );
  return [
    ...system,
    ...contents.flatMap(({ role: spoken, parts }) => {
      const role = ROLES[textOf(spoken)] ?? 'user';
      return listOf(parts)
        .map(fieldsOf)
        .flatMap((one): SentPart[] => {
          if (isFields(one.functionCall)) {
            return [part(role, 'call', { id: textOf(one.functionCall.id), name: textOf(one.functionCall.name) })];
          }
          if (isFields(one.functionResponse)) {
            const { id, name, response, parts: more } = one.functionResponse;
            const { output, error } = fieldsOf(response);
            const text = textOf(output) || textOf(error);
            const result = part('tool', 'result', { id: textOf(id), name: textOf(name), text });
            return [result, ...listOf(more).map(() => part('tool', 'image'))];
          }
          if (isFields(one.inlineData) || isFields(one.fileData)) return [part(role, 'image')];
          return [part(role, 'text', { text: textOf(one.text) })];
        });
    }),
  ];
}
