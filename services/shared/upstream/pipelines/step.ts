// What a step of a pipeline is: its name, what it takes, where it may stand, and a pure function.
import type { MessageWriter } from '#shared/messages/message-writer.ts';
import type { Fields } from '#shared/providers/fields.ts';
import type { ThinkingShown } from '#shared/providers/pipeline.ts';

/** In which of a pipeline's lists, and on whose shape: Anthropic's, or with `at = "upstream"` the provider's. */
export type Place = 'request' | 'request upstream' | 'response upstream' | 'response';

/** Whatever it is given: the same value when there is nothing to change, and never an exception. */
export type StepWork =
  | { on: 'body'; change(body: Fields): Fields }
  | { on: 'headers'; change(headers: readonly string[]): readonly string[]; sets: readonly string[] }
  | { on: 'writer'; wrap(writer: MessageWriter, thinking: ThinkingShown): MessageWriter };

export interface Param {
  readonly name: string;
  /** For those who write it. */
  readonly about: string;
  readonly isRequired: boolean;
  /** Its value may be a secret. */
  readonly isSecret: boolean;
  /** What it must be instead; undefined when it is that. */
  check(value: unknown): string | undefined;
}

export interface StepKind {
  readonly name: string;
  /** What it does, in one sentence. */
  readonly about: string;
  /** The first is where it stands when nothing is said. */
  readonly places: readonly [Place, ...Place[]];
  readonly params: readonly Param[];
  /** What is wrong with parameters that are each right; undefined when nothing is. */
  complaint?(params: Fields): string | undefined;
  /** Of parameters that were checked; absent ones are absent. */
  create(params: Fields): StepWork;
}
