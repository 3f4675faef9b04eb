import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import type { Fields } from '#shared/providers/fields.ts';
import { chatTraits, VENDOR_NAMES } from '#shared/providers/openai-chat/vendors.ts';
import { openaiChat } from '#shared/providers/openai-chat.ts';
import { decodeThinkingState } from '#shared/providers/thinking-state.ts';
import type { ContentBlock, Message } from '#shared/wire/anthropic.ts';
import { type ConvertedStream, feedStream } from '../../support/convert-stream.ts';

const FOLDER = new URL('../../fixtures/openai-chat/streams/', import.meta.url);
const fixture = (name: string): Buffer => readFileSync(new URL(`${name}.sse`, FOLDER));

/** As the reader of a request to that vendor and model would be. */
function chatMemory(vendor: string, model = 'some-model', more: Fields = {}): Fields {
  const traits = { ...chatTraits(vendor, model), ...(more.traits as Fields | undefined) };
  return { pickyTools: new Map(), wantsSearch: false, ...more, traits };
}
const OPENAI = chatMemory('openai', 'gpt-5.4');

const chunk = (delta: Fields, finish: string | null = null, more: Fields = {}): Fields => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...more,
});
const call = (index: number | undefined, fields: Fields): Fields => ({
  tool_calls: [{ ...(index === undefined ? {} : { index }), ...fields }],
});
const sse = (chunks: readonly unknown[], done = true): string =>
  [
    ...chunks.map((one) => `data: ${typeof one === 'string' ? one : JSON.stringify(one)}\n\n`),
    done ? 'data: [DONE]\n\n' : '',
  ].join('');
const feed = (chunks: readonly unknown[], memory: Fields = OPENAI, done = true): ConvertedStream =>
  feedStream(openaiChat, sse(chunks, done), { memory });

function messageOf(stream: ConvertedStream): Message {
  if (stream.error !== null) throw stream.error;
  if (stream.message === null) throw new Error('there is no message');
  return stream.message;
}
const blocks = (stream: ConvertedStream): ContentBlock[] => messageOf(stream).content;
const toolUses = (stream: ConvertedStream): ContentBlock[] => blocks(stream).filter(({ type }) => type === 'tool_use');

function errorOf(stream: ConvertedStream): GatewayError {
  expect(stream.error).to.be.instanceOf(GatewayError);
  expect(stream.events.map(({ type }) => type)).not.to.include('message_stop');
  return stream.error as GatewayError;
}

describe('reading an answer of Chat Completions', () => {
  describe('frames and bytes', () => {
    it('conv S-01 reads CRLF, LF and characters cut anywhere alike', () => {
      const text = fixture('synthetic-openai-text').toString('utf8');
      const whole = messageOf(feedStream(openaiChat, text, { memory: OPENAI }));
      expect(whole.content).to.deep.equal([{ type: 'text', text: 'Grüße, 世界 🌍.' }]);
      for (const variant of [text, text.replaceAll('\n', '\r\n')]) {
        for (const chunkBytes of [1, 2, 3, 7]) {
          expect(messageOf(feedStream(openaiChat, variant, { memory: OPENAI, chunkBytes }))).to.deep.equal(whole);
        }
      }
    });

    it('conv S-02 passes over comments and ends at the finish, with [DONE] or without', () => {
      const chunks = [chunk({ content: 'a' }), chunk({}, 'stop')];
      const commented = `: OPENROUTER PROCESSING\n\n${sse(chunks).replaceAll('data: {', ': keep-alive\n\ndata: {')}`;
      expect(messageOf(feedStream(openaiChat, commented, { memory: OPENAI })).content).to.have.length(1);
      expect(messageOf(feed(chunks, OPENAI, false)).stop_reason).to.equal('end_turn');
    });

    it('conv S-03 takes an event named error as one, and passes over others', () => {
      const start = sse([chunk({ content: 'a' })], false);
      const failed = feedStream(openaiChat, `${start}event: error\ndata: {"error":{"message":"boom"}}\n\n`);
      expect(errorOf(failed).message).to.equal('boom');
      const odd = `event: ping\ndata: {}\n\nevent: thread.created\ndata: {"id":"x"}\n\n${sse([chunk({ content: 'a' }, 'stop')])}`;
      expect(messageOf(feedStream(openaiChat, odd)).content).to.have.length(1);
    });

    it('conv S-04 reads a last frame that is not ended', () => {
      const bytes = sse([chunk({ content: 'a' }), chunk({}, 'stop')], false).trimEnd();
      expect(messageOf(feedStream(openaiChat, bytes)).stop_reason).to.equal('end_turn');
    });

    it('conv S-05 reads data over several lines, without a space, behind a mark of byte order', () => {
      const odd = `\uFEFFid: 1\nretry: 5\ndata:{"choices":[{"index":0,\ndata:"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n`;
      expect(messageOf(feedStream(openaiChat, odd)).content).to.deep.equal([{ type: 'text', text: 'a' }]);
    });

    it('conv S-06 C-03 makes an error of an end without a finish, and leaves the block open', () => {
      const cut = feed([chunk({ content: 'half an ans' })], OPENAI, false);
      expect(errorOf(cut)).to.include({
        code: 'api_error',
        message: 'the upstream closed the stream before finishing',
      });
      expect(cut.events.at(-1)?.type).to.equal('content_block_delta');
      expect(errorOf(feed([chunk({ content: 'half' })])).code, 'with [DONE]').to.equal('api_error');
    });

    it('conv S-06 believes [DONE] alone of servers that never name a finish', () => {
      const memory = chatMemory('generic', 'm', { traits: { isFinishless: true } });
      expect(messageOf(feed([chunk({ content: 'a' })], memory)).stop_reason).to.equal('end_turn');
      errorOf(feed([chunk({ content: 'a' })], memory, false));
    });

    it('conv S-26 reads one document in place of a stream', () => {
      const whole = {
        id: 'chatcmpl-1',
        choices: [
          {
            index: 0,
            message: {
              role: 'assistant',
              content: 'Hi',
              reasoning_content: 'Think.',
              tool_calls: [
                { id: 'call_1', type: 'function', function: { name: 'Bash', arguments: '{"command":"ls"}' } },
              ],
            },
            finish_reason: 'tool_calls',
          },
        ],
        usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 },
      };
      const message = messageOf(feedStream(openaiChat, JSON.stringify(whole)));
      expect(message.content.map(({ type }) => type)).to.deep.equal(['thinking', 'text', 'tool_use']);
      expect(message.stop_reason).to.equal('tool_use');
      expect(message.usage).to.include({ input_tokens: 5, output_tokens: 7 });
    });

    it('conv S-29 keeps what looks like a frame inside a text', () => {
      const text = 'a\n\nevent: message_stop\ndata: {}\n\n\u2028';
      expect(blocks(feed([chunk({ content: text }, 'stop')]))).to.deep.equal([{ type: 'text', text }]);
    });
  });

  describe('text and thinking', () => {
    it('conv S-07 T-06 splits content parts into thinking and text', () => {
      const message = messageOf(feedStream(openaiChat, fixture('synthetic-mistral-thinking-parts')));
      expect(message.content).to.have.length(2);
      expect(message.content[0]).to.include({ type: 'thinking', thinking: 'First, count.' });
      expect(message.content[1]).to.deep.equal({ type: 'text', text: 'There are three.' });
    });

    for (const field of ['reasoning_content', 'reasoning']) {
      it(`conv T-05 C-01 shows ${field} as one thinking block before the text, with a signature of our own`, () => {
        const stream = feed([
          chunk({ role: 'assistant', content: '', [field]: '' }),
          chunk({ [field]: 'Let me ' }),
          chunk({ [field]: 'see.', content: null }),
          chunk({ content: 'Yes.', [field]: null }),
          chunk({}, 'stop'),
        ]);
        const [thinking, text, ...rest] = blocks(stream);
        expect(thinking).to.include({ type: 'thinking', thinking: 'Let me see.' });
        expect(decodeThinkingState('openai-chat', thinking?.signature)).to.deep.equal({});
        expect(text).to.deep.equal({ type: 'text', text: 'Yes.' });
        expect(rest).to.deep.equal([]);
      });
    }

    it('conv T-05 counts the same thought in two fields once, and opens a block again for a later thought', () => {
      const stream = feed([
        chunk({ reasoning: 'A', reasoning_content: 'A' }),
        chunk({ content: 'B' }),
        chunk({ reasoning: 'C' }),
        chunk({ content: 'D' }, 'stop'),
      ]);
      expect(blocks(stream).map((block) => block.thinking ?? block.text)).to.deep.equal(['A', 'B', 'C', 'D']);
    });

    it('conv T-08 carries reasoning details in the signature, and tells their text once', () => {
      const memory = chatMemory('openrouter', 'anthropic/claude-sonnet-4.5');
      const stream = feedStream(openaiChat, fixture('synthetic-openrouter-reasoning-details'), { memory });
      const [thinking, tool] = blocks(stream);
      expect(thinking?.thinking).to.equal('Let me think.');
      expect(decodeThinkingState('openai-chat', thinking?.signature)).to.deep.equal({
        details: [
          {
            type: 'reasoning.text',
            text: 'Let me think.',
            format: 'anthropic-claude-v1',
            index: 0,
            signature: 'EqQBCgIYAhIM',
          },
        ],
      });
      expect(tool).to.include({ type: 'tool_use', id: 'toolu_vrtx_01Abc' });
      expect(messageOf(stream).usage).to.include({
        input_tokens: 100,
        cache_read_input_tokens: 300,
        cache_creation_input_tokens: 100,
      });
    });

    it('conv T-08 gives encrypted reasoning without words a block of its own', () => {
      const detail = {
        type: 'reasoning.encrypted',
        data: 'gAAAA',
        id: 'rs_1',
        format: 'openai-responses-v1',
        index: 0,
      };
      const stream = feed(
        [chunk({ reasoning_details: [detail] }), chunk({ content: 'Yes.' }, 'stop')],
        chatMemory('openrouter', 'openai/gpt-5.4'),
      );
      const [hidden, text] = blocks(stream);
      expect(hidden?.type).to.equal('redacted_thinking');
      expect(decodeThinkingState('openai-chat', hidden?.data)).to.deep.equal({ details: [detail] });
      expect(text?.type).to.equal('text');
    });

    it('conv T-11 keeps thoughts nobody asked for to itself, but counts them', () => {
      const chunks = [
        chunk({ reasoning_content: 'hm' }),
        chunk({ content: 'Yes.' }, 'stop', { usage: { prompt_tokens: 3, completion_tokens: 9, total_tokens: 12 } }),
      ];
      const message = messageOf(feed(chunks, { ...chatMemory('generic'), thinking: 'none' }));
      expect(message.content).to.deep.equal([{ type: 'text', text: 'Yes.' }]);
      expect(message.usage.output_tokens).to.equal(9);
    });

    it('conv T-15 splits tags at the very start of the text, wherever they are cut, and nowhere else', () => {
      const memory = chatMemory('minimax', 'MiniMax-M2');
      const text = '<think>\nHm. a < b</think>\n\nYes, <think> is a tag.';
      for (const size of [1, 3, 8, 100]) {
        const pieces = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
        const stream = feed([...pieces.map((content) => chunk({ content })), chunk({}, 'stop')], memory);
        expect(
          blocks(stream).map((block) => block.thinking ?? block.text),
          `size ${size}`,
        ).to.deep.equal(['Hm. a < b', 'Yes, <think> is a tag.']);
      }
      const other = feed([chunk({ content: text }, 'stop')]);
      expect(blocks(other)).to.deep.equal([{ type: 'text', text }]);
    });

    it('conv R-10 merges texts, and makes no block of white space before a call', () => {
      const stream = feed([
        chunk({ content: '\n\n' }),
        chunk(call(0, { id: 'call_1', function: { name: 'Bash', arguments: '{}' } })),
        chunk({}, 'tool_calls'),
      ]);
      expect(blocks(stream).map(({ type }) => type)).to.deep.equal(['tool_use']);
    });

    it('conv W-03 keeps a text whole that has citations, and tells the pages where a search was asked for', () => {
      const annotation = {
        type: 'url_citation',
        url_citation: { url: 'https://a.example/x', title: 'A', start_index: 0 },
      };
      const chunks = [
        chunk({ content: 'Found.' }),
        chunk({ content: '', annotations: [annotation] }),
        chunk({}, 'stop'),
      ];
      expect(blocks(feed(chunks))).to.deep.equal([{ type: 'text', text: 'Found.' }]);
      const searched = blocks(feed(chunks, chatMemory('openrouter', 'openai/gpt-4o', { wantsSearch: true })));
      expect(searched.map(({ type }) => type)).to.deep.equal(['text', 'server_tool_use', 'web_search_tool_result']);
      expect(searched[2]?.content).to.deep.equal([
        { type: 'web_search_result', title: 'A', url: 'https://a.example/x', encrypted_content: '', page_age: null },
      ]);
    });
  });

  describe('tool calls', () => {
    // Where a pattern tries each way to divide it, this much takes hours.
    it('take arguments behind much white space, in one piece or in many', () => {
      const blank = ' '.repeat(20_000);
      for (const pieces of [
        [`${blank}{"a":1}`],
        [...blank.matchAll(/ {200}/g)].map(String).concat('{', blank, '"a":1}'),
      ]) {
        const said = pieces.map((json) => chunk(call(0, { function: { arguments: json } })));
        const begun = chunk(call(0, { id: 'call_1', function: { name: 'Bash', arguments: '' } }));
        expect(toolUses(feed([begun, ...said, chunk({}, 'tool_calls')]))[0]).to.deep.include({ input: { a: 1 } });
      }
    });

    const bash = (id: string, args: string): Fields => ({
      id,
      type: 'function',
      function: { name: 'Bash', arguments: args },
    });

    it('conv S-20 C-01 writes parallel calls one after the other', () => {
      const stream = feedStream(openaiChat, fixture('synthetic-openai-parallel-tools'), { memory: OPENAI });
      expect(toolUses(stream).map(({ id, name, input }) => ({ id, name, input }))).to.deep.equal([
        { id: 'call_DdmO9pD3xa9XTPNJ32zg2hcA', name: 'Read', input: { file_path: '/tmp/ä.txt' } },
        { id: 'call_aHhMzR4gZ1hFhSgJrKkL9mN0', name: 'Bash', input: { command: 'ls "x"' } },
      ]);
      expect(messageOf(stream).stop_reason).to.equal('tool_use');
      expect(messageOf(stream).usage).to.include({
        input_tokens: 93,
        cache_read_input_tokens: 1024,
        output_tokens: 46,
      });
    });

    it('conv S-20 C-02 puts interleaved arguments where they belong, held or not', () => {
      const chunks = [
        chunk({
          tool_calls: [
            { index: 0, ...bash('a', '') },
            { index: 1, ...bash('b', '') },
          ],
        }),
        chunk(call(1, { function: { arguments: '{"command":' } })),
        chunk(call(0, { function: { arguments: '{"command":' } })),
        chunk(call(1, { function: { arguments: '"two"}' } })),
        chunk(call(0, { function: { arguments: '"one"}' } })),
        chunk({}, 'tool_calls'),
      ];
      for (const memory of [OPENAI, chatMemory('generic')]) {
        expect(toolUses(feed(chunks, memory)).map(({ input }) => input)).to.deep.equal([
          { command: 'one' },
          { command: 'two' },
        ]);
      }
    });

    it('conv S-08 makes no text block of empty content between arguments', () => {
      const stream = feed([
        chunk({ content: '', ...call(0, bash('a', '{"x"')) }),
        chunk({ content: null, ...call(0, { function: { arguments: ':1}' } }) }),
        chunk({ content: '' }, 'tool_calls'),
      ]);
      expect(blocks(stream).map(({ type }) => type)).to.deep.equal(['tool_use']);
    });

    it('conv S-09 C-02 takes indexes as they come, from 1 and with gaps', () => {
      const stream = feed([
        chunk(call(1, bash('a', '{"n":1}'))),
        chunk(call(7, bash('b', '{"n":2}'))),
        chunk({}, 'tool_calls'),
      ]);
      expect(toolUses(stream).map(({ id, input }) => [id, input])).to.deep.equal([
        ['a', { n: 1 }],
        ['b', { n: 2 }],
      ]);
    });

    it('conv S-10 C-02 takes the first id and name that are not empty, however late and often they come', () => {
      const late = feed([
        chunk(call(0, { id: '', function: { arguments: '{"n"' } })),
        chunk(call(0, { id: null, function: { name: 'Bash', arguments: ':' } })),
        chunk(call(0, { id: 'a', function: { name: '', arguments: '1' } })),
        chunk(call(0, { id: 'a', function: { name: 'Bash', arguments: '}' } })),
        chunk({}, 'tool_calls'),
      ]);
      expect(toolUses(late).map(({ id, name, input }) => [id, name, input])).to.deep.equal([['a', 'Bash', { n: 1 }]]);
    });

    it('conv S-11 lets a server send white space for a call that was over', () => {
      const stream = feed([
        chunk(call(0, { id: 'a', function: { name: 'Bash', arguments: '{"n":1}' } })),
        chunk(call(1, { id: 'b', function: { name: 'Bash', arguments: '{"n"' } })),
        chunk(call(0, { function: { arguments: '\n' } })),
        chunk(call(1, { function: { arguments: ':2}' } })),
        chunk({}, 'tool_calls'),
      ]);
      expect(toolUses(stream).map(({ input }) => input)).to.deep.equal([{ n: 1 }, { n: 2 }]);
    });

    it('conv S-10 makes an id where none comes, another for each call, and refuses a call without a name', () => {
      const nameless = feed([chunk(call(0, { id: 'a', function: { arguments: '{"n":1}' } })), chunk({}, 'tool_calls')]);
      expect(errorOf(nameless).code).to.equal('api_error');
      const idless = feed([
        chunk({ tool_calls: [{ function: { name: 'Bash', arguments: '{"n":1}' } }] }),
        chunk({ tool_calls: [{ function: { name: 'Bash', arguments: '{"n":1}' } }] }),
        chunk({}, 'tool_calls'),
      ]);
      const ids = toolUses(idless).map(({ id }) => String(id));
      expect(ids).to.have.length(2);
      expect(new Set(ids).size).to.equal(2);
      for (const id of ids) expect(id).to.match(/^[a-zA-Z0-9_-]+$/);
    });

    it('conv S-11 C-02 takes a call whole in one delta, in the first chunk, and with its arguments as an object', () => {
      const whole = feed([
        chunk({ role: 'assistant', content: '', ...call(0, bash('a', '{"n":1}')) }),
        chunk({}, 'tool_calls'),
      ]);
      expect(toolUses(whole)[0]?.input).to.deep.equal({ n: 1 });
      const asObject = feed([
        chunk(call(0, { id: 'a', function: { name: 'Bash', arguments: { n: 1 } } }), 'tool_calls'),
      ]);
      expect(toolUses(asObject)[0]?.input).to.deep.equal({ n: 1 });
    });

    it('conv S-12 reads what stands beside the finish before it ends', () => {
      const stream = feed([
        chunk({ content: 'a' }),
        chunk({ content: 'b', ...call(0, bash('a', '{"n":1}')) }, 'tool_calls', {
          usage: { prompt_tokens: 1, completion_tokens: 2 },
        }),
      ]);
      expect(blocks(stream).map(({ type }) => type)).to.deep.equal(['text', 'tool_use']);
      expect(messageOf(stream).usage.output_tokens).to.equal(2);
    });

    for (const [broken, why] of [
      ['{"a":1', 'cut'],
      ['{"a":1}{"b":2}', 'two objects'],
      ['["a"]', 'a list'],
      ['"text"', 'a text'],
    ] as const) {
      it(`conv S-13 C-02 ends with an error, not with a tool, when the arguments are ${why}`, () => {
        for (const memory of [OPENAI, chatMemory('generic')]) {
          errorOf(feed([chunk(call(0, bash('a', broken))), chunk({}, 'tool_calls')], memory));
        }
      });
    }

    it('conv S-13 mends only what takes no guessing', () => {
      const memory = chatMemory('generic');
      for (const [sent, wanted] of [
        ['{"text":"one\n\ttwo"}', { text: 'one\n\ttwo' }],
        ['{}{"n":1}', { n: 1 }],
        ['{"n":1}{"n":1}', { n: 1 }],
        ['"{\\"n\\":1}"', { n: 1 }],
        ['null', {}],
        ['', {}],
      ] as const) {
        const stream = feed([chunk(call(0, bash('a', sent))), chunk({}, 'tool_calls')], memory);
        expect(toolUses(stream)[0]?.input, sent).to.deep.equal(wanted);
      }
      const big = feed([chunk(call(0, bash('a', '{"n":12345678901234567890}'))), chunk({}, 'tool_calls')], memory);
      expect(JSON.stringify(big.events)).to.include('12345678901234567890');
    });

    const deltasOf = (pieces: string[], vendor: string): unknown[] => {
      const more = pieces.map((piece) => chunk(call(0, { function: { arguments: piece } })));
      const { events } = feed([chunk(call(0, bash('a', ''))), ...more, chunk({}, 'tool_calls')], chatMemory(vendor));
      return events.flatMap(({ delta }) => (delta as Fields | undefined)?.partial_json ?? []);
    };

    it('streams the arguments of a call as they come, whoever hosts the model', () => {
      for (const vendor of VENDOR_NAMES) {
        expect(deltasOf(['{"n"', ':1', '}'], vendor), vendor).to.deep.equal(['{"n"', ':1', '}']);
      }
    });

    it('conv S-13 shows nothing of arguments that could not begin an object', () => {
      expect(deltasOf(['{', '}', '{"n"', ':1}'], 'vllm')).to.deep.equal(['{"n":1}']);
      expect(deltasOf(['{"n":1}', '{"n"', ':1}'], 'vllm')).to.deep.equal(['{"n":1}']);
      expect(deltasOf(['{"n":"a', '\nb"}'], 'vllm')).to.deep.equal(['{"n":"a', '\\nb"}']);
      expect(deltasOf(['{"n":1}', '{"m":2}'], 'vllm')).to.deep.equal(['{"n":1}']);
    });

    it('conv S-14 C-03 says tool_use whatever the finish, when a whole call was made', () => {
      for (const finish of ['stop', 'tool_calls', 'function_call']) {
        const stream = feed([chunk(call(0, bash('a', '{}'))), chunk({}, finish)]);
        expect(messageOf(stream).stop_reason, finish).to.equal('tool_use');
      }
      expect(messageOf(feed([chunk({ content: 'a' }), chunk({}, 'tool_calls')])).stop_reason).to.equal('end_turn');
    });

    it('conv S-21 takes a new id as a new call where all are numbered 0 or not at all', () => {
      const google = feedStream(openaiChat, fixture('synthetic-google-parallel-all-index-0'));
      expect(toolUses(google).map(({ input }) => input)).to.deep.equal([{ path: 'a' }, { path: 'b' }]);
      const unnumbered = feed([
        chunk(call(undefined, bash('a', '{"n":1}'))),
        chunk(call(undefined, bash('b', '{"n":2}'))),
        chunk({}, 'tool_calls'),
      ]);
      expect(toolUses(unnumbered).map(({ input }) => input)).to.deep.equal([{ n: 1 }, { n: 2 }]);
    });

    it('conv S-23 takes the function call of old servers as a tool call', () => {
      const stream = feed([
        chunk({ function_call: { name: 'Bash', arguments: '{"n"' } }),
        chunk({ function_call: { arguments: ':1}' } }),
        chunk({}, 'function_call'),
      ]);
      expect(toolUses(stream).map(({ name, input }) => [name, input])).to.deep.equal([['Bash', { n: 1 }]]);
    });

    it('conv D-02 C-17 gives a shortened name back its length', () => {
      const toolNames = new Map([['short_1', 'mcp__a_very_long_name']]);
      const stream = feed(
        [chunk(call(0, { id: 'a', function: { name: 'short_1', arguments: '{}' } })), chunk({}, 'stop')],
        { ...OPENAI, toolNames },
      );
      expect(toolUses(stream)[0]?.name).to.equal('mcp__a_very_long_name');
    });

    it('conv X-01 makes ids that clients take, the same every time', () => {
      const odd = (): ConvertedStream =>
        feed([chunk(call(0, bash('functions.Bash:0', '{}'))), chunk({}, 'tool_calls')]);
      const id = String(toolUses(odd())[0]?.id);
      expect(id).to.match(/^functions_Bash_0_[0-9a-f]{16}$/);
      expect(toolUses(odd())[0]?.id).to.equal(id);
    });

    it('conv X-11 takes out optional arguments that hold nothing and would be refused', () => {
      const schema = {
        type: 'object',
        properties: {
          file_path: { type: 'string' },
          pages: { type: 'string', minLength: 1 },
          limit: { type: 'integer' },
          mode: { enum: ['a', 'b'] },
          note: { type: 'string' },
          needed: { type: 'string', minLength: 1 },
        },
        required: ['file_path', 'needed'],
      };
      const memory = { ...OPENAI, pickyTools: new Map([['Read', schema]]) };
      const args = { file_path: '', pages: '', limit: null, mode: '', note: '', needed: '' };
      const stream = feed(
        [
          chunk(call(0, { id: 'a', function: { name: 'Read', arguments: JSON.stringify(args) } })),
          chunk({}, 'tool_calls'),
        ],
        memory,
      );
      expect(toolUses(stream)[0]?.input).to.deep.equal({ file_path: '', note: '', needed: '' });
    });
  });

  describe('envelope and ending', () => {
    it('conv S-15 R-01 ignores what a first chunk lacks and names the model that was asked for', () => {
      const message = messageOf(feedStream(openaiChat, fixture('synthetic-azure-text')));
      expect(message).to.include({
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'claude-x',
        stop_sequence: null,
      });
      expect(message.content).to.deep.equal([{ type: 'text', text: 'Hello.' }]);
    });

    it('conv S-17 ignores fields it does not know', () => {
      const stream = feed([
        chunk({ content: 'a', audio: null, channel: 'final' }, null, {
          obfuscation: 'xx',
          logprobs: {},
          system_fingerprint: 'fp',
        }),
        chunk({}, 'stop'),
      ]);
      expect(blocks(stream)).to.have.length(1);
    });

    it('conv S-22 reads the first choice alone', () => {
      const two = {
        id: 'x',
        choices: [
          { index: 1, delta: { content: 'NO' }, finish_reason: 'length' },
          { index: 0, delta: { content: 'yes' } },
        ],
      };
      expect(blocks(feed([two, chunk({}, 'stop')]))).to.deep.equal([{ type: 'text', text: 'yes' }]);
    });

    it('conv S-24 R-05 shows a refusal as text that ends as a refusal', () => {
      const stream = feed([chunk({ refusal: 'I cannot' }), chunk({ refusal: ' do that.' }), chunk({}, 'stop')]);
      const message = messageOf(stream);
      expect(message.content).to.deep.equal([{ type: 'text', text: 'I cannot do that.' }]);
      expect(message.stop_reason).to.equal('refusal');
      expect(message.stop_details).to.include({ type: 'refusal' });
    });

    it('conv R-02 ends well without any content', () => {
      const message = messageOf(feed([chunk({ role: 'assistant', content: null }), chunk({}, 'stop')]));
      expect(message).to.deep.include({ content: [], stop_reason: 'end_turn' });
      const whole = { choices: [{ index: 0, message: null, finish_reason: 'stop' }] };
      expect(messageOf(feedStream(openaiChat, JSON.stringify(whole))).content).to.deep.equal([]);
    });

    it('conv R-03 makes an empty input of missing arguments', () => {
      for (const called of [{ name: 'Bash' }, { name: 'Bash', arguments: '' }, { name: 'Bash', arguments: null }]) {
        const stream = feed([chunk(call(0, { id: 'a', function: called })), chunk({}, 'tool_calls')]);
        expect(toolUses(stream)[0]?.input).to.deep.equal({});
      }
    });

    it('conv R-04 does not let a call look whole that the limit cut', () => {
      for (const memory of [OPENAI, chatMemory('generic')]) {
        const stream = feed(
          [chunk(call(0, { id: 'a', function: { name: 'Write', arguments: '{"text":"abc' } })), chunk({}, 'length')],
          memory,
        );
        expect(messageOf(stream).stop_reason).to.equal('max_tokens');
        expect(toolUses(stream)[0]?.input).to.be.an('object');
      }
    });

    for (const [finish, reason] of [
      ['stop', 'end_turn'],
      ['length', 'max_tokens'],
      ['model_length', 'max_tokens'],
      ['content_filter', 'refusal'],
      ['sensitive', 'refusal'],
      ['something_new', 'end_turn'],
    ] as const) {
      it(`conv R-07 C-03 makes ${reason} of ${finish}`, () => {
        expect(messageOf(feed([chunk({ content: 'a' }), chunk({}, finish)])).stop_reason).to.equal(reason);
      });
    }

    it('conv R-07 makes errors of ends that are failures, and of an unknown end without content', () => {
      expect(errorOf(feed([chunk({ content: 'a' }), chunk({}, 'error')])).code).to.equal('api_error');
      expect(errorOf(feed([chunk({ content: 'a' }), chunk({}, 'insufficient_system_resource')])).status).to.equal(529);
      expect(errorOf(feed([chunk({}, 'something_new')])).code).to.equal('api_error');
      errorOf(feedStream(openaiChat, '{"choices":[{"index":0,"message":{"content":""},"finish_reason":null}]}'));
    });

    it('conv R-08 names the stop sequence that matched where the server tells it', () => {
      const message = messageOf(feedStream(openaiChat, fixture('synthetic-vllm-stop-sequence')));
      expect(message).to.include({ stop_reason: 'stop_sequence', stop_sequence: 'END' });
      const hidden = messageOf(feed([chunk({ content: 'a' }), chunk({}, 'stop')]));
      expect(hidden).to.include({ stop_reason: 'end_turn', stop_sequence: null });
    });

    it('conv M-07 stops at a sequence itself where the server cannot', () => {
      const memory = { ...OPENAI, stopSequences: ['</done>'] };
      const stream = feed(
        [chunk({ content: 'abc</do' }), chunk({ content: 'ne>more' }), chunk({ content: 'never' })],
        memory,
        false,
      );
      expect(messageOf(stream)).to.deep.include({
        content: [{ type: 'text', text: 'abc' }],
        stop_reason: 'stop_sequence',
        stop_sequence: '</done>',
      });
      const near = feed([chunk({ content: 'abc</do' }), chunk({ content: 'or>' }, 'stop')], memory);
      expect(blocks(near)).to.deep.equal([{ type: 'text', text: 'abc</door>' }]);
    });

    it('conv E-09 R-07 throws what the upstream says went wrong in the middle, with its type', () => {
      const overloaded = feed([
        chunk({ content: 'a' }),
        { error: { code: 502, message: 'Provider overloaded' }, choices: [] },
      ]);
      expect(errorOf(overloaded)).to.include({ code: 'api_error', status: 502, message: 'Provider overloaded' });
      const limited = feed([{ error: { code: 429, message: 'Rate limited' } }]);
      expect(errorOf(limited)).to.include({ code: 'rate_limit_error', status: 429 });
      expect(limited.events, 'before any output').to.deep.equal([]);
      const vllm = feed([{ object: 'error', message: 'bad input', type: 'BadRequestError', code: 400 }]);
      expect(errorOf(vllm)).to.include({ code: 'invalid_request_error', message: 'bad input' });
      const inChoice = {
        choices: [{ index: 0, delta: {}, error: { code: 502, message: 'gone' }, finish_reason: 'error' }],
      };
      expect(errorOf(feed([chunk({ content: 'a' }), inChoice])).message).to.equal('gone');
    });

    it('conv E-08 takes an error for one although its status is 200', () => {
      const stream = feedStream(openaiChat, '{"error":{"message":"No endpoints found for x","code":404}}');
      expect(errorOf(stream)).to.include({ code: 'not_found_error', status: 404 });
      errorOf(feedStream(openaiChat, '{"detail":"Not Found"}'));
      errorOf(feedStream(openaiChat, '<html><title>Bad</title></html>'));
      errorOf(feedStream(openaiChat, ''));
    });
  });

  describe('token counts', () => {
    const counted = (usage: Fields): Fields => ({
      ...messageOf(feed([chunk({ content: 'a' }, 'stop', { usage })])).usage,
    });

    it('conv U-01 C-05 begins with an estimate and ends with what was counted', () => {
      const stream = feed([chunk({ content: 'a' }, 'stop', { usage: { prompt_tokens: 900, completion_tokens: 5 } })]);
      const start = stream.events[0]?.message as Message;
      expect(start.usage).to.include({ input_tokens: 42 });
      expect(messageOf(stream).usage).to.include({ input_tokens: 900, output_tokens: 5 });
    });

    it('conv U-02 U-03 counts what came from the cache and what went into it apart', () => {
      expect(
        counted({
          prompt_tokens: 100,
          completion_tokens: 1,
          prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 30 },
        }),
      ).to.include({
        input_tokens: 10,
        cache_read_input_tokens: 60,
        cache_creation_input_tokens: 30,
      });
      expect(counted({ prompt_tokens: 100, completion_tokens: 1, prompt_cache_hit_tokens: 64 }).input_tokens).to.equal(
        36,
      );
      expect(counted({ prompt_tokens: 100, completion_tokens: 1, cached_tokens: 99 }).input_tokens).to.equal(1);
      expect(counted({ prompt_tokens: 10, completion_tokens: 1, cached_tokens: 99 }).input_tokens).to.equal(0);
    });

    it('conv U-04 U-05 adds reasoning only where the total says that it stands beside the completion', () => {
      const inside = {
        prompt_tokens: 10,
        completion_tokens: 30,
        total_tokens: 40,
        completion_tokens_details: { reasoning_tokens: 20 },
      };
      expect(counted(inside)).to.deep.include({ output_tokens: 30, output_tokens_details: { thinking_tokens: 20 } });
      expect(counted({ ...inside, total_tokens: 60 }).output_tokens).to.equal(50);
    });

    it('conv S-16 U-06 U-07 takes the last counts, wherever they stand, also after the finish', () => {
      const groq = messageOf(feedStream(openaiChat, fixture('synthetic-groq-reasoning')));
      expect(groq.usage).to.include({ input_tokens: 80, output_tokens: 12 });
      const cumulative = messageOf(feedStream(openaiChat, fixture('synthetic-vllm-stop-sequence')));
      expect(cumulative.usage.output_tokens).to.equal(3);
      const late = feed([
        chunk({ content: 'a' }, 'stop', { usage: null }),
        { id: 'x', choices: [], usage: { prompt_tokens: 7, completion_tokens: 8 } },
        { id: 'x', choices: [], usage: null },
      ]);
      expect(messageOf(late).usage).to.include({ input_tokens: 7, output_tokens: 8 });
      expect(late.events.filter(({ type }) => type === 'message_delta')).to.have.length(1);
    });

    it('conv U-08 estimates what nobody counted', () => {
      for (const usage of [undefined, null, {}, { prompt_tokens: 'many' }]) {
        const message = messageOf(
          feed([chunk({ content: 'twelve chars' }, 'stop', usage === undefined ? {} : { usage })]),
        );
        expect(message.usage).to.include({ input_tokens: 42, output_tokens: 3 });
      }
    });
  });

  it('conv S-16 gives the same when a finish comes twice', () => {
    let compared = 0;
    for (const name of readdirSync(FOLDER).map((file) => file.replace('.sse', ''))) {
      const text = fixture(name).toString('utf8');
      const at = text.lastIndexOf('data:', text.search(/"finish_reason":"/));
      const frame = text.slice(at).split('\n\n')[0] ?? '';
      const bare = frame.replace(/"delta":\{.*?\}(?=,"(?:finish|logprobs|index|native))/, '"delta":{}');
      if (!bare.includes('"delta":{}')) continue;
      const twice = text.replace(frame, `${frame}\n\n${bare}`);
      expect(messageOf(feedStream(openaiChat, twice)), name).to.deep.equal(messageOf(feedStream(openaiChat, text)));
      compared++;
    }
    expect(compared).to.be.above(5);
  });
});
