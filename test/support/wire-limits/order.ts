// What may follow what: each call has its one result behind it, in order.
type Fields = Record<string, unknown>;

/** Of a body that its schema takes. */
export type FindDisorder = (body: Fields) => string[];

export const findNothing: FindDisorder = () => [];

function fieldsIn(list: unknown): Fields[] {
  return (Array.isArray(list) ? list : []) as Fields[];
}

/** Results stand directly behind the message that calls. */
export const findInChat: FindDisorder = ({ messages, tools, tool_choice }) => {
  const found: string[] = [];
  let awaited: unknown[] = [];
  for (const [index, message] of fieldsIn(messages).entries()) {
    if (message.role === 'tool') {
      if (message.tool_call_id !== awaited.shift()) found.push(`/messages/${index} is no result of the next call`);
      continue;
    }
    if (awaited.length > 0) found.push(`/messages/${index} stands where a result must be`);
    awaited = fieldsIn(message.tool_calls).map(({ id }) => id);
    if (new Set(awaited).size < awaited.length) found.push(`/messages/${index} has two calls of one id`);
  }
  if (awaited.length > 0) found.push('the last calls have no result');
  return [
    ...found,
    ...findInTools(
      fieldsIn(tools).map((tool) => tool.function as Fields),
      tool_choice,
    ),
  ];
};

function findInTools(functions: readonly Fields[], choice: unknown): string[] {
  const names = functions.map(({ name }) => name);
  const twice = names.filter((name, index) => names.indexOf(name) !== index).map((name) => `two tools ${name}`);
  const chosen = ((choice as Fields | undefined)?.function as Fields | undefined)?.name;
  return chosen === undefined || names.includes(chosen) ? twice : [...twice, `/tool_choice names no tool: ${chosen}`];
}

/** Items of the Responses API: an output somewhere behind each call, and no reasoning without what it led to. */
export const findInItems: FindDisorder = ({ input, tools }) => {
  const found: string[] = [];
  const open = new Set<unknown>();
  const seen = new Set<unknown>();
  const items = fieldsIn(input);
  for (const [index, item] of items.entries()) {
    if (item.type === 'function_call') {
      if (seen.has(item.call_id)) found.push(`/input/${index} has the id of another call`);
      seen.add(item.call_id);
      open.add(item.call_id);
    }
    if (item.type === 'function_call_output' && !open.delete(item.call_id)) found.push(`/input/${index} has no call`);
    const next = items[index + 1];
    const isFollowed = next?.role === 'assistant' || next?.type === 'function_call' || next?.type === 'reasoning';
    if (item.type === 'reasoning' && !isFollowed) found.push(`/input/${index} is reasoning that led to nothing`);
  }
  if (open.size > 0) found.push('a call has no output');
  return [
    ...found,
    ...findInTools(
      fieldsIn(tools).filter(({ type }) => type === 'function'),
      undefined,
    ),
  ];
};

/**
 * Contents of Gemini: user and model in turn, the responses to a model's calls in the content behind it. What the user
 * said beside them may be a content of its own.
 */
export const findInContents: FindDisorder = ({ contents }) => {
  const found: string[] = [];
  let last: unknown = 'model';
  let awaited: unknown[] = [];
  for (const [index, { role, parts }] of fieldsIn(contents).entries()) {
    const responses = namesOf(parts, 'functionResponse');
    if (role === last) found.push(`/contents/${index} is out of turn`);
    if (JSON.stringify(responses) !== JSON.stringify(awaited)) found.push(`/contents/${index} answers other calls`);
    awaited = namesOf(parts, 'functionCall');
    last = responses.length > 0 ? null : role;
    if (responses.length > 0 && role !== 'user') found.push(`/contents/${index} answers as the model`);
  }
  if (awaited.length > 0) found.push('the last calls have no response');
  return found;
};

function namesOf(parts: unknown, kind: string): unknown[] {
  return fieldsIn(parts).flatMap((part) => (part[kind] ? [(part[kind] as Fields).name] : []));
}
