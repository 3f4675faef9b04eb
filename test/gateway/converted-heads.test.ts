// What stands around a converted answer: its headers, its first events, and how it ends when the upstream is too slow.
import { expect } from 'chai';
import type { Scene } from '#services/simulator/script.ts';
import { CONVERTED_ROUTES, type EveryRoute, openAnswer, readStream, startEveryRoute } from '../support/every-route.ts';
import { json, type RawAnswer } from '../support/raw-client.ts';

const NAMES = CONVERTED_ROUTES.map(({ name }) => name);
const SAID = { content: [{ type: 'text', text: 'Some words, and some more of them. '.repeat(5) }] };
const OF_THE_UPSTREAM = {
  'x-request-id': 'upstream-1',
  'request-id': 'upstream-1',
  'x-ratelimit-remaining-tokens': '7',
  'x-ratelimit-reset-tokens': '6m0s',
  'openai-organization': 'org-of-the-key',
  'openai-processing-ms': '12',
  'set-cookie': 'a=b',
  'alt-svc': 'h3=":443"',
};

function headersOf(rawHeaders: readonly string[]): Record<string, string> {
  const pairs = rawHeaders.flatMap((name, at) =>
    at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] ?? '']] : [],
  );
  return Object.fromEntries(pairs) as Record<string, string>;
}

describe('what stands around a converted answer', () => {
  let bed: EveryRoute;
  before(async () => {
    bed = await startEveryRoute();
  });
  after(() => bed.stop());

  for (const name of NAMES) {
    it(`conv H-01 conv H-03 conv S-30 are headers of a stream, and of the upstream's its id alone: ${name}`, async () => {
      const { rawHeaders } = await bed.ask(name, { scene: { ...SAID, headers: OF_THE_UPSTREAM } });
      const headers = headersOf(rawHeaders);
      expect(headers).to.include({
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache',
        'x-accel-buffering': 'no',
        'x-upstream-request-id': 'upstream-1',
      });
      expect(headers['request-id']).to.match(/^req_/);
      expect(headers).to.not.have.any.keys('content-length', 'content-encoding', 'set-cookie', 'alt-svc');
      expect(Object.keys(headers).filter((key) => /ratelimit|^openai-/.test(key))).to.deep.equal([]);
    });

    it(`conv S-25 is a ping right behind the start, and the upstream is let go when the client leaves: ${name}`, async () => {
      const whole = await bed.ask(name, { scene: { ...SAID, pings: 'none' } });
      const types = [...whole.body.toString().matchAll(/^event: (.*)$/gm)].map(([, type]) => type);
      expect(types.slice(0, 2)).to.deep.equal(['message_start', 'ping']);
      const answer = openAnswer(bed, name, { ...SAID, fault: { kind: 'silence', after: 5 } });
      await bed.gateway.until(() => answer.text.includes('text_delta'));
      answer.leave();
      await bed.upstream.until((seen) => seen.some(({ hungUp }) => hungUp));
    });

    it(`conv S-28 conv R-09 is text where a model writes a call as text, and cut is max_tokens: ${name}`, async () => {
      const text = '<tool_call>{"name":"Bash","arguments":{"command":"ls"}}</tool_call>';
      const scene = { content: [{ type: 'text', text }], stopReason: 'max_tokens' };
      const message = json(await bed.ask(name, { scene, stream: false }));
      expect(message).to.have.property('stop_reason', 'max_tokens');
      expect(message.content).to.deep.equal([{ type: 'text', text }]);
    });

    it(`conv M-10 names in the route header what of the request no such server is given: ${name}`, async () => {
      const fields = { context_management: { edits: [] }, warp_factor: 9, speed: 'fast', diagnostics: null };
      const { rawHeaders } = await bed.ask(name, { scene: SAID, body: fields });
      const route = headersOf(rawHeaders)['x-ccproxy-route'];
      // A server that speaks the client's own protocol is given what nobody knows: it may.
      const named = ['context_management', 'speed', ...(name === 'vllm' ? [] : ['warp_factor'])];
      for (const field of named) expect(route).to.include(`omitted:${field}`);
      if (name !== 'vllm') expect(route).to.not.include('diagnostics');
      const many = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`field_${at}\n`, 1]));
      const full = headersOf((await bed.ask(name, { scene: SAID, body: many })).rawHeaders)['x-ccproxy-route'];
      expect(full).to.have.length.below(600);
    });
  }
});

describe('a converted answer that does not come in time', () => {
  let late: RawAnswer[];
  let silent: RawAnswer[];
  /** Of all routes at once, which wait beside each other. */
  const askAll = async (timeout: string, scene: Scene): Promise<RawAnswer[]> => {
    const bed = await startEveryRoute(Object.fromEntries(NAMES.map((name) => [`providers.${name}.${timeout}`, 1])));
    try {
      return await Promise.all(NAMES.map((name) => bed.ask(name, { scene })));
    } finally {
      await bed.stop();
    }
  };
  before(async () => {
    [late, silent] = await Promise.all([
      askAll('first_byte_timeout_secs', { fault: { kind: 'silence-before-headers' } }),
      askAll('timeout_secs', { ...SAID, fault: { kind: 'silence', after: 5 } }),
    ]);
  });

  for (const [index, name] of NAMES.entries()) {
    it(`conv E-10 is a 504 when none begins, and one error event when it falls silent: ${name}`, () => {
      expect(late[index]?.status).to.equal(504);
      expect(json(late[index] as RawAnswer)).to.have.nested.property('error.type', 'timeout_error');
      const { events } = readStream(silent[index] as RawAnswer);
      expect(events.at(-1)).to.have.nested.property('error.type', 'timeout_error');
      expect(events.filter(({ type }) => type === 'error' || type === 'message_stop')).to.have.length(1);
    });
  }
});
