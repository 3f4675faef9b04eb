// What must hold of every stream of every provider, whatever it says and however it comes.
import { MessageStream } from '@anthropic-ai/sdk/lib/MessageStream';
import { expect } from 'chai';
import { GatewayError, toErrorEnvelope } from '#shared/errors.ts';
import type { AnthropicEvent } from '#shared/messages/message-writer.ts';
import type { ConversionMemory, Provider } from '#shared/providers/provider.ts';
import { type ConvertedStream, feedStream } from './convert-stream.ts';

export interface AskedStream {
  provider: Provider;
  memory: ConversionMemory;
  bytes: Buffer;
}

/** Returns what a client sees, after it was seen to be the same in any chunks and framing and fit for any client. */
export async function readSoundly({ provider, memory, bytes }: AskedStream): Promise<ConvertedStream> {
  const feed = (text: string | Buffer, chunkBytes?: number): ConvertedStream =>
    feedStream(provider, text, { memory: { ...memory }, ...(chunkBytes === undefined ? {} : { chunkBytes }) });
  const whole = feed(bytes);
  const others = [feed(bytes, 1), feed(bytes, 7), ...reframed(bytes).map((text) => feed(text))];
  for (const other of others) expect(other).to.deep.equal(whole);
  if (whole.error === null) await expectWhole(whole);
  else await expectBrokenOff(whole);
  return whole;
}

/** The same stream as others would frame it. */
function reframed(bytes: Buffer): string[] {
  const text = bytes.toString('utf8');
  const lines = [text.replaceAll('\r\n', '\n'), text.replace(/\r?\n/g, '\r\n'), text.trimEnd()];
  if (/^\s*[[{]/.test(text)) return lines;
  const withoutNames = text.replace(/^event: .*\r?\n/gm, '');
  const withoutMark = text.replace(/data: \[DONE\]\s*$/, '');
  return [...lines, withoutNames, withoutMark, text.replaceAll('data: {', ': note\n\ndata: {')];
}

async function expectWhole({ events, message }: ConvertedStream): Promise<void> {
  expect(events.filter(({ type }) => type === 'message_stop')).to.have.length(1);
  expect(events.at(-1)?.type).to.equal('message_stop');
  const theirs = await readWithSdk(events);
  expect(theirs.stop_reason).to.equal(message?.stop_reason);
  expect(theirs.usage.output_tokens).to.equal(message?.usage.output_tokens);
  // Of arguments that were cut the client reads what there is, where we read none.
  if (theirs.stop_reason === 'max_tokens') return;
  expect(JSON.parse(JSON.stringify(theirs.content))).to.deep.equal(message?.content);
}

async function expectBrokenOff({ events, error }: ConvertedStream): Promise<void> {
  if (!(error instanceof GatewayError)) throw error;
  expect(events.map(({ type }) => type)).not.to.include('message_stop');
  const seen: AnthropicEvent[] = [...events, { ...toErrorEnvelope(error) }];
  const outcome = await readWithSdk(seen).then(
    () => 'a message',
    () => 'an error',
  );
  expect(outcome).to.equal('an error');
}

/**
 * Cut before its upstream has said that the answer is whole, a stream is broken and looks it; cut later it may be whole,
 * and is then the same.
 */
export function expectBrokenWhenCut({ provider, memory, bytes }: AskedStream, finish: RegExp, stride: number): void {
  const whole = feedStream(provider, bytes, { memory: { ...memory } });
  const finishedAt = finishEnd(bytes, finish);
  for (const at of cuts(bytes, stride)) {
    const { error, events, message } = feedStream(provider, bytes.subarray(0, at), { memory: { ...memory } });
    const isEnded = events.some(({ type }) => type === 'message_stop');
    expect(isEnded, `cut after ${at} bytes`).to.equal(error === null);
    if (error !== null) expect(error, `cut after ${at} bytes`).to.be.instanceOf(GatewayError);
    else {
      expect(at, 'whole before the upstream said so').to.be.at.least(finishedAt);
      expect(message?.content).to.deep.equal(whole.message?.content);
      expect(message?.stop_reason).to.equal(whole.message?.stop_reason);
    }
  }
}

/** Where the line ends that says the answer is whole; the end of all where none does. */
function finishEnd(bytes: Buffer, finish: RegExp): number {
  const text = bytes.toString('latin1');
  const at = /^\s*[[{]/.test(text) && !/\}\r?\n\{/.test(text) ? -1 : text.search(finish);
  if (at === -1) return text.trimEnd().length;
  const end = text.indexOf('\n', at);
  return text.slice(0, end === -1 ? text.length : end).trimEnd().length;
}

/** Around each line end, and everywhere else at every `stride`th byte. */
function cuts(bytes: Buffer, stride: number): number[] {
  return Array.from({ length: bytes.length }, (_, at) => at).filter(
    (at) => at % stride === 0 || bytes[at] === 0x0a || bytes[at - 1] === 0x0a,
  );
}

/** What the client's own accumulator makes of events. @throws where it does */
export async function readWithSdk(
  events: readonly AnthropicEvent[],
): Promise<Awaited<ReturnType<MessageStream['finalMessage']>>> {
  const lines = events.map((event) => `${JSON.stringify(event)}\n`).join('');
  return MessageStream.fromReadableStream(new Blob([lines]).stream()).finalMessage();
}
