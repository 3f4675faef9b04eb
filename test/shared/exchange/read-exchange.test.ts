import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { type AnswerEnd, decodeBody, encodeBody } from '#shared/exchange/exchange.ts';
import { observe } from '#shared/exchange/read-exchange.ts';
import {
  type AnswerSpec,
  answerEvents,
  answerJson,
  chunksAt,
  chunksOf,
  recordedAnswer,
  sseBytes,
} from '../../support/answer-bytes.ts';

const SPEC: AnswerSpec = {
  thinking: 'hm, ü',
  text: 'Grüße 🦊 aus dem Wald',
  tools: [
    { name: 'Read', input: { file_path: 'src/ä.ts' } },
    { name: 'Bash', input: { command: 'ls "x"' } },
  ],
  outputTokens: 77,
};
const STREAM = sseBytes(answerEvents(SPEC));
const JSON_HEADERS = ['content-type', 'application/json'];

describe('observe', () => {
  it('reads message, tool calls, text, usage and request id of a stream', async () => {
    const seen = await observe(recordedAnswer([{ atMs: 9, bytes: STREAM }]));
    expect(seen.outcome).to.equal('ok');
    expect(seen).to.include({
      complete: true,
      streamed: true,
      stopReason: 'tool_use',
      text: SPEC.text,
      requestId: 'req_1',
    });
    expect(seen.toolCalls.map((call) => [call.name, call.input, call.jsonOk])).to.deep.equal([
      ['Read', { file_path: 'src/ä.ts' }, true],
      ['Bash', { command: 'ls "x"' }, true],
    ]);
    expect(seen.usage).to.include({ input_tokens: 10, output_tokens: 77, cache_read_input_tokens: 5 });
    expect(seen.thinkingBytes).to.equal(Buffer.byteLength('hm, ü'));
    const inputs = seen.toolCalls.map((call) => call.rawInput).join('');
    expect(seen.visibleBytes).to.equal(Buffer.byteLength(`${SPEC.text}${inputs}`));
    expect(Object.isFrozen(seen)).to.equal(true);
  });

  for (const [what, rawHeaders, requestId] of [
    ['a converted answer', ['request-id', 'req_ours', 'X-Upstream-Request-Id', 'chatcmpl-1'], 'chatcmpl-1'],
    ['an answer with both names', ['x-request-id', 'edge-1', 'Request-Id', 'req_1'], 'req_1'],
    ['an answer of another server', ['X-Request-Id', 'edge-1'], 'edge-1'],
    ['an answer without one', [], null],
  ] as const) {
    it(`knows the request by the upstream's id, not by the one the gateway gave: ${what}`, async () => {
      const seen = await observe(recordedAnswer([{ atMs: 9, bytes: STREAM }], { rawHeaders: [...rawHeaders] }));
      expect(seen.requestId).to.equal(requestId);
    });
  }

  it('knows model and request by the upstream’s names, though a converted answer says neither', async () => {
    for (const requestId of ['chatcmpl-1', null]) {
      const upstream = { model: 'gpt-5', requestId };
      const answer = recordedAnswer([{ atMs: 9, bytes: STREAM }], { upstream });
      const body = { request: Buffer.from('{}'), answer };
      const travelled = await decodeBody(encodeBody(body));
      expect(travelled.answer.upstream).to.deep.equal(upstream);
      expect(await observe(travelled.answer)).to.include({ model: 'gpt-5', requestId });
      expect((await observe(travelled.answer)).message?.model).to.equal('claude-test-1');
    }
    const own = await decodeBody(encodeBody({ request: Buffer.from('{}'), answer: recordedAnswer([]) }));
    expect(own.answer.upstream).to.equal(null);
  });

  for (const size of [1, 7, STREAM.length]) {
    it(`observes the same ${size} bytes at a time`, async () => {
      const whole = await observe(recordedAnswer([{ atMs: 1, bytes: STREAM }]));
      const split = await observe(recordedAnswer(chunksOf(STREAM, size)));
      expect({ ...split, timing: null }).to.deep.equal({ ...whole, timing: null });
    });
  }

  it('observes the same at random splits and line ends', async () => {
    const whole = await observe(recordedAnswer([{ atMs: 1, bytes: STREAM }]));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.array(fc.nat(STREAM.length), { maxLength: 10 }),
        async (newline, cuts) => {
          const split = await observe(recordedAnswer(chunksAt(sseBytes(answerEvents(SPEC), newline), cuts)));
          expect({ ...split, timing: null }).to.deep.equal({ ...whole, timing: null });
        },
      ),
    );
  });

  it('takes times from the chunks that completed the events', async () => {
    const frames = answerEvents({ thinking: 'a', text: 'b' }).map((event) => sseBytes([event]));
    const chunks = frames.map((bytes, index) => ({ atMs: (index + 1) * 10, bytes }));
    const { timing } = await observe(recordedAnswer(chunks, { endAtMs: 999 }));
    expect(timing).to.deep.equal({
      headersMs: 0.5,
      firstByteMs: 10,
      messageStartMs: 10,
      ttftMs: 30,
      ttfvtMs: 70,
      lastDeltaMs: 70,
      durationMs: 100,
    });
  });

  it('has no time to first token for an answer that was not streamed, whatever its headers say', async () => {
    const seen = await observe(recordedAnswer([{ atMs: 5, bytes: answerJson(SPEC) }], { endAtMs: 6 }));
    expect(seen).to.include({ outcome: 'ok', complete: true, streamed: false, text: SPEC.text });
    expect(seen.timing).to.include({ ttftMs: null, ttfvtMs: null, durationMs: 6 });
    expect(seen.toolCalls.map((call) => call.rawInput)).to.deep.equal([
      '{"file_path":"src/ä.ts"}',
      '{"command":"ls \\"x\\""}',
    ]);
  });

  it('takes a stream for a stream under a JSON content type', async () => {
    const seen = await observe(recordedAnswer([{ atMs: 5, bytes: STREAM }], { rawHeaders: JSON_HEADERS }));
    expect(seen).to.include({ streamed: true, complete: true });
  });

  it('never calls a cut stream complete (P3, P5)', async () => {
    const stop = STREAM.length;
    for (let length = 0; length < stop; length++) {
      for (const end of ['complete', 'reset'] as const) {
        const chunks = length === 0 ? [] : [{ atMs: 1, bytes: STREAM.subarray(0, length) }];
        const seen = await observe(recordedAnswer(chunks, { end }));
        expect(seen.complete, `cut at ${length}`).to.equal(false);
        expect(seen.outcome, `cut at ${length}`).to.not.equal('ok');
      }
    }
  });

  it('never calls a cut JSON answer complete (P3, P5)', async () => {
    const body = answerJson(SPEC);
    for (let length = 0; length < body.length; length++) {
      const seen = await observe(recordedAnswer([{ atMs: 1, bytes: body.subarray(0, length) }]));
      expect(seen.complete, `cut at ${length}`).to.equal(false);
      expect(seen.outcome, `cut at ${length}`).to.equal(length === 0 ? 'empty' : 'truncated');
    }
  });

  it('keeps what a cut stream had said', async () => {
    const at = STREAM.indexOf('"input_json_delta"');
    const seen = await observe(recordedAnswer([{ atMs: 1, bytes: STREAM.subarray(0, at) }], { end: 'reset' }));
    expect(seen).to.include({ outcome: 'stream_broken', text: SPEC.text });
    expect(seen.error?.type).to.equal('connection_error');
  });

  it('never throws on arbitrary bytes, headers and endings', async () => {
    const ends: AnswerEnd[] = [
      'complete',
      'reset',
      'client_abort',
      'timeout_first_byte',
      'timeout_idle',
      'connect_error',
    ];
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .constantFrom('event: message_start\n', 'data: ', '\n\n', 'data: {"type":"content_block_delta","index":0}\n\n')
        .map((text) => new TextEncoder().encode(text)),
      fc.jsonValue().map((value) => new TextEncoder().encode(JSON.stringify(value))),
      fc.constant(new Uint8Array([0x1f, 0x8b, 8, 0])),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 6 }),
        fc.constantFrom('', 'gzip', 'br', 'deflate', 'zstd', 'gzip, br', 'nonsense'),
        fc.constantFrom(...ends),
        fc.constantFrom(0, 200, 302, 400, 529),
        async (pieces, encoding, end, status) => {
          const chunks = pieces.map((bytes, index) => ({ atMs: index, bytes: Buffer.from(bytes) }));
          const seen = await observe(
            recordedAnswer(chunks, { end, status, rawHeaders: ['Content-Encoding', encoding] }),
          );
          expect(seen.outcome).to.be.a('string');
        },
      ),
      { numRuns: 300 },
    );
  });

  it('survives nesting that is deeper than the stack', async () => {
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    const body = `{"type":"message","content":[{"type":"tool_use","id":"t","name":"A","input":${deep}}],"stop_reason":"tool_use"}`;
    const seen = await observe(recordedAnswer([{ atMs: 1, bytes: Buffer.from(body) }]));
    expect(seen.outcome).to.equal('ok');
  });
});

describe('observe: outcomes', () => {
  const of = async (spec: AnswerSpec, overrides = {}) =>
    (await observe(recordedAnswer([{ atMs: 1, bytes: sseBytes(answerEvents(spec)) }], overrides))).outcome;
  const bytes = async (text: string, overrides = {}) =>
    observe(recordedAnswer([{ atMs: 1, bytes: Buffer.from(text) }], overrides));

  it('names how a whole answer ended', async () => {
    expect(await of({ text: 'x' })).to.equal('ok');
    expect(await of({ text: 'x', stopReason: 'max_tokens' })).to.equal('truncated');
    expect(await of({ text: 'x', stopReason: 'model_context_window_exceeded' })).to.equal('truncated');
    expect(await of({ text: 'x', stopReason: 'refusal' })).to.equal('refusal');
    expect(await of({ tools: [{ name: 'A', input: null, rawInput: '{"a"' }] })).to.equal('tool_parse_error');
    expect(await of({ thinking: 'only thoughts' })).to.equal('empty');
    expect(await of({ text: '' })).to.equal('empty');
  });

  it('prefers truncated for tool input that max_tokens cut', async () => {
    const tools = [{ name: 'A', input: null, rawInput: '{"a"' }];
    expect(await of({ tools, stopReason: 'max_tokens' })).to.equal('truncated');
  });

  it('names what the wire did', async () => {
    const none = async (end: AnswerEnd) => (await observe(recordedAnswer([], { status: 0, end }))).outcome;
    expect(await none('connect_error')).to.equal('http_error');
    expect(await none('timeout_first_byte')).to.equal('timeout_first_byte');
    expect(await none('timeout_total')).to.equal('timeout_total');
    const start = 'event: message_start\ndata: {"type":"message_start","message":{}}\n\n';
    expect((await bytes(start, { end: 'timeout_idle' })).outcome).to.equal('stream_broken');
    expect((await bytes(start, { end: 'reset' })).outcome).to.equal('stream_broken');
    expect((await bytes(start)).outcome).to.equal('truncated');
    expect((await bytes('')).outcome).to.equal('empty');
    expect(await of({ text: 'x' }, { end: 'reset' })).to.equal('ok');
  });

  it('reads errors of a status, in a stream, and in JSON with status 200', async () => {
    const envelope = '{"type":"error","error":{"type":"overloaded_error","message":"busy"}}';
    const refused = await bytes(envelope, { status: 529 });
    expect(refused.outcome).to.equal('http_error');
    expect(refused.error).to.deep.equal({ type: 'overloaded_error', message: 'busy' });
    const midway = await bytes(`event: error\ndata: ${envelope}\n\n`);
    expect(midway.outcome).to.equal('stream_broken');
    expect(midway.error?.type).to.equal('overloaded_error');
    expect((await bytes(envelope)).outcome).to.equal('stream_broken');
    expect((await bytes('<html>busy</html>')).error?.type).to.equal('invalid_response');
    expect((await bytes('{"error":"model not found"}', { status: 404 })).error?.message).to.equal('model not found');
  });

  it('does not trust a message that came with an error status', async () => {
    const seen = await bytes(answerJson({ text: 'x' }).toString(), { status: 500 });
    expect(seen).to.include({ outcome: 'http_error', complete: false });
  });
});

describe('observe: content encodings', () => {
  const encodings: Array<[string, (bytes: Buffer) => Buffer, string]> = [
    ['gzip', gzipSync, 'gzip'],
    ['br', brotliCompressSync, 'br'],
    ['deflate', deflateSync, 'deflate'],
    ['deflate', deflateRawSync, 'raw deflate'],
    ['zstd', zstdCompressSync, 'zstd'],
  ];
  for (const [encoding, compress, title] of encodings) {
    it(`reads ${title} at any chunk size`, async () => {
      for (const size of [1, 7, 100_000]) {
        const chunks = chunksOf(compress(STREAM), size);
        const seen = await observe(recordedAnswer(chunks, { rawHeaders: ['Content-Encoding', encoding] }));
        expect(seen).to.include({ complete: true, text: SPEC.text });
      }
    });

    it(`never calls a cut ${title} answer complete before its message_stop arrived`, async () => {
      const packed = compress(sseBytes(answerEvents({ text: 'x'.repeat(3000) })));
      for (let length = 0; length < packed.length - 12; length += 5) {
        const chunks = chunksOf(packed.subarray(0, length), 64);
        const seen = await observe(recordedAnswer(chunks, { rawHeaders: ['content-encoding', encoding] }));
        if (seen.complete) expect(seen.stopReason).to.equal('end_turn');
        else expect(seen.outcome).to.not.equal('ok');
      }
    });
  }

  it('keeps the arrival time of every event of a compressed stream', async () => {
    const { createGzip, constants } = await import('node:zlib');
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
    const chunks: Array<{ atMs: number; bytes: Buffer }> = [];
    for (const [index, event] of answerEvents({ text: 'abcd' }).entries()) {
      await new Promise<void>((resolve) => gzip.write(sseBytes([event]), () => resolve()));
      const bytes = gzip.read() as Buffer | null;
      if (bytes !== null) chunks.push({ atMs: (index + 1) * 10, bytes });
    }
    const { timing, outcome } = await observe(
      recordedAnswer(chunks, { rawHeaders: ['content-encoding', 'gzip'], endAtMs: 500 }),
    );
    expect(outcome).to.equal('ok');
    expect(timing).to.include({ messageStartMs: 10, ttftMs: 30, lastDeltaMs: 40, durationMs: 70 });
  });

  it('reads an answer that was decoded already but kept its header', async () => {
    for (const encoding of ['gzip', 'br', 'deflate', 'zstd']) {
      const seen = await observe(recordedAnswer(chunksOf(STREAM, 50), { rawHeaders: ['content-encoding', encoding] }));
      expect(seen.complete, encoding).to.equal(true);
    }
  });
});
