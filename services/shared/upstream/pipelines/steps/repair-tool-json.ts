// Arguments of tool calls that are not quite JSON → the object that was plainly meant. What is sound so far goes on at
// once; only what has to be mended waits for its end.

import { createJsonPrefix, type JsonPrefix } from '#shared/messages/json-prefix.ts';
import type { StopReason } from '#shared/messages/message-writer.ts';
import { toArguments } from '#shared/providers/openai-chat/tool-arguments.ts';
import type { StepKind } from '../step.ts';
import { WriterLayer } from './writer-layer.ts';

export const repairToolJson: StepKind = {
  name: 'repair-tool-json',
  about:
    'Mends arguments of tool calls: an empty object in front, the same twice, JSON inside a string, raw line ends.',
  places: ['response'],
  params: [],
  create: () => ({ on: 'writer', wrap: (writer) => new ArgumentMender(writer) }),
};

interface Call {
  json: string;
  prefix: JsonPrefix;
  /** Sound, and not yet said on. */
  held: string;
  /** Characters that were said on. */
  sent: number;
  isOver: boolean;
}

/** More may come behind an empty object. */
function isNothingYet(sound: string): boolean {
  return '{}'.startsWith(sound.replace(/\s+/g, ''));
}

class ArgumentMender extends WriterLayer {
  readonly #calls = new Map<string | number, Call>();

  override toolStart(key: string | number, id: string, name: string): void {
    for (const [other, call] of this.#calls) if (other !== key && call.prefix.isWhole) this.#release(other, call);
    this.inner.toolStart(key, id, name);
  }

  override toolArguments(key: string | number, json: string): void {
    const call = this.#callOf(key);
    if (call.isOver) {
      this.inner.toolArguments(key, json);
      return;
    }
    call.json += json;
    const before = call.prefix.length;
    call.prefix.push(json);
    const sound = json.slice(0, call.prefix.length - before);
    call.held += sound;
    // Looked at only where it has grown by more than white space: servers may send that without end.
    if (sound.trim() === '' || (call.sent === 0 && isNothingYet(call.held))) return;
    this.#send(key, call, call.held);
  }

  override toolEnd(key: string | number): void {
    this.#release(key, this.#callOf(key));
    this.inner.toolEnd(key);
  }

  override finish(stopReason: StopReason, stopSequence?: string | null, fields?: Record<string, unknown>): void {
    for (const [key, call] of this.#calls) this.#release(key, call);
    this.inner.finish(stopReason, stopSequence, fields);
  }

  #callOf(key: string | number): Call {
    const call = this.#calls.get(key) ?? { json: '', prefix: createJsonPrefix(), held: '', sent: 0, isOver: false };
    this.#calls.set(key, call);
    return call;
  }

  /** What cannot be mended goes on as it is: whether it will do is the writer's to say. */
  #release(key: string | number, call: Call): void {
    if (call.isOver) return;
    call.isOver = true;
    const mended = toArguments(call.json);
    const isSame = mended?.startsWith(call.json.slice(0, call.sent)) ?? false;
    // No arguments at all are as good as an empty object.
    if (mended === '{}' && call.sent === 0) return;
    this.#send(key, call, (isSame && mended !== null ? mended : call.json).slice(call.sent));
  }

  #send(key: string | number, call: Call, json: string): void {
    this.inner.toolArguments(key, json);
    call.sent += json.length;
    call.held = '';
  }
}
