// A response told as events: numbered, in the order of the items or, where a scene wants it, one item within another.
import type { Answer } from '../answer.ts';
import type { ResponsesQuirks } from '../quirks.ts';
import type { Random } from '../random.ts';
import { type Fields, isFields } from '../read-ask.ts';
import type { Scene, SceneError } from '../script.ts';
import { openaiError } from './openai-errors.ts';
import type { OutputItem } from './openai-responses-items.ts';

export interface StreamedResponse {
  /** The response as it is at the start. */
  opening: Fields;
  /** The last event's type, and the response in it; undefined = none comes. */
  ending: { type: string; response: Fields } | undefined;
  items: OutputItem[];
}

const UNPARSABLE = 'event: response.created\ndata: {"type":"response.created","sequence_nu\n\n';

export function writeResponseStream(
  told: StreamedResponse,
  scene: Scene,
  random: Random,
  headers: Record<string, string>,
): Answer {
  const quirks = scene.quirks?.responses ?? {};
  const newline = scene.lineEnd === 'crlf' ? '\r\n' : '\n';
  const write = (event: Fields): string => {
    const name = quirks.eventNames === false ? '' : `event: ${event.type}${newline}`;
    return `${name}data: ${JSON.stringify(event)}${newline}${newline}`;
  };
  const events: Fields[] = [
    { type: 'response.created', response: told.opening },
    { type: 'response.in_progress', response: told.opening },
    ...itemEvents(told.items, quirks, random),
    ...(told.ending === undefined ? [] : [{ ...told.ending }]),
  ];
  breakOff(events, scene, told.opening);
  const frames = events.map(numbered).map(write);
  for (const extra of [...(scene.extraEvents ?? [])].sort((a, b) => a.at - b.at)) {
    const data = 'raw' in extra ? {} : isFields(extra.data) ? extra.data : {};
    frames.splice(extra.at, 0, 'raw' in extra ? extra.raw : write({ type: extra.event, ...data }));
  }
  if (quirks.doneMarker) frames.push(`data: [DONE]${newline}${newline}`);
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...headers },
    parts: frames.map((frame) => Buffer.from(frame)),
    isStream: true,
    ping: Buffer.from(`: keep-alive${newline}${newline}`),
    unparsable: UNPARSABLE,
  };
}

/** Members in the order in which the API has them: type, number, the rest. */
function numbered(event: Fields, index: number): Fields {
  const { type, ...rest } = event;
  return { type, sequence_number: index, ...rest };
}

/** An error takes the place of everything from the event on that the scene names. */
function breakOff(events: Fields[], scene: Scene, opening: Fields): void {
  if (scene.fault?.kind !== 'error-event') return;
  const { after, error = {} } = scene.fault;
  events.splice(after, events.length, errorEvent(error, opening, scene.quirks?.responses?.streamError));
}

function errorEvent(error: SceneError, opening: Fields, manner: ResponsesQuirks['streamError']): Fields {
  const { message, code, param, type } = openaiError(500, error);
  switch (manner) {
    case 'failed': {
      const failure = { code: code ?? type, message };
      return { type: 'response.failed', response: { ...opening, status: 'failed', error: failure } };
    }
    case 'nested':
      return { type: 'error', error: { type, code, message, param } };
    default:
      return { type: 'error', code: code ?? type, message, param };
  }
}

function itemEvents(items: OutputItem[], quirks: ResponsesQuirks, random: Random): Fields[] {
  const stretch = quirks.outputIndex === 'gaps' ? 2 : 1;
  const lists = items.map(({ events }, index) =>
    thinOut(events, quirks).map((event): Fields => {
      const placed = quirks.outputIndex === 'absent' ? event : withIndex(event, index * stretch);
      return withItemId(placed, quirks, random);
    }),
  );
  return overlap(items, lists, quirks);
}

function withIndex(event: Fields, index: number): Fields {
  const { type, item_id, ...rest } = event;
  return { type, ...(item_id === undefined ? {} : { item_id }), output_index: index, ...rest };
}

/** Leaves out the deltas, or the endings, that the scene does without. */
function thinOut(events: Fields[], quirks: ResponsesQuirks): Fields[] {
  const isDelta = (event: Fields): boolean => String(event.type).endsWith('.delta');
  const isDone = (event: Fields): boolean =>
    /\.(?:output_item|content_part|reasoning_summary_part)\.done$/.test(String(event.type));
  const count = events.filter(isDelta).length;
  const kept = quirks.deltas === 'none' ? 0 : quirks.deltas === 'half' ? Math.floor(count / 2) : count;
  let seen = 0;
  return events.filter((event) => {
    if (isDone(event)) return quirks.itemDone !== false;
    if (!isDelta(event)) return true;
    seen += 1;
    return seen <= kept;
  });
}

function withItemId(event: Fields, { itemId }: ResponsesQuirks, random: Random): Fields {
  if (itemId === undefined) return event;
  const replaced = { ...event };
  const id = itemId === 'rotating' ? random.id('item_', 40) : '';
  if ('item_id' in replaced) replaced.item_id = id;
  if (isFields(replaced.item)) replaced.item = { ...replaced.item, id };
  if (itemId === 'absent') delete replaced.item_id;
  return replaced;
}

function overlap(items: OutputItem[], lists: Fields[][], quirks: ResponsesQuirks): Fields[] {
  const isCall = (index: number): boolean => items[index]?.item.type === 'function_call';
  const calls = lists.filter((_, index) => isCall(index));
  const others = lists.filter((_, index) => !isCall(index));
  if (quirks.overlap === 'calls') {
    const longest = Math.max(0, ...calls.map((list) => list.length));
    const rounds = Array.from({ length: longest }, (_, at) => calls.flatMap((list) => list.slice(at, at + 1)));
    return [...others.flat(), ...rounds.flat()];
  }
  const [first, ...rest] = calls;
  const text = others.at(-1);
  if (quirks.overlap === 'text-in-call' && first !== undefined && text !== undefined) {
    return [...others.slice(0, -1).flat(), ...first.slice(0, 2), ...text, ...first.slice(2), ...rest.flat()];
  }
  return lists.flat();
}
