// The programs that the chart runs in pods of its own, run here as it runs them: by `node --eval`.
import { spawn } from 'node:child_process';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { readSource } from '../support/read-imports.ts';
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
