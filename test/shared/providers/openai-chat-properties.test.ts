import { readdirSync, readFileSync } from 'node:fs';
import { MessageStream } from '@anthropic-ai/sdk/lib/MessageStream';
import { expect } from 'chai';
import fc from 'fast-check';
import { GatewayError } from '#shared/errors.ts';
import { toSse } from '#shared/messages/message-writer.ts';
import { azure } from '#shared/providers/azure.ts';
import { chatTraits, VENDOR_NAMES } from '#shared/providers/openai-chat/vendors.ts';
import { openaiChat } from '#shared/providers/openai-chat.ts';
import { openrouter } from '#shared/providers/openrouter.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { feedStream } from '../../support/convert-stream.ts';
import { convertWith } from '../../support/target.ts';

const FOLDER = new URL('../../fixtures/openai-chat/streams/', import.meta.url);
const FIXTURES = readdirSync(FOLDER).map((file) => ({ file, bytes: readFileSync(new URL(file, FOLDER)) }));
const MEMORIES = ['openai', 'generic', 'openrouter', 'minimax'].map((vendor) => ({
  traits: chatTraits(vendor, 'gpt-5'),
  pickyTools: new Map(),
  wantsSearch: true,
  isWarmUp: false,
}));

/** Where the frame starts that names the finish. */
const finishAt = (text: string): number => text.lastIndexOf('data:', text.search(/"finish_reason":"/));

describe('Chat Completions, whatever comes', () => {
  for (const { file, bytes } of FIXTURES) {
    const text = bytes.toString('utf8');

    it(`gives the same events however ${file} is cut into chunks, framed or commented`, () => {
      for (const memory of MEMORIES) {
        const whole = feedStream(openaiChat, bytes, { memory });
        expect(whole.error).to.equal(null);
        const variants = [
          ...[1, 7].map((chunkBytes) => feedStream(openaiChat, bytes, { memory, chunkBytes })),
          feedStream(openaiChat, text.replaceAll('\n', '\r\n'), { memory, chunkBytes: 3 }),
          feedStream(openaiChat, text.replaceAll('data: {', ': note\n\ndata: {'), { memory }),
          feedStream(openaiChat, text.replace('data: [DONE]\n\n', ''), { memory }),
          feedStream(openaiChat, text.trimEnd(), { memory }),
        ];
        for (const { events } of variants) expect(events).to.deep.equal(whole.events);
      }
    });

    it(`never ends well when ${file} is cut before its finish`, () => {
      const end = Buffer.byteLength(text.slice(0, finishAt(text)));
      const places = Array.from({ length: end + 1 }, (_, at) => at);
      MEMORIES.forEach((memory, index) => {
        // Each memory is cut at every event boundary and at another quarter of the places inside.
        const cuts = places.filter((at) => at % MEMORIES.length === index || bytes[at - 1] === 0x0a);
        for (const at of cuts) {
          const { events, error } = feedStream(openaiChat, bytes.subarray(0, at), { memory });
          expect(error, `cut at ${at}`).to.be.instanceOf(GatewayError);
          expect(events.map(({ type }) => type)).not.to.include('message_stop');
        }
      });
    });

    it(`gives the real client's accumulator the message of ${file}`, async () => {
      const { events, message } = feedStream(openaiChat, bytes, { memory: MEMORIES[0] ?? {} });
      const lines = events.map((event) => `${JSON.stringify(event)}\n`).join('');
      const stream = MessageStream.fromReadableStream(new Blob([lines]).stream());
      const final = await stream.finalMessage();
      expect(JSON.parse(JSON.stringify(final.content))).to.deep.equal(message?.content);
      expect(final.stop_reason).to.equal(message?.stop_reason);
      expect(final.usage.output_tokens).to.equal(message?.usage.output_tokens);
      for (const event of events) expect(toSse(event).toString()).to.match(/^event: \w+\ndata: [^\n]+\n\n$/);
    });
  }

  it('gives the same result when a finish comes twice', () => {
    for (const { bytes } of FIXTURES) {
      const text = bytes.toString('utf8');
      const frame = text.slice(finishAt(text)).split('\n\n')[0] ?? '';
      const bare = frame.replace(/"delta":\{.*?\}(?=,"(?:finish|logprobs|index|native))/, '"delta":{}');
      const twice = text.replace(frame, `${frame}\n\n${bare}`);
      if (!bare.includes('"delta":{}')) continue;
      expect(feedStream(openaiChat, twice).message).to.deep.equal(feedStream(openaiChat, text).message);
    }
  });

  it('never ends well and never throws anything but a GatewayError on bytes without a finish', () => {
    const delta = fc.record(
      {
        content: fc.oneof(fc.string(), fc.constant(null), fc.jsonValue()),
        reasoning_content: fc.oneof(fc.string(), fc.jsonValue()),
        reasoning_details: fc.array(fc.jsonValue(), { maxLength: 2 }),
        tool_calls: fc.array(
          fc.oneof(
            fc.jsonValue(),
            fc.record(
              {
                index: fc.oneof(fc.nat(2), fc.jsonValue()),
                id: fc.oneof(fc.constantFrom('a', 'b', '', null), fc.jsonValue()),
                function: fc.record(
                  { name: fc.constantFrom('Bash', '', null), arguments: fc.constantFrom('{', '}', '{}', '"', null, 5) },
                  { requiredKeys: [] },
                ),
              },
              { requiredKeys: [] },
            ),
          ),
          { maxLength: 3 },
        ),
        function_call: fc.jsonValue(),
        refusal: fc.oneof(fc.string(), fc.constant(null)),
        annotations: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const chunk = fc.record(
      {
        choices: fc.array(fc.record({ index: fc.constantFrom(0, 1), delta }), { maxLength: 2 }),
        usage: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const frame = fc.oneof(
      fc.string(),
      fc.json(),
      chunk.map((value) => JSON.stringify(value)),
      fc.constant('[DONE]'),
    );
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.constantFrom(...MEMORIES), (frames, memory) => {
        const { events, error } = feedStream(openaiChat, frames.map((data) => `data: ${data}\n\n`).join(''), {
          memory,
        });
        expect(error).to.be.instanceOf(GatewayError);
        expect(events.map(({ type }) => type)).not.to.include('message_stop');
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses any request with nothing but a GatewayError of 400, or carries it', () => {
    const anyBlock = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          type: fc.constantFrom(
            'text',
            'image',
            'document',
            'tool_use',
            'tool_result',
            'thinking',
            'redacted_thinking',
            'server_tool_use',
            'web_search_tool_result',
            'x',
          ),
          text: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()),
          id: fc.constantFrom('a', 'b', 5),
          name: fc.oneof(fc.string(), fc.constant(null)),
          input: fc.jsonValue(),
          tool_use_id: fc.constantFrom('a', 'b', null),
          content: fc.oneof(fc.string(), fc.array(fc.jsonValue(), { maxLength: 2 }), fc.jsonValue()),
          source: fc.oneof(
            fc.jsonValue(),
            fc.record({
              type: fc.constantFrom('base64', 'url', 'file', 'text', 'content'),
              data: fc.string(),
              url: fc.string(),
            }),
          ),
          cache_control: fc.jsonValue(),
        },
        { requiredKeys: ['type'] },
      ),
    );
    const message = fc.oneof(
      fc.jsonValue(),
      fc.record({
        role: fc.constantFrom('user', 'assistant', 'system', 'x'),
        content: fc.oneof(fc.string(), fc.array(anyBlock, { maxLength: 4 })),
      }),
    );
    const request = fc.record(
      {
        model: fc.string(),
        messages: fc.oneof(fc.array(message, { maxLength: 5 }), fc.jsonValue()),
        system: fc.oneof(fc.string(), fc.jsonValue()),
        tools: fc.oneof(
          fc.jsonValue(),
          fc.array(
            fc.record(
              {
                name: fc.oneof(fc.string(), fc.jsonValue()),
                type: fc.constantFrom('custom', 'bash_1', 'x'),
                input_schema: fc.jsonValue(),
                defer_loading: fc.boolean(),
              },
              { requiredKeys: ['name'] },
            ),
            { maxLength: 3 },
          ),
        ),
        tool_choice: fc.oneof(
          fc.jsonValue(),
          fc.record({ type: fc.constantFrom('auto', 'any', 'tool', 'none'), name: fc.string() }),
        ),
        max_tokens: fc.oneof(fc.integer(), fc.double(), fc.jsonValue()),
        thinking: fc.oneof(fc.jsonValue(), fc.record({ type: fc.string(), budget_tokens: fc.integer() })),
        output_config: fc.jsonValue(),
        stop_sequences: fc.jsonValue(),
        metadata: fc.jsonValue(),
        mcp_servers: fc.jsonValue(),
        temperature: fc.jsonValue(),
        top_k: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        request,
        fc.constantFrom(openaiChat, azure, openrouter),
        fc.constantFrom(...VENDOR_NAMES),
        (value, provider, vendor) => {
          const body = JSON.parse(JSON.stringify(value)) as MessagesRequest;
          try {
            const { json } = convertWith(provider, body, { model: 'gpt-5', target: { vendor } });
            expect(json.messages).to.be.an('array').with.length.above(0);
          } catch (error) {
            expect(error).to.be.instanceOf(GatewayError);
            expect((error as GatewayError).status).to.equal(400);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
