// The bytes that travel: requests as a coding agent sends them, answers as a model gives them. All are made once, from a
// fixed seed, and are the same in the upstream, which sends them, and in the generator, which checks them.

/** `held` begins as a burst and stays silent until the upstream is told to end it. */
export type AnswerKind = 'json' | 'burst' | 'paced' | 'held';

export const EVENTS = 200;
export const PACE_MS = 5;

/** Digits in a paced event that hold its time of making, in microseconds of the monotonic clock. */
export const STAMP_DIGITS = 16;
const STAMP = '0'.repeat(STAMP_DIGITS);
/** Stands before each stamp and nowhere else: by it a stamp is found in a stream that was converted. */
export const STAMP_MARK = '#';

const DELTAS = EVENTS - 6;
/** Stamps in one stream. */
export const STAMPS = DELTAS;

export interface StreamAnswer {
  /** All events, one after the other: what a client reads. */
  payload: Buffer;
  /** Where each event ends in the payload. */
  ends: number[];
  /** Where each event's stamp begins in the payload; -1 = it has none. */
  stamps: number[];
}

/** What an Anthropic server streams. */
export function streamAnswer(): StreamAnswer {
  return toStreamAnswer(eventTexts());
}

/** The same text as a Chat Completions server streams it. */
export function chatStreamAnswer(): StreamAnswer {
  return toStreamAnswer(chatEventTexts());
}

function toStreamAnswer(events: string[]): StreamAnswer {
  const ends: number[] = [];
  const stamps: number[] = [];
  let offset = 0;
  for (const event of events) {
    const at = event.indexOf(STAMP);
    stamps.push(at === -1 ? -1 : offset + at);
    offset += Buffer.byteLength(event);
    ends.push(offset);
  }
  return { payload: Buffer.from(events.join('')), ends, stamps };
}

function eventTexts(): string[] {
  const usage = { input_tokens: 25_000, output_tokens: 1, cache_read_input_tokens: 24_000 };
  const message = { id: 'msg_bench', type: 'message', role: 'assistant', model: 'bench-model', content: [] };
  return [
    { type: 'message_start', message: { ...message, stop_reason: null, stop_sequence: null, usage } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'ping' },
    ...deltaTexts().map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 600 } },
    { type: 'message_stop' },
  ].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

function chatEventTexts(): string[] {
  const chunk = { id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1_790_000_000, model: 'bench-model' };
  const choice = (delta: object, finishReason: string | null = null) => ({
    ...chunk,
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  });
  return [
    choice({ role: 'assistant', content: '' }),
    ...deltaTexts().map((content) => choice({ content })),
    choice({}, 'stop'),
    { ...chunk, choices: [], usage: CHAT_USAGE },
  ]
    .map((event) => `data: ${JSON.stringify(event)}\n\n`)
    .concat('data: [DONE]\n\n');
}

const CHAT_USAGE = { prompt_tokens: 25_000, completion_tokens: 600, total_tokens: 25_600 };

function deltaTexts(): string[] {
  const words = createWords(7);
  return Array.from({ length: DELTAS }, () => `${words()} ${STAMP_MARK}${STAMP} ${words()} `);
}

const JSON_ANSWER_BYTES = 1024;

/** The text of the JSON answers, as it stands inside a JSON string. */
export function jsonAnswerText(): string {
  return JSON.stringify((JSON.parse(jsonAnswer().toString()) as { content: [{ text: string }] }).content[0].text).slice(
    1,
    -1,
  );
}

export function chatJsonAnswer(): Buffer {
  const [{ text }] = (JSON.parse(jsonAnswer().toString()) as { content: [{ text: string }] }).content;
  const choices = [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }];
  const answer = { id: 'chatcmpl-bench', object: 'chat.completion', created: 1_790_000_000, model: 'bench-model' };
  return Buffer.from(JSON.stringify({ ...answer, choices, usage: CHAT_USAGE }));
}

export function jsonAnswer(): Buffer {
  const make = (text: string): string =>
    JSON.stringify({
      id: 'msg_bench',
      type: 'message',
      role: 'assistant',
      model: 'bench-model',
      content: [{ type: 'text', text }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 250, output_tokens: 180 },
    });
  const words = createWords(11);
  let text = '';
  while (make(text).length < JSON_ANSWER_BYTES) text += `${words()} `;
  return Buffer.from(make(text.slice(0, text.length - (make(text).length - JSON_ANSWER_BYTES))));
}

/** Digits in a request that differ each time, so that no two requests are the same turn. */
const TURN_DIGITS = 10;
const TURN = '0'.repeat(TURN_DIGITS);

export interface RequestBytes {
  /** Head and body. */
  bytes: Buffer;
  setTurn(turn: number): void;
}

/** A request of about `bodyBytes`, as its own copy. `headers`: what only one peer wants. */
export function requestBytes(
  answer: AnswerKind,
  bodyBytes: number,
  headers: Readonly<Record<string, string>>,
): RequestBytes {
  const body = requestBody(bodyBytes, answer !== 'json');
  const head = [
    'POST /v1/messages?beta=true HTTP/1.1',
    'host: 127.0.0.1',
    'accept: application/json',
    'accept-encoding: gzip, deflate',
    'user-agent: bench/1.0 (external, cli)',
    'x-app: cli',
    'x-api-key: bench',
    'anthropic-version: 2023-06-01',
    'anthropic-beta: interleaved-thinking-2025-05-14',
    'x-claude-code-session-id: 00000000-0000-4000-8000-000000000000',
    'x-stainless-lang: js',
    'x-stainless-runtime: node',
    'x-stainless-timeout: 600',
    'content-type: application/json',
    `content-length: ${body.length}`,
    'connection: keep-alive',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '\r\n',
  ].join('\r\n');
  const bytes = Buffer.concat([Buffer.from(head), body]);
  const at = bytes.indexOf(TURN);
  return {
    bytes,
    setTurn: (turn) => {
      bytes.write(String(turn).padStart(TURN_DIGITS, '0'), at, TURN_DIGITS, 'latin1');
    },
  };
}

function requestBody(size: number, stream: boolean): Buffer {
  const tools = size < 4096 ? 1 : 12;
  const make = (filler: string): string =>
    JSON.stringify({
      model: 'claude-bench-4-5',
      max_tokens: 4096,
      ...(stream ? { stream } : {}),
      system: [{ type: 'text', text: `You are a coding agent. ${filler.slice(0, Math.floor(filler.length / 4))}` }],
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Fix the failing "parser" test.' }] },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'tool_0', input: { path: 'a.ts' } }] },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'toolu_1', content: filler.slice(Math.floor(filler.length / 4)) },
            { type: 'text', text: `Turn ${TURN}` },
          ],
        },
      ],
      tools: Array.from({ length: tools }, (_, index) => ({
        name: `tool_${index}`,
        description: 'Reads a file.',
        input_schema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
      })),
    });
  const bare = make('').length;
  return Buffer.from(make(sourceText(Math.max(0, size - bare))));
}

const LINES = 480;
const WORDS_A_LINE = 9;

/** Lines of which many come again, as files do that an agent reads and edits: zstd makes a sixth of it. */
function sourceText(bytes: number): string {
  const words = createWords(3);
  const lines = Array.from({ length: LINES }, () => Array.from({ length: WORDS_A_LINE }, words).join(' '));
  const draw = createDraw(5);
  let text = '';
  while (text.length < bytes) text += `  ${lines[draw(LINES)]}\n`;
  return text.slice(0, bytes);
}

const VOCABULARY = (
  'the of to and in is it for on that with as by from this an or be are at not if else return const function import ' +
  'export type string number boolean await async new error value result index buffer stream request response test ' +
  'parser token line column node tree path file folder module class method field option "quoted" {brace} [list] (call) ' +
  'src/parser.ts src/lexer.ts test/parser.test.ts expected received undefined null true false 0 1 2 42 100 == => && ||'
).split(' ');

function createWords(seed: number): () => string {
  const draw = createDraw(seed);
  return () => VOCABULARY[draw(VOCABULARY.length)] ?? '';
}

/** Numbers from 0 to below the limit, the same each time. */
function createDraw(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % limit;
  };
}

/** Now, on the clock that all processes of a machine share. */
export function monotonicUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + Math.round(nanoseconds / 1000);
}
