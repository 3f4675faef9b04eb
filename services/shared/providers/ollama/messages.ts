// Turns of a conversation → Ollama's messages: one text each, images beside it, results behind the calls they answer.
import { inlineImage, inReminder, joinTexts, type Placed, readDocument, unsupportedSource } from '../content.ts';
import { type Fields, fieldsOf, invalid, textOf } from '../fields.ts';
import { decodeThinkingState } from '../thinking-state.ts';
import { atLeastOne, flattenResult, type ToolResult, type Turn } from '../tool-results.ts';

/** Marks thinking that came from here: no other is shown to the model. */
export const STATE_OWNER = 'ollama';

/** @throws GatewayError 400 naming the block that cannot be carried */
export function toMessages(turns: readonly Turn[]): Fields[] {
  const messages: Fields[] = [];
  let pending: Placed[] = [];
  for (const turn of turns) {
    const content = turn.role === 'user' ? [...pending, ...turn.content] : turn.content;
    if (turn.role !== 'user' && pending.length > 0) messages.push(userMessage(pending));
    pending = [];
    if (turn.role === 'user') messages.push(userMessage(content));
    else if (turn.role === 'system') messages.push({ role: 'user', content: inReminder(joinTexts(content, '\n\n')) });
    else {
      messages.push(...assistantMessages(turn));
      pending = pushResults(messages, turn.results);
    }
  }
  if (pending.length > 0) messages.push(userMessage(pending));
  return atLeastOne(messages);
}

function userMessage(content: readonly Placed[]): Fields {
  const texts: string[] = [];
  const images: string[] = [];
  for (const placed of content) {
    const { block, at } = placed;
    if (block.type === 'text') texts.push(textOf(block.text));
    else if (block.type === 'image') images.push(imageData(placed));
    else if (block.type === 'document') texts.push(documentText(placed));
    else throw invalid(`${block.type} at ${at}: only an assistant may say it`);
  }
  return { role: 'user', content: texts.join('\n\n'), ...(images.length > 0 ? { images } : {}) };
}

function imageData(placed: Placed): string {
  const inline = inlineImage(placed);
  if (inline === null) throw unsupportedSource('image', fieldsOf(placed.block.source), placed.at);
  return inline.base64;
}

function documentText(placed: Placed): string {
  const document = readDocument(placed);
  if (document.kind === 'text') return document.text;
  throw invalid(`document at ${placed.at}: this provider takes documents as text only`);
}

/** None when nothing is left of the turn. */
function assistantMessages({ content }: Turn): Fields[] {
  const thoughts: string[] = [];
  const calls: Fields[] = [];
  for (const { block, at } of content) {
    if (block.type === 'thinking' && decodeThinkingState(STATE_OWNER, block.signature) !== undefined) {
      thoughts.push(textOf(block.thinking));
    } else if (block.type === 'tool_use') {
      calls.push({ id: block.id, function: { name: block.name, arguments: fieldsOf(block.input) } });
    } else if (block.type === 'image' || block.type === 'document') {
      throw invalid(`${block.type} at ${at}: only a user may show one`);
    }
  }
  const text = joinTexts(content, '\n\n');
  if (text === '' && thoughts.length + calls.length === 0) return [];
  return [
    {
      role: 'assistant',
      content: text,
      ...(thoughts.length > 0 ? { thinking: thoughts.join('\n\n') } : {}),
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    },
  ];
}

/** Returns the images of the results, which the next user's message shows. */
function pushResults(messages: Fields[], results: readonly ToolResult[]): Placed[] {
  const media: Placed[] = [];
  for (const result of results) {
    const flat = flattenResult(result, media.length + 1);
    media.push(...flat.media);
    messages.push({ role: 'tool', tool_name: result.name, tool_call_id: result.id, content: flat.text });
  }
  return media;
}
