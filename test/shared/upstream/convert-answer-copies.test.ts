import { expect } from 'chai';
import type { ChatMemory } from '#shared/providers/openai-chat/chat-memory.ts';
import { PLAIN_SERVER } from '#shared/providers/openai-chat/traits.ts';
import { openaiChat } from '#shared/providers/openai-chat.ts';
import { MEMORY } from '../../support/convert-stream.ts';
import { createConversions, FakeUpstream, listen } from '../../support/converted-answer.ts';

function event(delta: object, finish: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return `data: ${JSON.stringify({ id: 'c1', model: 'm', choices })}\n\n`;
}

const said = (...texts: string[]): string => texts.map((content) => event({ content })).join('');
const thought = (...texts: string[]): string => texts.map((reasoning_content) => event({ reasoning_content })).join('');
const CALL = [
  event({ tool_calls: [{ index: 0, id: 'call_0', type: 'function', function: { name: 'Read', arguments: '' } }] }),
  ...['{"a"', ':"', 'ä', '1', '"}'].map((json) => event({ tool_calls: [{ index: 0, function: { arguments: json } }] })),
].join('');
/** State without a visible thought: it has a block of its own. */
const STATE = event({ reasoning_details: [{ type: 'reasoning.encrypted', index: 0, data: 'state' }] });
const END = `${event({}, 'stop')}data: [DONE]\n\n`;

/** Nobody counts the output: it is estimated from what was written. */
const STREAMS: Readonly<Record<string, string>> = {
  'text alone': `${said('Hello', ' you', '', ' "and"\n', ' ä😀')}${END}`,
  'thinking, then text': `${thought('let', ' me', ' see')}${said('one', ' two', ' three')}${END}`,
  'text between thoughts': `${thought('a', 'b', 'c')}${said('d', 'e')}${thought('f', 'g')}${said('h', 'i')}${END}`,
  'text between states': `${said('a', 'b', 'c')}${STATE}${said('d', 'e')}${STATE}${said('f', 'g')}${END}`,
  'text in marks of thinking': `${said('a', '<think>', 'b', 'c', '</thi', 'nk>', 'd', 'e')}${END}`,
  'text, then calls': `${said('I', ' read', ' it')}${CALL}${END}`,
  'a string at which it stops': `${said('one', ' S', 'TOP', ' two', ' three')}${END}`,
  'a text after its end': `${said('one', ' two')}${END}${said(' three', ' four')}`,
  'text, a comment, and text': `${said('one', ' two')}: wait\n\n${said(' three', ' four')}${END}`,
  'text that is not whole': said('one', ' two', ' three'),
  'text behind an error': `${said('one', ' two')}data: {"error":{"message":"busy"}}\n\n${said(' three')}${END}`,
};

const CHAT: ChatMemory = { ...MEMORY, traits: PLAIN_SERVER, pickyTools: new Map(), wantsSearch: false };
const MEMORIES: readonly ChatMemory[] = [
  CHAT,
  { ...CHAT, stopSequences: ['STOP'] },
  { ...CHAT, traits: { ...PLAIN_SERVER, reasoningReplay: 'reasoning_details' } },
  { ...CHAT, traits: { ...PLAIN_SERVER, hasThinkTags: true } },
];

describe('an answer whose texts are copied', () => {
  const { convert, abortAll } = createConversions();
  afterEach(abortAll);

  async function bytesOf(stream: string, chunkBytes: number, memory: ChatMemory): Promise<string> {
    const upstream = new FakeUpstream();
    const pending = convert(upstream, { conversion: { provider: openaiChat, memory } });
    const bytes = Buffer.from(stream);
    for (let at = 0; at < bytes.length; at += chunkBytes) upstream.sink?.onChunk(bytes.subarray(at, at + chunkBytes));
    upstream.end();
    return Buffer.concat(listen(await pending).chunks).toString();
  }

  for (const [name, stream] of Object.entries(STREAMS)) {
    it(`is the same bytes as where each character of the stream comes by itself: ${name}`, async () => {
      for (const memory of MEMORIES) {
        const slowly = await bytesOf(stream, 1, memory);
        expect(slowly).to.include('content_block_delta');
        for (const chunkBytes of [40, 150, 400, 1000, stream.length * 4])
          expect(await bytesOf(stream, chunkBytes, memory), `${chunkBytes} at once`).to.equal(slowly);
      }
    });
  }
});
