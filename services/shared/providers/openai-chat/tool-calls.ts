// The tool calls of one answer, put together from deltas that servers number, name and cut in many ways.
import { createHash } from 'node:crypto';
import { GatewayError } from '#shared/errors.ts';
import { createJsonPrefix, type JsonPrefix } from '#shared/messages/json-prefix.ts';
import type { MessageWriter } from '#shared/messages/message-writer.ts';
import { type Fields, fieldsOf, isFields, numberOf, textOf } from '../fields.ts';
import { CLIENT_TOOL_IDS, toToolId } from '../tool-names.ts';
import { writeJson } from '../write-json.ts';
import type { ChatMemory } from './chat-memory.ts';
import { dropRefused, toArguments } from './tool-arguments.ts';

interface Call {
  key: number;
  index: number | null;
  id: string;
  name: string;
  json: string;
  prefix: JsonPrefix;
  /** What of it is sound and not yet sent. */
  held: string;
  /** How it begins, without white space. */
  beginning: string;
  isStarted: boolean;
  /** Characters of the arguments that were handed on. */
  sent: number;
  isReleased: boolean;
}

export class ToolCalls {
  readonly #writer: MessageWriter;
  readonly #memory: ChatMemory;
  readonly #calls: Call[] = [];
  readonly #ids = new Set<string>();

  constructor(writer: MessageWriter, memory: ChatMemory) {
    this.#writer = writer;
    this.#memory = memory;
  }

  get isEmpty(): boolean {
    return this.#calls.length === 0;
  }

  /** One entry of `tool_calls`. @throws GatewayError when it cannot be put in its place */
  push(entry: Fields): void {
    const called = fieldsOf(entry.function ?? entry);
    const id = textOf(entry.id);
    const name = textOf(called.name);
    const call = this.#find(numberOf(entry.index), id, name) ?? this.#create(numberOf(entry.index));
    call.id ||= id;
    call.name ||= name;
    const piece = isFields(called.arguments) ? writeJson(called.arguments) : textOf(called.arguments);
    if (call.isReleased && piece.trim() === '') return;
    if (call.isReleased) throw broken(call);
    call.json += piece;
    const before = call.prefix.length;
    call.prefix.push(piece);
    const sound = piece.slice(0, call.prefix.length - before);
    call.held += sound;
    if (call.beginning.length <= NOTHING_YET.length) call.beginning += sound.replace(/\s+/g, '');
    this.#advance(call);
  }

  /** No more deltas will come. `isCut`: the answer was ended in the middle. @throws GatewayError */
  finish(isCut: boolean, answerId: string): void {
    for (const call of this.#calls) {
      if (call.name === '') {
        if (call.json.trim() !== '' && !isCut) throw broken(call);
        continue;
      }
      call.id ||= this.#inventId(call, answerId);
      this.#start(call);
      if (isCut) this.#releaseCut(call);
      else this.#release(call);
    }
  }

  /** The call an entry goes on with: by its index, by its id, else the last one; null = it is a new one. */
  #find(index: number | null, id: string, name: string): Call | null {
    if (index !== null) {
      const call = this.#calls.findLast((one) => one.index === index);
      return call && !isAnother(call, id, name) ? call : null;
    }
    if (id !== '') return this.#calls.findLast((one) => one.id === id) ?? null;
    const last = this.#calls.at(-1);
    const isNext = name !== '' && last !== undefined && last.name !== '' && isWholeOrEmpty(last);
    return last && !isNext ? last : null;
  }

  #create(index: number | null): Call {
    for (const call of this.#calls) if (call.prefix.isWhole && call.isStarted) this.#release(call);
    const call = {
      key: this.#calls.length,
      index,
      id: '',
      name: '',
      json: '',
      prefix: createJsonPrefix(),
      held: '',
      beginning: '',
      isStarted: false,
      sent: 0,
      isReleased: false,
    };
    this.#calls.push(call);
    return call;
  }

  #advance(call: Call): void {
    if (call.id === '' || call.name === '') return;
    this.#start(call);
    if (!this.#isHeld(call)) this.#sendHeld(call);
  }

  #start(call: Call): void {
    if (call.isStarted) return;
    call.isStarted = true;
    let id = toToolId(call.id, CLIENT_TOOL_IDS);
    // Two calls of one name for two things: the second gets one of its own.
    if (this.#ids.has(id)) id = toToolId(`${call.id}#${call.key}`, CLIENT_TOOL_IDS);
    this.#ids.add(id);
    this.#writer.toolStart(call.key, id, this.#clientName(call));
  }

  #clientName(call: Call): string {
    return this.#memory.toolNames.get(call.name) ?? call.name;
  }

  /** Arguments that may have to be changed wait for their end, as does an empty object: more may come behind it. */
  #isHeld(call: Call): boolean {
    if (this.#memory.pickyTools.has(this.#clientName(call))) return true;
    return call.sent === 0 && NOTHING_YET.startsWith(call.beginning);
  }

  /** As far as it is the JSON of an object: what else was said is no argument, or has to be mended. */
  #sendHeld(call: Call): void {
    this.#writer.toolArguments(call.key, call.held);
    call.sent += call.held.length;
    call.held = '';
  }

  #release(call: Call): void {
    if (call.isReleased) return;
    const json = toArguments(call.json);
    // What the client has seen cannot be taken back.
    if (json === null || !json.startsWith(call.json.slice(0, call.sent))) throw broken(call);
    const picky = this.#memory.pickyTools.get(this.#clientName(call));
    const kept = picky && call.sent === 0 ? dropRefused(json, picky) : json;
    if (kept !== '{}' || call.sent > 0) this.#writer.toolArguments(call.key, kept.slice(call.sent));
    this.#end(call);
  }

  #releaseCut(call: Call): void {
    if (call.isReleased) return;
    this.#sendHeld(call);
    this.#end(call);
  }

  #end(call: Call): void {
    call.isReleased = true;
    this.#writer.toolEnd(call.key);
  }

  #inventId(call: Call, answerId: string): string {
    const seed = [answerId, this.#memory.inputTokens, call.key, call.name, call.json].join('\n');
    return `toolu_${createHash('sha256').update(seed).digest('hex').slice(0, 24)}`;
  }
}

const NOTHING_YET = '{}';

/** Servers that number every call 0 tell a new one by its id and name. */
function isAnother(call: Call, id: string, name: string): boolean {
  if (id === '' || name === '' || call.id === '' || call.id === id) return false;
  return isWholeOrEmpty(call) || call.name !== name;
}

function isWholeOrEmpty({ json, prefix }: Call): boolean {
  return prefix.isWhole || json.trim() === '';
}

function broken(call: Call): GatewayError {
  const name = call.name === '' ? 'without a name' : `"${call.name.slice(0, 80)}"`;
  return new GatewayError('api_error', `the upstream sent a tool call ${name} whose arguments are no JSON object`, {
    status: 502,
  });
}
