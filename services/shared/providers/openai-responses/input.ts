// A conversation → the input items of the Responses API, each turn's items in the order in which they were said.
import { imageUrl, inReminder, joinTexts, type Placed, readDocument } from '../content.ts';
import { invalid, textOf } from '../fields.ts';
import { type ToolIdRule, toToolId } from '../tool-names.ts';
import { atLeastOne, resultParts, type ToolResult, type Turn } from '../tool-results.ts';
import { writeJson } from '../write-json.ts';
import { decodeReasoning, type Reasoning } from './reasoning-state.ts';

export const CALL_IDS: ToolIdRule = { max: 64, illegal: /[^a-zA-Z0-9_-]/g };

type Item = Record<string, unknown>;

export interface InputContext {
  /** The model that will read it: reasoning of another one is left out. */
  model: string;
  toToolName(name: string): string;
}

/** @throws GatewayError 400 naming the block that cannot be carried */
export function toInput(turns: readonly Turn[], context: InputContext): Item[] {
  const lastSaid = turns.findLastIndex(({ role }) => role !== 'system');
  const items = turns.flatMap((turn, index) => {
    if (turn.role === 'assistant') return assistantItems(turn, context);
    if (turn.role === 'user') return [message('user', turn.content.map(toPart))];
    const text = joinTexts(turn.content, '\n\n');
    // The last word is a user's or a tool's, whatever the client put there.
    return index > lastSaid
      ? [message('user', [inputText(inReminder(text))])]
      : [message('developer', [inputText(text)])];
  });
  return atLeastOne(items);
}

function message(role: string, content: Item[]): Item {
  return { type: 'message', role, content };
}

function inputText(text: string): Item {
  return { type: 'input_text', text };
}

function toPart(placed: Placed): Item {
  const { block, at } = placed;
  switch (block.type) {
    case 'text':
      return inputText(textOf(block.text));
    case 'image':
      return { type: 'input_image', image_url: imageUrl(placed), detail: 'auto' };
    case 'document':
      return toFile(placed);
    default:
      throw invalid(`${block.type} at ${at}: cannot be sent to this provider in a user's turn`);
  }
}

function toFile(placed: Placed): Item {
  const document = readDocument(placed);
  switch (document.kind) {
    case 'text':
      return inputText(document.text);
    case 'url':
      return { type: 'input_file', file_url: document.url };
    case 'pdf':
      return {
        type: 'input_file',
        filename: document.name,
        file_data: `data:${document.mediaType};base64,${document.base64}`,
      };
  }
}

function assistantItems(turn: Turn, context: InputContext): Item[] {
  const reasoning = readReasoning(turn.content, context.model);
  const items = turn.content.flatMap((placed): Item[] => {
    const { block, at } = placed;
    switch (block.type) {
      case 'text':
        return [{ type: 'message', role: 'assistant', content: textOf(block.text) }];
      case 'thinking':
      case 'redacted_thinking':
        return toReasoningItem(reasoning.get(placed));
      case 'tool_use':
        return [
          {
            type: 'function_call',
            call_id: toToolId(textOf(block.id), CALL_IDS),
            name: context.toToolName(textOf(block.name)),
            arguments: writeJson(block.input ?? {}),
          },
        ];
      default:
        throw invalid(`${block.type} at ${at}: cannot be sent to this provider in an assistant's turn`);
    }
  });
  // Reasoning that nothing follows is refused upstream.
  while (items.at(-1)?.type === 'reasoning') items.pop();
  return [...items, ...turn.results.map(toOutput)];
}

/** A turn keeps its reasoning whole or not at all: a gap in it would be refused. */
function readReasoning(content: readonly Placed[], model: string): Map<Placed, Reasoning> {
  const states = new Map<Placed, Reasoning>();
  for (const placed of content) {
    const { block } = placed;
    if (block.type !== 'thinking' && block.type !== 'redacted_thinking') continue;
    const state = decodeReasoning(block.type === 'thinking' ? block.signature : block.data);
    if (state === null || state.model !== model) return new Map();
    states.set(placed, state);
  }
  return states;
}

function toReasoningItem(state: Reasoning | undefined): Item[] {
  if (state === undefined || state.encrypted === '') return [];
  const summary = state.summary.map((text) => ({ type: 'summary_text', text }));
  return [{ type: 'reasoning', id: state.id, summary, encrypted_content: state.encrypted }];
}

function toOutput(result: ToolResult): Item {
  const parts = resultParts(result);
  const isText = parts.every((part) => part.kind === 'text');
  const output = isText
    ? parts.map((part) => (part.kind === 'text' ? part.text : '')).join('\n')
    : parts.map((part) => (part.kind === 'text' ? inputText(part.text) : toPart(part.placed)));
  return { type: 'function_call_output', call_id: toToolId(result.id, CALL_IDS), output };
}
