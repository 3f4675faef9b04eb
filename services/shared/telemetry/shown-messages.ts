// Messages and tools as a span shows them: texts by the ends of their keys. They are written behind the span's attributes
// from what is known of them, and a short one that is shown again where it was shown before, as the bytes that it was then.
import { ownCopy } from '#shared/free.ts';
import type { FlatMessage } from './flatten-message.ts';
import { type ProtobufOutput, utf8Size } from './protobuf-output.ts';

export interface SizedMessage {
  readonly entries: FlatMessage;
  /** Of keys and values. */
  readonly bytes: number;
  /**
   * Set when it is written: where, and once it was written there twice, its attributes as bytes (of one tag, all are). Who
   * keeps the message keeps these too.
   */
  written: { readonly prefix: string; readonly attributes: Buffer | null } | null;
}

/** One behind the other, under a key that all of theirs begin with. */
export interface ShownMessages {
  readonly prefix: string;
  readonly messages: readonly SizedMessage[];
}

/** Of a longer one most of the time goes into its text, which is as quickly written as copied. */
export const LONGEST_READY = 2048;

export function sized(entries: FlatMessage, sizeOf: (text: string) => number = utf8Size): SizedMessage {
  let bytes = 0;
  for (const [key, value] of entries) bytes += utf8Size(key) + sizeOf(value);
  return { entries, bytes, written: null };
}

export function putMessages(output: ProtobufOutput, tag: number, { prefix, messages }: ShownMessages): void {
  for (const [index, message] of messages.entries()) putMessage(output, tag, `${prefix}.${index}.`, message);
}

function putMessage(output: ProtobufOutput, tag: number, prefix: string, message: SizedMessage): void {
  const isAgain = message.written?.prefix === prefix;
  const ready = isAgain ? message.written?.attributes : undefined;
  if (ready) {
    output.copy(ready, 0, ready.length);
    return;
  }
  const start = output.size;
  for (const [key, value] of message.entries) output.textEntry(tag, prefix + key, value);
  const isKept = isAgain && message.bytes <= LONGEST_READY;
  message.written = { prefix, attributes: isKept ? ownCopy(output.bytes().subarray(start)) : null };
}

/** The same among other attributes. */
export function addMessages(attributes: Record<string, unknown>, { prefix, messages }: ShownMessages): void {
  for (const [index, { entries }] of messages.entries()) {
    for (const [key, value] of entries) attributes[`${prefix}.${index}.${key}`] = value;
  }
}
