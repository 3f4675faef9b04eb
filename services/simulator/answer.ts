// What a protocol makes of a scene: an HTTP answer whose body is a list of whole events, or one JSON body. The player
// decides how much of it, how cut up and how fast it reaches the wire.
import type { Random } from './random.ts';
import type { Ask } from './read-ask.ts';
import type { Scene, SceneError } from './script.ts';
import type { SeenRequest } from './seen.ts';

export interface Answer {
  status: number;
  headers: Record<string, string>;
  /** Whole events of a stream, or the one body. */
  parts: Buffer[];
  isStream: boolean;
  /** A keep-alive event, where the protocol has one. */
  ping?: Buffer;
  /** What a stream that does not parse looks like; by default an Anthropic one. */
  unparsable?: string;
}

export interface AnswerContext {
  random: Random;
  /** The simulator's own model name. */
  model?: string;
}

/** One model API. Adding another is one file and one line in the server's list. */
export interface Protocol {
  readonly name: string;
  /** True when a scene answers this request. */
  claims(method: string, path: string): boolean;
  /** What named scenes are told; undefined when the body is no request of this API. */
  readAsk(request: SeenRequest): Ask | undefined;
  /** The scene in full; faults that end it early are the player's. */
  answer(scene: Scene, request: SeenRequest, context: AnswerContext): Answer;
  /** The protocol's other paths (token counts, model lists); undefined when the path is not one of them. */
  answerOther(request: SeenRequest, context: AnswerContext): Answer | undefined;
  /** An error in the protocol's shape. */
  errorBody(status: number, error: SceneError, requestId: string): string;
}

export function jsonAnswer(status: number, body: string, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    parts: [Buffer.from(body)],
    isStream: false,
  };
}
