// What the steps of a named pipeline do around a conversion, as those see it who convert. The steps themselves, and how
// they are read from settings, are in services/shared/pipelines.
import type { MessageWriter } from '#shared/messages/message-writer.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';

/** What an upstream is sent, before it is signed. */
export interface WrittenRequest {
  /** Flat `[name, value, …]`. */
  headers: readonly string[];
  body: Buffer;
}

/** What a client wants of a model's thinking: all, its state without the words, or nothing. */
export type ThinkingShown = 'shown' | 'state' | 'none';

export interface Pipeline {
  readonly name: string;
  /** Steps on what a client asks. `notes` gets the name of each that changed something. Never throws. */
  changeRequest(request: MessagesRequest, notes: string[]): MessagesRequest;
  /** Steps on what the provider made of it. */
  changeWritten(written: WrittenRequest, notes: string[]): WrittenRequest;
  /** Flat: headers that `changeWritten` sets. Values may be secrets. */
  readonly setHeaders: readonly string[];
  /** Has it steps on answers? */
  readonly readsAnswers: boolean;
  /** Steps on one event of the upstream's answer: its data. */
  changeEvent(data: string): string;
  /** The writer that a provider's reader is given in place of the one that is given. */
  wrapWriter(writer: MessageWriter, thinking: ThinkingShown): MessageWriter;
}
