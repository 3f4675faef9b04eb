// The programs that the chart runs in pods of its own, run here as it runs them: by `node --eval`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { readSource } from '../support/read-imports.ts';
import { makeSelfSigned } from '../support/self-signed.ts';
import { type ServiceProcess, startService } from '../support/service-process.ts';

const ADMIN_TOKEN = 'token-of-the-test';

/** @returns exit code and output */
function evaluate(path: string, env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const args = ['--input-type=module', '--eval', readSource(path)];
    const child = spawn(process.execPath, args, { env: { PATH: process.env.PATH ?? '', ...env } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

describe('programs that the chart and its check run in pods', function () {
  this.timeout(60_000);
  let model: Simulator;
  let gateway: ServiceProcess;
  let env: Record<string, string>;
  before(async () => {
    model = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1 });
    gateway = await startService('gateway', {
      CC_TARGET__URL: model.url,
      CC_TARGET__MODEL: 'simulated',
      CC_ADMIN__TOKEN: ADMIN_TOKEN,
    });
    env = { GATEWAY: gateway.url, GATEWAY_OPS: gateway.opsUrl, MODEL: 'claude-sonnet-4-5', ADMIN_TOKEN, ATTEMPTS: '1' };
  });
  after(async () => {
    await gateway?.stop();
    await model?.stop();
  });

  it('passes on a gateway that serves, streams and keeps its admin API closed', async () => {
    const { code, output } = await evaluate('helm/cc-proxy/files/helm-test.mjs', env);
    expect(output).to.include('ok: a model streams a whole answer').and.include('6 of 6 passed');
    expect(code).to.equal(0);
  });

  it('fails by name on a wrong token', async () => {
    const { code, output } = await evaluate('helm/cc-proxy/files/helm-test.mjs', { ...env, ADMIN_TOKEN: 'wrong' });
    expect(output).to.include('FAILED: the admin API knows its token').and.include('5 of 6 passed');
    expect(code).to.equal(1);
  });

  it('fails by name on services that are not there', async () => {
    const nobody = 'http://127.0.0.1:1';
    const { code, output } = await evaluate('helm/cc-proxy/files/helm-test.mjs', {
      ...env,
      COMPARATOR_OPS: nobody,
      CONSOLE: nobody,
    });
    expect(output).to.include('FAILED: the comparator reaches').and.include('FAILED: the console refuses');
    expect(code).to.equal(1);
  });

  it('fails on a stream that ends early', async () => {
    model.use({ fault: { kind: 'end-early', after: -1 } });
    const { code, output } = await evaluate('helm/cc-proxy/files/helm-test.mjs', env);
    expect(output).to.include('FAILED: a model streams a whole answer: the stream ended without message_stop');
    expect(code).to.equal(1);
  });

  describe('the load of a rollout', () => {
    const LOAD = { SECONDS: '1', EVENTS: '5', BETWEEN_MS: '20' };

    it('is well when every stream was whole', async () => {
      const { code, output } = await evaluate('scripts/chart/stream-load.mjs', {
        ...{ ...LOAD, GATEWAY: gateway.url, SIMULATOR: model.url },
      });
      expect(output).to.match(/^streams are running\n[1-9]\d* streams, 0 broken\n$/);
      expect(code).to.equal(0);
    });

    it('is not when streams are refused or nobody answers', async () => {
      for (const url of [`${gateway.url}/nowhere`, 'http://127.0.0.1:1']) {
        const { code, output } = await evaluate('scripts/chart/stream-load.mjs', {
          ...{ ...LOAD, GATEWAY: url, SIMULATOR: model.url },
        });
        const [, all, broken] = /(\d+) streams, (\d+) broken\n$/.exec(output) ?? [];
        expect([Number(broken), code], output).to.deep.equal([Number(all), 1]);
      }
    });
  });
});

interface Asked {
  request: string;
  authorization: string | undefined;
  body: { metadata: { name: string }; stringData: Record<string, string> };
}

describe('the hook that makes the Secret', () => {
  let folder: string;
  let api: Server;
  let env: Record<string, string>;
  let asked: Asked[];
  /** What an API server answers to a Secret: made, there already, or forbidden. */
  let status: number;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-hook-'));
    const { key, cert } = makeSelfSigned('localhost');
    writeFileSync(join(folder, 'ca.crt'), cert);
    writeFileSync(join(folder, 'token'), 'token-of-the-hook\n');
    api = createServer({ key, cert }, async (request, response) => {
      const body = JSON.parse(await text(request)) as Asked['body'];
      const { method, url, headers } = request;
      asked.push({ request: `${method} ${url}`, authorization: headers.authorization, body });
      response.writeHead(status).end('{"message":"secrets is forbidden"}');
    });
    api.listen(0, 'localhost');
    await once(api, 'listening');
    env = {
      KUBERNETES_SERVICE_HOST: 'localhost',
      KUBERNETES_SERVICE_PORT: String((api.address() as AddressInfo).port),
      NAMESPACE: 'ns',
      SECRET: 'rel-secrets',
      TOKEN_FILE: join(folder, 'token'),
      NODE_EXTRA_CA_CERTS: join(folder, 'ca.crt'),
    };
  });
  beforeEach(() => {
    asked = [];
  });
  after(() => {
    api.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (): ReturnType<typeof evaluate> => evaluate('helm/cc-proxy/files/create-secrets.mjs', env);

  it('makes all that the chart can ask for, random each, and shows none of it', async () => {
    status = 201;
    const { code, output } = await run();
    expect([code, output]).to.deep.equal([0, 'made the Secret ns/rel-secrets\n']);
    const [{ request, authorization, body } = {} as Asked] = asked;
    expect([request, authorization]).to.deep.equal(['POST /api/v1/namespaces/ns/secrets', 'Bearer token-of-the-hook']);
    expect(body.metadata.name).to.equal('rel-secrets');
    expect(body.stringData).to.have.keys('admin-token', 'redis-password', 'postgres-password', 'grafana-password');
    const values = Object.values(body.stringData);
    expect(new Set(values)).to.have.property('size', 4);
    for (const value of values) expect(value).to.match(/^[\w-]{32}$/);
  });

  it('leaves the Secret of an earlier install alone at an upgrade', async () => {
    status = 409;
    const { code, output } = await run();
    expect([code, output]).to.deep.equal([0, 'the Secret ns/rel-secrets is there already and stays\n']);
    expect(asked.map(({ request }) => request)).to.deep.equal(['POST /api/v1/namespaces/ns/secrets']);
  });

  it('fails with what the API server said when it may not', async () => {
    status = 403;
    const { code, output } = await run();
    expect(code).to.equal(1);
    expect(output).to.include('answered 403 for the Secret ns/rel-secrets').and.include('secrets is forbidden');
    for (const value of Object.values(asked[0]?.body.stringData ?? {})) expect(output).not.to.include(value);
  });
});
