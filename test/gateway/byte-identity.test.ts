import { expect } from 'chai';
import type { Fault, Scene } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { messagesRequest, type RawAnswer, type RawRequest, send } from '../support/raw-client.ts';
import { loadRecordings, sceneFor } from '../support/recordings.ts';

/**
 * What the client sees of a fault: what it would see without us, our 502, one error event more, a broken end. Where HTTP
 * itself is broken, a client may see more or less of it, but never anything else (`prefix`).
 */
type Seen = 'same' | 'our 502' | 'error event' | 'broken' | 'prefix';
const FAULTS: Array<[fault: Fault, streamed: Seen, whole: Seen]> = [
  [{ kind: 'cut-before-headers' }, 'our 502', 'our 502'],
  [{ kind: 'cut-before-headers', manner: 'reset' }, 'our 502', 'our 502'],
  [{ kind: 'cut-after-headers' }, 'error event', 'same'],
  [{ kind: 'cut', after: 1 }, 'error event', 'same'],
  [{ kind: 'cut', after: 4 }, 'error event', 'same'],
  [{ kind: 'cut', after: 4, manner: 'reset' }, 'error event', 'same'],
  [{ kind: 'cut', after: -1 }, 'same', 'same'],
  [{ kind: 'cut', after: -2 }, 'error event', 'same'],
  [{ kind: 'cut-inside', after: 0 }, 'broken', 'same'],
  [{ kind: 'cut-inside', after: 3 }, 'broken', 'same'],
  [{ kind: 'cut-inside', after: 3, bytes: 1, manner: 'reset' }, 'broken', 'same'],
  [{ kind: 'cut-inside', after: -1 }, 'broken', 'same'],
  [{ kind: 'end-early', after: 3 }, 'error event', 'same'],
  [{ kind: 'end-early', after: -1 }, 'same', 'same'],
  [{ kind: 'error-event', after: 0 }, 'same', 'same'],
  [{ kind: 'error-event', after: 3 }, 'same', 'same'],
  [{ kind: 'silence', after: 3, forMs: 50 }, 'same', 'same'],
  [{ kind: 'silence-before-headers', forMs: 50 }, 'same', 'same'],
  [{ kind: 'garbage', what: 'html' }, 'same', 'same'],
  [{ kind: 'garbage', what: 'not-json' }, 'error event', 'same'],
  [{ kind: 'garbage', what: 'broken-chunking' }, 'prefix', 'prefix'],
  [{ kind: 'garbage', what: 'content-length-long' }, 'same', 'same'],
  [{ kind: 'garbage', what: 'content-length-short' }, 'prefix', 'prefix'],
  [{ kind: 'garbage', what: 'empty' }, 'error event', 'same'],
  [{ kind: 'garbage', what: 'json-instead-of-stream' }, 'same', 'same'],
];
const CONTENT = [
  { type: 'thinking', thinking: 'Überlegung – 思考', signature: 'c2lnbmF0dXJl' },
  { type: 'text', text: 'Grüße, 世界! 👋 enough text for several deltas' },
  { type: 'tool_use', name: 'Bash', input: { command: 'echo "ü"' } },
];
const SHAPES: Array<[string, Scene]> = [
  ['whole', { content: CONTENT }],
  ['one byte a chunk', { content: CONTENT, split: { bytes: 1 } }],
  ['seven bytes a chunk', { content: CONTENT, split: { bytes: 7 } }],
  ['in one piece', { content: CONTENT, split: 'whole' }],
  ['cut at random places', { content: CONTENT, split: { seed: 7 } }],
  ['with CRLF', { content: CONTENT, lineEnd: 'crlf' }],
  [
    'with an unknown event',
    { content: CONTENT, extraEvents: [{ at: 2, event: 'novelty', data: { type: 'novelty' } }] },
  ],
  ['gzip', { content: CONTENT, compress: 'gzip' }],
  ['long', { content: [{ type: 'text', text: 'é'.repeat(400_000) }], deltaChars: 500 }],
  ['a refusal', { content: [], stopReason: 'refusal' }],
  [
    'with headers',
    {
      content: CONTENT,
      headers: { 'request-id': 'req_1', 'x-odd': 'a b', 'anthropic-ratelimit-requests-remaining': '3' },
    },
  ],
  ...[400, 401, 403, 404, 413, 422, 429, 500, 502, 503, 504, 529].map((status): [string, Scene] => [
    `status ${status}`,
    { status, headers: { 'retry-after': '7', 'x-should-retry': 'true' } },
  ]),
];

/** The gateway's own headers, what belongs to one hop, and what changes by the second. */
const NOT_COMPARED = /^(x-ccproxy-.*|date|connection|keep-alive|transfer-encoding|content-length)$/i;

for (const http1 of ['own', 'undici'] as const) {
  describe(`P1 the bytes a client gets over ${http1 === 'own' ? 'the short cut' : 'undici'}`, () => promises(http1));
}

function promises(http1: 'own' | 'undici'): void {
  let upstream: Simulator;
  let secondary: Simulator;
  let off: TestGateway;
  let on: TestGateway;

  before(async () => {
    upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 3 });
    secondary = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 4 });
    const settings = {
      'target.url': secondary.url,
      'target.model': 'glm-5',
      'passthrough.url': upstream.url,
      'upstream.http1': http1,
      'cache.count_tokens_ttl_secs': 0, // each recorded question is to reach the upstream
    };
    off = await startTestGateway({
      settings: { ...settings, default_mode: 'anthropic-only' },
      allowAnthropicOnly: true,
    });
    on = await startTestGateway({ settings: { ...settings, default_mode: 'compare' } });
  });
  after(() => Promise.all([off.stop(), on.stop()]).then(() => Promise.all([upstream.stop(), secondary.stop()])));

  async function threeWays(scene: Scene | string, request: RawRequest): Promise<[RawAnswer, RawAnswer, RawAnswer]> {
    const answers: RawAnswer[] = [];
    for (const url of [upstream.url, off.url, on.url]) {
      upstream.reset();
      upstream.use(scene);
      answers.push(await send(url, request));
    }
    return answers as [RawAnswer, RawAnswer, RawAnswer];
  }

  function expectSame(actual: RawAnswer, wanted: RawAnswer, what: string): void {
    expect(actual.status, `status ${what}`).to.equal(wanted.status);
    expect(comparable(actual.rawHeaders), `headers ${what}`).to.deep.equal(comparable(wanted.rawHeaders));
    expect(withoutId(actual.body), `bytes ${what}`).to.equal(withoutId(wanted.body));
    expect(actual.end, `end ${what}`).to.equal(wanted.end);
  }

  for (const stream of [true, false]) {
    const request = messagesRequest({ stream });
    for (const [name, scene] of SHAPES) {
      it(`conv P-01 are the upstream's, ${stream ? 'streamed' : 'not streamed'}: ${name}`, async () => {
        const [direct, without, withCompare] = await threeWays(scene, request);
        expect(direct.status).to.equal(scene.status ?? 200);
        expectSame(without, direct, 'through the gateway');
        expectSame(withCompare, without, 'with compare on');
      });
    }
    for (const [fault, streamed, whole] of FAULTS) {
      const seen = stream ? streamed : whole;
      it(`show ${seen} when the upstream breaks, ${stream ? 'streamed' : 'not streamed'}: ${JSON.stringify(fault)}`, async () => {
        const [clean] = await threeWays({ content: CONTENT }, request);
        const [direct, without, withCompare] = await threeWays({ content: CONTENT, fault }, request);
        expectSeen(seen, direct, without, clean);
        if (seen === 'prefix') expectSeen(seen, direct, withCompare, clean);
        else expectSame(withCompare, without, 'with compare on');
      });
    }
  }

  function expectSeen(seen: Seen, direct: RawAnswer, through: RawAnswer, clean: RawAnswer): void {
    const text = through.body.toString('utf8');
    switch (seen) {
      case 'same':
        expectSame(through, direct, 'through the gateway');
        break;
      case 'our 502':
        expect(direct.end).to.equal('none');
        expect(through.status).to.equal(502);
        expect(text).to.match(/^{"type":"error","error":{"type":"api_error"/);
        break;
      case 'error event':
        expect(through.end).to.equal('complete');
        expect(text.slice(0, direct.body.toString('utf8').length), 'the upstream’s bytes first').to.equal(
          direct.body.toString('utf8'),
        );
        expect(text.slice(direct.body.toString('utf8').length)).to.match(
          /^event: error\ndata: {"type":"error"[^\n]*}\n\n$/,
        );
        break;
      case 'broken':
        expect(through.end).to.equal('broken');
        expect(through.body.equals(direct.body), 'the upstream’s bytes').to.equal(true);
        break;
      case 'prefix':
        expect(clean.body.subarray(0, through.body.length).equals(through.body), 'the upstream’s bytes').to.equal(true);
        break;
    }
    if (seen === 'error event' || seen === 'broken')
      expect(text, 'no invented end').to.not.match(/event: message_stop\ndata: [^\n]*\n\n/);
  }

  it('fix-compressed-cut: a compressed stream that ends before its message does is broken off', async () => {
    const scene: Scene = { content: CONTENT, compress: 'gzip', fault: { kind: 'end-early', after: 3 } };
    const [, without] = await threeWays(scene, messagesRequest());
    expect(without.end).to.equal('broken');
  });

  it('fix-mislabelled-stream: a stream under another content type that ends before its message does is broken off', async () => {
    const headers = { 'content-type': 'application/octet-stream' };
    const [, broken] = await threeWays(
      { content: CONTENT, headers, fault: { kind: 'end-early', after: 3 } },
      messagesRequest(),
    );
    expect(broken.end).to.equal('broken');
    const [, whole] = await threeWays({ content: CONTENT, headers }, messagesRequest());
    expect(whole.end).to.equal('complete');
  });

  it('fix-done-marker: what comes after the end of a message or an error changes nothing', async () => {
    const done = 'data: [DONE]\n\n';
    const finished = await threeWays({ content: CONTENT, extraEvents: [{ at: 1000, raw: done }] }, messagesRequest());
    expectSame(finished[1], finished[0], 'after message_stop');
    const body = `event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"m"}}\n\n${done}`;
    const failed = await threeWays({ body, headers: { 'content-type': 'text/event-stream' } }, messagesRequest());
    expectSame(failed[1], failed[0], 'after an error');
  });

  it('are the upstream’s for every recorded request', async () => {
    for (const recorded of loadRecordings().filter(({ url }) => url.startsWith('/v1/messages'))) {
      const raw = { method: recorded.method, path: recorded.url, headers: recorded.rawHeaders, body: recorded.body };
      const [direct, without, withCompare] = await threeWays(sceneFor(recorded.file, recorded.seq), raw);
      expectSame(without, direct, `${recorded.file} ${recorded.seq} through the gateway`);
      expectSame(withCompare, without, `${recorded.file} ${recorded.seq} with compare on`);
    }
  }).timeout(60_000);

  it('conv P-06 reach the upstream as the client sent them', async () => {
    for (const recorded of loadRecordings().filter(({ url }) => url.startsWith('/v1/messages'))) {
      upstream.reset();
      upstream.use('text');
      await send(on.url, {
        method: recorded.method,
        path: recorded.url,
        headers: recorded.rawHeaders,
        body: recorded.body,
      });
      const [seen] = upstream.seen();
      expect(seen?.url).to.equal(recorded.url);
      expect(seen?.raw.equals(recorded.body), `${recorded.file} ${recorded.seq}`).to.equal(true);
    }
  }).timeout(60_000);
}

/** Bytes as text one to one; the id of the request, which our own error names, masked. */
function withoutId(body: Buffer): string {
  return body.toString('latin1').replace(/"request_id":"[0-9a-f-]{36}"/, '"request_id":"-"');
}

function comparable(rawHeaders: string[]): string[] {
  return rawHeaders.flatMap((value, index) => {
    const name = rawHeaders[index - 1] ?? '';
    return index % 2 === 1 && !NOT_COMPARED.test(name) ? [`${name}: ${value}`] : [];
  });
}
