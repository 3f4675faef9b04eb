// Providers and pipelines from settings alone: what an operator writes in the file, and the bytes that reach the upstream.
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { Scene } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { decodeBody } from '#shared/exchange/exchange.ts';
import { type Fields, fieldsOf, listOf } from '#shared/providers/fields.ts';
import { runCli } from '../support/cli.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway, testConfig } from '../support/gateway.ts';
import { header, json, messagesRequest, type RawAnswer, send } from '../support/raw-client.ts';

const BILLING = { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.329.abc;' };
const ANSWER: Scene = { content: [{ type: 'text', text: 'Good.' }] };

interface Bed {
  upstream: Simulator;
  gateway: TestGateway;
  ask(
    body?: Fields,
    options?: { scene?: Scene; headers?: string[]; stream?: boolean; path?: string },
  ): Promise<RawAnswer>;
  /** The last request as the upstream read it. */
  sent(): Fields;
}

/** A gateway with this file, in which UPSTREAM stands for a simulator's address. */
async function withFile(toml: string, use: (bed: Bed) => Promise<void>, settings: Fields = {}): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-pipelines-'));
  const file = join(folder, 'cc-proxy.toml');
  const upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 3, delayScale: 0 });
  try {
    writeFileSync(file, toml.replaceAll('UPSTREAM', upstream.url));
    const gateway = await startTestGateway({
      settings,
      env: { CC_PROXY_CONFIG: file, ACME_API_KEY: 'key-of-the-gateway' },
    });
    try {
      await use({
        upstream,
        gateway,
        ask: (body = {}, { scene = ANSWER, headers = [], stream = false, path = '/v1/messages' } = {}) => {
          upstream.reset();
          upstream.use(scene);
          return send(gateway.url, {
            ...messagesRequest({ body: { model: 'large', ...body }, headers, stream }),
            path,
          });
        },
        sent: () => fieldsOf(JSON.parse(upstream.seen().at(-1)?.raw.toString() ?? '{}')),
      });
    } finally {
      await gateway.stop();
    }
  } finally {
    await upstream.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('a provider from settings alone', () => {
  it('S3-07 has a name, an address, a protocol, headers, models and a pipeline', async () => {
    const file = `
      [providers.acme]
      type = "openai-chat"
      base_url = "UPSTREAM/v1/"
      env_key = "ACME_API_KEY"
      headers = { "X-Team" = "agents", "x-region.zone" = "eu 1" }
      pipeline = "tidy"
      [models]
      large = { provider = "acme", upstream_name = "large-2" }
      [pipelines.tidy]
      request = [
        "drop-billing-block",
        { use = "header-set", name = "x-tier", value = "flex" },
        { use = "body-set", path = "$.service_class", value = "flex", at = "upstream" },
      ]
      response = ["think-tags"]`;
    await withFile(file, async ({ ask, sent, upstream, gateway }) => {
      const scene: Scene = { content: [{ type: 'text', text: '<think>Hm.</think>Yes.' }] };
      const answer = await ask(
        {
          system: [BILLING, { type: 'text', text: 'Be brief.' }],
          ...{ max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000 } },
        },
        { scene, headers: ['x-team', 'of-the-client', 'authorization', 'Bearer of-the-client'] },
      );
      expect(answer.status).to.equal(200);
      const seen = upstream.seen().at(-1);
      expect(seen?.path).to.equal('/v1/chat/completions');
      expect(seen?.headers).to.include({
        ...{ 'x-team': 'agents', 'x-region.zone': 'eu 1', 'x-tier': 'flex' },
        authorization: 'Bearer key-of-the-gateway',
      });
      expect(seen?.rawHeaders.filter((name) => name.toLowerCase() === 'x-team')).to.have.length(1);
      expect(sent()).to.include({ model: 'large-2', service_class: 'flex' });
      expect(JSON.stringify(sent())).to.include('Be brief.').and.not.include('billing');
      const content = listOf(json(answer).content).map(fieldsOf);
      expect(content.map(({ type, thinking, text }) => [type, thinking ?? text])).to.deep.equal([
        ['thinking', 'Hm.'],
        ['text', 'Yes.'],
      ]);
      expect(header(answer, 'x-ccproxy-route')).to.include(
        'pipeline:tidy; step:drop-billing-block; step:body-set; step:header-set',
      );
      expect(header(answer, 'x-ccproxy-model')).to.equal('large-2');
      expect(JSON.stringify(gateway.lines)).to.not.include('agents');
    });
  });

  it('sends constant headers on a native route, in place of the client’s, and changes nothing else', async () => {
    const file = `
      [providers.acme]
      type = "anthropic"
      base_url = "UPSTREAM"
      headers = { "x-team" = "agents" }
      [models]
      large = { provider = "acme" }`;
    await withFile(file, async ({ ask, upstream }) => {
      const answer = await ask({ odd: { field: 1 } }, { headers: ['X-Team', 'client', 'x-other', 'stays'] });
      const seen = upstream.seen().at(-1);
      expect(seen?.headers).to.include({ 'x-team': 'agents', 'x-other': 'stays' });
      expect(fieldsOf(seen?.body).odd).to.deep.equal({ field: 1 });
      expect(header(answer, 'x-ccproxy-route')).to.not.include('pipeline');
    });
  });
});

const NATIVE = (steps: string): string => `
  [providers.acme]
  type = "anthropic"
  base_url = "UPSTREAM"
  env_key = "ACME_API_KEY"
  anthropic_features = true
  pipeline = "tidy"
  [models]
  large = { provider = "acme", upstream_name = "large-2" }
  plain = { provider = "acme", pipeline = "none" }
  [pipelines.none]
  [pipelines.tidy]
  ${steps}`;

describe('pipelines', () => {
  it('S3-13 make a native route a converted one, keep every field, and say so', async () => {
    const file = NATIVE('request = [{ use = "body-set", path = "$.service_tier", value = "auto" }]');
    await withFile(file, async ({ ask, sent, upstream, gateway }) => {
      const body = {
        ...{ odd: [{ kept: true }], thread: { id: 't' }, context_management: { edits: [] } },
        messages: [
          { role: 'user', content: 'hi', odd: 1 },
          {
            role: 'assistant',
            content: [
              { type: 'thinking', thinking: '…', signature: 'c2ln' },
              { type: 'later', a: 1 },
            ],
          },
          { role: 'system', content: 'In /repo.' },
        ],
      };
      const answer = await ask(body, {
        headers: ['anthropic-beta', 'one-2026-01-01,two', 'anthropic-version', '2099-01-01', 'x-odd', 'stays here'],
      });
      expect(answer.status).to.equal(200);
      const { max_tokens: _, ...rest } = sent();
      expect(rest).to.deep.equal({ ...body, model: 'large-2', stream: true, service_tier: 'auto' });
      expect(upstream.seen().at(-1)?.headers).to.include({
        ...{ 'anthropic-beta': 'one-2026-01-01,two', 'anthropic-version': '2099-01-01' },
        'x-api-key': 'key-of-the-gateway',
      });
      expect(upstream.seen().at(-1)?.headers).to.not.have.property('x-odd');
      expect(header(answer, 'x-ccproxy-route')).to.include('pipeline:tidy; step:body-set; converted');
      expect(json(answer)).to.include({ model: 'large', role: 'assistant' });
      const used = gateway.lines.filter(({ event }) => event === 'pipeline.used').map(({ fields }) => fields);
      expect(used).to.deep.equal([
        { pipeline: 'tidy', models: ['large'], converted: ['large'] },
        { pipeline: 'none', models: ['plain'], converted: ['plain'] },
      ]);
      const { file } = gateway.config;
      const checked = await runCli(['--config', String(file), 'config', 'check'], { env: { ACME_API_KEY: 'key' } });
      expect(checked.code).to.equal(0);
      expect(checked.stdout).to.include('models.large: pipeline "tidy" makes the native route a converted one');
    });
  });

  it('S3-13 run a step at the upstream behind the conversion of a request, and in front of that of an answer', async () => {
    const file = NATIVE(`
      request = [
        { use = "body-append", path = "$.messages[0].content", value = " there" },
        { use = "body-set", path = "$.seen", value = true, at = "upstream" },
        { use = "body-delete", path = "$.odd", at = "upstream" },
      ]
      response = [{ use = "body-set", path = "$.delta.text", value = "Changed.", at = "upstream" }]`).replace(
      'type = "anthropic"',
      'type = "anthropic"\n  profile = "vllm"',
    );
    await withFile(file, async ({ ask, sent }) => {
      const answer = await ask(
        { odd: 1, messages: [{ role: 'user', content: 'hi' }] },
        { scene: { ...ANSWER, split: 'event' } },
      );
      expect(sent()).to.deep.include({ seen: true, messages: [{ role: 'user', content: 'hi there' }] });
      expect(sent()).to.not.have.property('odd');
      const texts = listOf(json(answer).content).map((block) => fieldsOf(block).text);
      expect(texts.join('')).to.match(/^(?:Changed\.)+$/);
    });
  });

  it('S3-13 give a streaming client the same message as one that waits', async () => {
    await withFile(NATIVE('response = ["repair-tool-json"]'), async ({ ask }) => {
      const scene: Scene = {
        content: [
          { type: 'thinking', thinking: 'Hm.', signature: 'c2ln' },
          { type: 'text', text: 'So.' },
          { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'ls' } },
        ],
      };
      const whole = json(await ask({}, { scene }));
      expect(whole).to.deep.include({ content: scene.content, stop_reason: 'tool_use' });
      const streamed = (await ask({}, { scene, stream: true })).body.toString();
      expect(streamed).to.match(/event: message_stop\n/);
      expect(streamed).to.include('"signature":"c2ln"').and.include('Hm.');
    });
  });

  it('S3-14 take their parameters beside the name, and refuse others at the start with file, step, value and remedy', async () => {
    const refusal = async (steps: string): Promise<string> => {
      try {
        await withFile(NATIVE(steps), async () => {});
      } catch (error) {
        return error instanceof Error ? error.message : '';
      }
      return 'it started';
    };
    const wrong: Array<[string, RegExp]> = [
      [
        'request = ["house-style"]',
        /cc-proxy\.toml:\d+: pipelines\.tidy\.request\[0\] = "house-style" is no step; there are header-set, .*repair-tool-json/,
      ],
      [
        'request = [{ use = "body-set", value = 1 }]',
        /cc-proxy\.toml:\d+: pipelines\.tidy\.request\[0\]: body-set needs path, which must be a path such as "\$\.metadata\.user_id"/,
      ],
      [
        'request = ["effort", { use = "body-set", path = "a.b", value = 1 }]',
        /request\[1\]: body-set has path = "a\.b", which must be a path such as "\$\./,
      ],
      [
        'request = [{ use = "body-set", path = "$.model", value = "x" }]',
        /must not be \$\.model, which is decided by models\.<name>\.upstream_name/,
      ],
      [
        'request = [{ use = "body-set", path = "$.a", value = 2026-01-01 }]',
        /body-set has value = .*which must be text/,
      ],
      [
        'request = [{ use = "body-merge", value = { stream = false } }]',
        /has a value with stream, which is decided by the gateway: leave it out/,
      ],
      ['request = [{ use = "effort", level = "most" }]', /effort has level = "most", which must be one of "low"/],
      ['request = [{ use = "effort", strength = 1 }]', /effort has no parameter strength; it takes level, levels/],
      ['request = [{ use = "cache-breakpoints", max = 5 }]', /max = 5, which must be a whole number from 1 to 4/],
      [
        'request = [{ use = "header-set", name = "X-Api-Key", value = "s" }]',
        /must not be a header that carries a credential: use env_key/,
      ],
      [
        'request = [{ use = "header-set", name = "content-length", value = "1" }]',
        /must not be a header that the gateway writes itself/,
      ],
      [
        'request = [{ use = "header-set", name = "x-a", value = "tell no\\none" }]',
        /has value = \(hidden\), which must be visible ASCII/,
      ],
      ['request = ["think-tags"]', /think-tags is a step of response: move it there/],
      ['response = ["effort"]', /effort is a step of request: move it there/],
      ['request = [{ use = "effort", at = "upstream" }]', /effort has no at = "upstream": leave it out/],
      [
        'request = [{ use = "effort", at = "client" }]',
        /effort has at = "client": write at = "upstream", or leave it out/,
      ],
      [
        'response = [{ use = "body-delete", path = "$.x" }]',
        /changes an answer only as the upstream sent it: add at = "upstream"/,
      ],
      ['request = "effort"', /pipelines\.tidy\.request = \(hidden\) must be a list of steps/],
    ];
    for (const [steps, message] of wrong) expect(await refusal(steps), steps).to.match(message);
    const both = await refusal('request = ["odd"]\nresponse = ["effort"]');
    expect(both.split('\n')).to.have.length(2);
    expect(await refusal('request = [{ use = "body-append", path = "$.messages[0].content", value = "!" }]')).to.equal(
      'it started',
    );
  });

  it('see long texts whole', async () => {
    await withFile(
      NATIVE('request = [{ use = "body-append", path = "$.system", value = " End." }]'),
      async ({ ask, sent }) => {
        const system = 'Words and more. '.repeat(500);
        await ask({ system, messages: [{ role: 'user', content: system }] });
        expect(sent()).to.deep.include({ system: `${system} End.`, messages: [{ role: 'user', content: system }] });
      },
    );
  });

  it('lower what a step writes to what the model gives', async () => {
    const file = NATIVE('request = [{ use = "body-set", path = "$.max_tokens", value = 100000 }]').replace(
      'upstream_name = "large-2"',
      'upstream_name = "large-2", max_output = 500',
    );
    await withFile(file, async ({ ask, sent }) => {
      await ask({ max_tokens: 10 });
      expect(sent().max_tokens).to.equal(500);
    });
  });

  it('ask a native upstream for the count of what it would be sent', async () => {
    const file = NATIVE('request = [{ use = "body-set", path = "$.system", value = "Changed." }]');
    await withFile(file, async ({ ask, upstream }) => {
      const answer = await ask({}, { path: '/v1/messages/count_tokens' });
      expect(answer.status).to.equal(200);
      expect(upstream.seen().at(-1)?.path).to.equal('/v1/messages/count_tokens');
      expect(fieldsOf(upstream.seen().at(-1)?.body)).to.include({ system: 'Changed.', model: 'large-2' });
    });
  });

  it('take thinking that this gateway signed out of what a native upstream is sent', async () => {
    await withFile(NATIVE(''), async ({ ask, sent }) => {
      const own = { type: 'thinking', thinking: 'Hm.', signature: 'ccproxy1.openai-chat.e30' };
      const answer = await ask({
        messages: [
          { role: 'user', content: 'hi' },
          { role: 'assistant', content: [own, { type: 'text', text: 'a' }] },
          { role: 'user', content: 'b' },
        ],
      });
      expect(JSON.stringify(sent())).to.not.include('ccproxy1');
      expect(header(answer, 'x-ccproxy-route')).to.include('omitted:own-thinking:1');
    });
  });

  it('let a request for no output through to a native upstream, whose cache it warms', async () => {
    await withFile(NATIVE(''), async ({ ask, sent }) => {
      const answer = await ask({ max_tokens: 0 }, { scene: { content: [], stopReason: 'max_tokens' } });
      expect(sent()).to.include({ max_tokens: 0, model: 'large-2' });
      expect(json(answer)).to.deep.include({ content: [], stop_reason: 'max_tokens' });
    });
  });

  it('keep a refusal’s status and words', async () => {
    await withFile(NATIVE(''), async ({ ask }) => {
      const answer = await ask({}, { scene: { status: 429, error: { message: 'slow down' } } });
      expect(answer.status).to.equal(429);
      expect(fieldsOf(json(answer).error)).to.include({ type: 'rate_limit_error', message: 'slow down' });
    });
  });
});

describe('constant headers', () => {
  const file = (headers: string, more = ''): string => `
    [providers.acme]
    type = "openai-chat"
    base_url = "UPSTREAM/v1"
    env_key = "ACME_API_KEY"
    auth_header = "x-own"
    headers = ${headers}
    ${more}
    [models]
    large = { provider = "acme" }`;

  it('are in no wire dump and no log line, also where a step sets them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-pipelines-dumps-'));
    const toml = `${file('{ "x-odd" = "first-value-unseen" }', 'pipeline = "tidy"')}
      [pipelines.tidy]
      request = [{ use = "header-set", name = "x-more", value = "other-value-unseen" }]`;
    try {
      await withFile(
        toml,
        async ({ ask, gateway, upstream }) => {
          const echo = 'You sent first-value-unseen and other-value-unseen.';
          await ask({}, { scene: { content: [{ type: 'text', text: echo }] } });
          expect(upstream.seen().at(-1)?.headers).to.include({
            'x-odd': 'first-value-unseen',
            'x-more': 'other-value-unseen',
          });
          await gateway.until(
            async () => (await gateway.metric('ccproxy_wire_dumps_total', { result: 'written' })) === 1,
          );
          const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
          const files = names.filter((name) => statSync(join(folder, name)).isFile());
          const written = files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
          expect(written)
            .to.include('x-odd')
            .and.include('You sent')
            .and.not.match(/value-unseen/);
          expect(JSON.stringify(gateway.lines)).to.not.include('value-unseen');
        },
        { 'capture.dump_dir': folder },
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  describe('of an upstream that repeats them when it refuses', () => {
    const VALUE = 'value "quoted" unseen';
    const KEY = 'key-of-the-gateway';
    const toml = (type: string, base: string): string => `
      [providers.acme]
      type = "${type}"
      base_url = "${base}"
      env_key = "ACME_API_KEY"
      headers = { "x-odd" = 'value "quoted" unseen' }
      [models]
      large = { provider = "acme" }`;
    const said = (...words: string[]): string =>
      JSON.stringify({ type: 'error', error: { message: words.join(', ') } });

    for (const [type, path] of [
      ['anthropic', ''],
      ['openai-chat', '/v1'],
    ] as const) {
      it(`reach no client, no log line and no record: ${type}`, async () => {
        await withFile(toml(type, `UPSTREAM${path}`), async ({ ask, gateway }) => {
          for (const status of [400, 404, 500]) {
            const answer = await ask({}, { scene: { status, body: said('You sent', VALUE, KEY) } });
            expect(answer.status).to.equal(status);
            expect(answer.body.toString())
              .to.include('You sent')
              .and.include('[redacted], [redacted]')
              .and.not.match(/unseen|key-of-the-gateway/);
            expect(header(answer, 'content-length')).to.equal(String(answer.body.length));
          }
          await gateway.until(async () => (await gateway.bus.counters('history')).published === 3);
          const read = { count: 3, waitMs: 0, claimIdleMs: 60_000, maxDeliveries: 9 };
          const deliveries = await gateway.bus.read('history', 'test', read);
          const bodies = await Promise.all(
            deliveries.map(async ({ id }) => (await gateway.bus.body(id)) ?? Buffer.of()),
          );
          const answers = await Promise.all(bodies.map(async (body) => (await decodeBody(body)).answer.chunks));
          expect(answers).to.have.length(3);
          const kept = answers.map((chunks) => Buffer.concat(chunks.map(({ bytes }) => bytes)).toString()).join();
          expect(kept + JSON.stringify(gateway.lines)).to.not.match(/unseen|key-of-the-gateway/);
        });
      });
    }

    it('are found in a compressed refusal of a native route; one without them stays as it is to the byte', async () => {
      const upstream = await startFakeUpstream();
      const refuseWith = (body: Buffer): void => {
        upstream.answer = { status: 400, headers: { 'Content-Encoding': 'gzip', 'X-Odd-Case': '1' }, body };
      };
      try {
        await withFile(toml('anthropic', upstream.url), async ({ ask }) => {
          for (const body of [gzipSync(said('no luck')), Buffer.alloc(300 * 1024, 'x')]) {
            refuseWith(body);
            const same = await ask();
            expect(same.body.equals(body)).to.equal(true);
            expect(header(same, 'content-encoding')).to.equal('gzip');
          }
          refuseWith(gzipSync(said('You sent', VALUE)));
          const other = await ask();
          expect([other.status, json(other)]).to.deep.equal([400, JSON.parse(said('You sent', '[redacted]'))]);
          expect(header(other, 'content-encoding')).to.equal(undefined);
          expect(header(other, 'x-odd-case')).to.equal('1');
        });
      } finally {
        await upstream.stop();
      }
    });

    it('does not outlive the client that leaves while a refusal is still coming', async () => {
      const upstream = createServer((_request, response) => {
        response.writeHead(400, { 'content-type': 'application/json' });
        response.write('{"type":');
      });
      await new Promise<void>((resolve) => {
        upstream.listen(0, '127.0.0.1', resolve);
      });
      const { port } = upstream.address() as AddressInfo;
      try {
        await withFile(toml('anthropic', `http://127.0.0.1:${port}`), async ({ gateway }) => {
          const asked = once(upstream, 'request');
          const left = new AbortController();
          const body = new Uint8Array(messagesRequest({ body: { model: 'large' } }).body);
          const client = fetch(`${gateway.url}/v1/messages`, { method: 'POST', body, signal: left.signal });
          await asked;
          left.abort();
          await client.catch(() => {});
          const outcome = { outcome: 'client_abort' };
          await gateway.until(async () => (await gateway.metric('ccproxy_gateway_requests_total', outcome)) === 1);
        });
      } finally {
        upstream.closeAllConnections();
        await new Promise((resolve) => {
          upstream.close(resolve);
        });
      }
    });
  });

  it('may come from the environment', () => {
    const env = { CC_PROVIDERS__ACME__BASE_URL: 'https://a.example', CC_PROVIDERS__ACME__HEADERS: 'x-a=1,x.b=c=d' };
    expect(testConfig({}, { env }).providers.acme?.headers).to.deep.equal({ 'x-a': '1', 'x.b': 'c=d' });
  });

  it('are refused at the start where they carry a credential or say how a message is sent, and their values not shown', async () => {
    const refusal = async (headers: string, more?: string): Promise<string> => {
      try {
        await withFile(file(headers, more), async () => {});
      } catch (error) {
        return error instanceof Error ? error.message : '';
      }
      return 'it started';
    };
    const credential =
      /cc-proxy\.toml:\d+: providers\.acme\.headers: "[\w-]+" must not be a header that carries a credential: use env_key/;
    for (const name of ['authorization', 'X-Api-Key', 'api-key', 'cookie', 'x-goog-api-key', 'x-auth-token']) {
      expect(await refusal(`{ "${name}" = "unseen" }`), name).to.match(credential);
    }
    for (const name of [
      'Host',
      'content-length',
      'content-type',
      'transfer-encoding',
      'connection',
      'accept',
      'traceparent',
      'x-ccproxy-shadow',
    ]) {
      expect(await refusal(`{ "${name}" = "unseen" }`), name).to.match(
        /must not be a header that the gateway writes itself/,
      );
    }
    expect(await refusal('{ "X-Own" = "unseen" }')).to.match(/"X-Own" is the one that carries the key/);
    const set =
      'pipeline = "own"\n[pipelines.own]\nrequest = [{ use = "header-set", name = "X-Own", value = "unseen" }]';
    expect(await refusal('{}', set)).to.match(
      /pipelines\.own: header-set sets "x-own", which carries the key of providers\.acme/,
    );
    expect(await refusal('{ "x-a" = "1", "X-A" = "2" }')).to.match(/"X-A" is there twice, in other letters/);
    expect(await refusal('{ "a b" = "unseen" }')).to.match(
      /headers = \(hidden\) holds "a b", which is no name of a header/,
    );
    for (const value of ['unseen\\r\\nx: y', 'ünseen', ' unseen']) {
      const message = await refusal(`{ "x-a" = "${value}" }`);
      expect(message)
        .to.match(/holds a value of "x-a" that no header may have/)
        .and.not.match(/nseen/);
    }
  });
});

describe('models by pattern', () => {
  const FILE = `
    [providers.acme]
    type = "openai-chat"
    base_url = "UPSTREAM/v1"
    pipeline = "of-provider"
    [models]
    deepseek-chat = { provider = "acme" }
    coder = { provider = "acme", upstream_name = "deepseek-coder" }
    own = { provider = "acme", upstream_name = "deepseek-own", pipeline = "of-model", max_output = 70 }
    other = { provider = "acme" }
    [models."deepseek-*"]
    pipeline = "of-pattern"
    max_output = 50
    [models."*"]
    max_output = 60
    [pipelines.of-provider]
    [pipelines.of-model]
    [pipelines.of-pattern]`;

  it('S1-15 get a pipeline and a limit of output where they have none themselves, from the first pattern that says one', async () => {
    await withFile(FILE, async ({ ask, sent }) => {
      const read = async (model: string): Promise<unknown[]> => {
        const answer = await ask({ model, max_tokens: 1000 });
        return [/pipeline:([\w-]+)/.exec(header(answer, 'x-ccproxy-route') ?? '')?.[1], sent().max_tokens];
      };
      expect(await read('deepseek-chat')).to.deep.equal(['of-pattern', 50]);
      expect(await read('coder')).to.deep.equal(['of-pattern', 50]);
      expect(await read('own')).to.deep.equal(['of-model', 70]);
      expect(await read('other')).to.deep.equal(['of-provider', 60]);
    });
  });

  it('S1-15 give nothing else, and name pipelines that there are', async () => {
    const refusal = async (toml: string): Promise<string> => {
      try {
        await withFile(`${FILE}\n${toml}`, async () => {});
      } catch (error) {
        return error instanceof Error ? error.message : '';
      }
      return 'it started';
    };
    expect(await refusal('[models."a*"]\nprovider = "acme"')).to.match(
      /cc-proxy\.toml:\d+: models\."a\*"\.provider: a pattern gives pipeline and max_output alone/,
    );
    expect(await refusal('[models."a*"]\npipeline = "tidi"')).to.match(
      /models\.a\*\.pipeline = "tidi" is no entry of \[pipelines\]; there are of-provider, of-model, of-pattern/,
    );
    expect(await refusal('[pipelines."a b"]')).to.match(/pipelines\."a b": a name must be 1 to 64 letters/);
    const asked = await refusal('[compare]\nalso = ["deepseek-*"]');
    expect(asked, 'nobody can ask for one').to.match(/names "deepseek-\*", which is no entry of \[models\]/);
  });

  it('S1-15 include the model that --model forces', async () => {
    const flags = { 'target.url': 'http://127.0.0.1:9', 'target.model': 'deepseek-v4' };
    await withFile(
      FILE,
      async ({ gateway }) => {
        const used = gateway.lines.filter(({ event }) => event === 'pipeline.used').map(({ fields }) => fields);
        expect(used[0]).to.deep.equal({
          pipeline: 'of-pattern',
          models: ['deepseek-v4', 'deepseek-chat', 'coder'],
          converted: ['deepseek-v4'],
        });
      },
      flags,
    );
  });
});

describe('the catalogue of steps', () => {
  const STEPS = [
    ...['header-set', 'header-delete', 'body-set', 'body-delete', 'body-append', 'body-merge', 'cache-breakpoints'],
    ...['drop-billing-block', 'fold-system', 'strip-git-status', 'shorten-tool-descriptions', 'effort', 'think-tags'],
    'repair-tool-json',
  ];

  it('S3-20 is told by cc-proxy transforms, with no gateway there', async () => {
    const { code, stdout, stderr } = await runCli(['transforms'], { cwd: tmpdir() });
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    const lines = stdout.split('\n');
    expect(lines.filter((line) => /^\S/.test(line)).map((line) => line.split(' ')[0])).to.deep.equal(STEPS);
    expect(lines).to.include.members([
      'body-set  (request, response; at = "upstream")',
      '    max_chars?  Characters of each description; unset = 1000.',
    ]);
  });

  it('S3-20 is told by GET /api/transforms, which takes no other method', async () => {
    await withFile(NATIVE(''), async ({ gateway }) => {
      const answer = await fetch(`${gateway.url}/api/transforms`);
      const { data } = (await answer.json()) as { data: Array<{ name: string; params: unknown; about: string }> };
      expect(data.map(({ name }) => name)).to.deep.equal(STEPS);
      expect(data.find(({ name }) => name === 'header-delete')).to.deep.include({
        ...{ lists: ['request'], at: ['upstream'] },
        params: [{ name: 'name', about: 'Which.', required: true }],
      });
      const put = await fetch(`${gateway.url}/api/transforms`, { method: 'PUT' });
      expect(put.status).to.equal(404);
      expect(await put.text()).to.include('does not answer this method');
    });
  });
});
