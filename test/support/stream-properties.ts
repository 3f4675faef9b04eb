// What must hold of every recorded stream of every provider, whatever it says.
import { MessageStream } from '@anthropic-ai/sdk/lib/MessageStream';
import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import type { AnthropicEvent } from '#shared/messages/message-writer.ts';
import type { Provider } from '#shared/providers/provider.ts';
import { type FeedOptions, feedStream } from './convert-stream.ts';

type Memory = NonNullable<FeedOptions['memory']>;

/** The same events however the bytes are cut into chunks, and a message the client's own accumulator takes. */
export async function expectSoundStream(provider: Provider, bytes: Buffer, memory: Memory = {}): Promise<void> {
  const whole = feedStream(provider, bytes, { memory });
  if (whole.error !== null) throw whole.error;
  for (const chunkBytes of [1, 7]) expect(feedStream(provider, bytes, { chunkBytes, memory })).to.deep.equal(whole);
  const text = bytes.toString('utf8');
  const others = [text.replaceAll('\r\n', '\n'), text.replace(/\r?\n/g, '\r\n'), text.trimEnd(), `: hello\n\n${text}`];
  for (const other of others) expect(feedStream(provider, other, { memory })).to.deep.equal(whole);
  expect(whole.events.at(-1)?.type).to.equal('message_stop');
  const theirs = await readWithSdk(whole.events);
  // Of arguments that were cut the client reads what there is, where we read none.
  if (whole.message?.stop_reason !== 'max_tokens') expect(theirs.content).to.deep.equal(whole.message?.content);
  expect(theirs.stop_reason).to.equal(whole.message?.stop_reason);
}

/** Cut before its last event, between two events or inside one, a stream is broken and looks it. */
export function expectBrokenWhenCut(provider: Provider, bytes: Buffer, memory: Memory = {}): void {
  const text = bytes.toString('utf8').trimEnd();
  const last = Math.max(text.lastIndexOf('\n\n'), text.lastIndexOf('\r\n\r\n'));
  for (let at = 0; at <= last; at += at % 3 === 0 ? 1 : 11) expectBroken(provider, text.slice(0, at), memory);
  for (const match of text.matchAll(/\r?\n\r?\n/g)) expectBroken(provider, text.slice(0, match.index), memory);
  // Inside the last event, short of its end.
  expectBroken(provider, text.slice(0, -3), memory);
}

function expectBroken(provider: Provider, cut: string, memory: Memory): void {
  const { error, events } = feedStream(provider, cut, { memory });
  expect(error, `cut after ${cut.length}: ${cut.slice(-60)}`).to.be.instanceOf(GatewayError);
  expect(events.map(({ type }) => type)).not.to.include('message_stop');
}

export async function readWithSdk(
  events: readonly AnthropicEvent[],
): Promise<Awaited<ReturnType<MessageStream['finalMessage']>>> {
  const lines = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const event of events) controller.enqueue(Buffer.from(`${JSON.stringify(event)}\n`));
      controller.close();
    },
  });
  return MessageStream.fromReadableStream(lines).finalMessage();
}
