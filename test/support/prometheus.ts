// A real Prometheus for tests: it scrapes what it is told each second, keeps exemplars, and is asked over its own API.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from './free-port.ts';
import { until } from './gateway.ts';

export interface PrometheusSample {
  labels: Record<string, string>;
  /** NaN where Prometheus says so. */
  value: number;
}

export interface FiringAlert {
  name: string;
  state: 'pending' | 'firing';
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface RuleHealth {
  name: string;
  health: string;
  lastError?: string;
}

export interface TestPrometheus {
  /** The expression as it is now. @throws with what Prometheus says of an expression it cannot evaluate */
  query(expression: string): Promise<PrometheusSample[]>;
  /** Trace ids that hang on the series of the expression. */
  exemplars(expression: string): Promise<string[]>;
  /** Pending and firing. */
  alerts(): Promise<FiringAlert[]>;
  rules(): Promise<RuleHealth[]>;
  stop(): Promise<void>;
}

export interface PrometheusOptions {
  /** Job name → `host:port` of its processes. */
  jobs: Record<string, string[]>;
  /** What stands in its rule files. */
  rules: string[];
}

const START_MS = 20_000;
const TOLD_MS = 2_000;

export function hasPrometheus(): boolean {
  return spawnSync('prometheus', ['--version']).error === undefined;
}

export async function startPrometheus({ jobs, rules }: PrometheusOptions): Promise<TestPrometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'ccproxy-prometheus-'));
  const rule_files = rules.map((text, index) => {
    const file = join(folder, `rules-${index}.yaml`);
    writeFileSync(file, text);
    return file;
  });
  const scrape_configs = Object.entries(jobs).map(([job_name, targets]) => ({
    job_name,
    static_configs: [{ targets }],
  }));
  const every = { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' };
  writeFileSync(join(folder, 'prometheus.yml'), stringify({ global: every, rule_files, scrape_configs }));
  const url = `http://127.0.0.1:${await freePort()}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${new URL(url).host}`,
      '--enable-feature=exemplar-storage',
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = (): Promise<void> => end(child, ended, folder);
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  await until(() => {
    if (child.exitCode !== null) throw new Error('it ended');
    return isReady(url);
  }, START_MS).catch(async (error: unknown) => {
    await stop();
    throw new Error(`Prometheus did not start:\n${output}`, { cause: error });
  });
  return { ...createApi(url), stop };
}

function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/-/ready`).then(
    (response) => response.ok,
    () => false,
  );
}

async function end(child: ChildProcess, ended: Promise<void>, folder: string): Promise<void> {
  // Nothing of it is wanted any more.
  child.kill('SIGKILL');
  await ended;
  rmSync(folder, { recursive: true, force: true });
}

type Sample = [at: number, value: string];
type QueryData =
  | { resultType: 'vector'; result: Array<{ metric: Record<string, string>; value: Sample }> }
  | { resultType: 'scalar'; result: Sample };

function createApi(url: string): Omit<TestPrometheus, 'stop'> {
  const ask = async <Data>(path: string, parameters: Record<string, string> = {}): Promise<Data> => {
    const response = await fetch(`${url}/api/v1/${path}`, {
      method: Object.keys(parameters).length === 0 ? 'GET' : 'POST',
      ...(Object.keys(parameters).length === 0 ? {} : { body: new URLSearchParams(parameters) }),
    });
    const answer = (await response.json()) as { status: string; error?: string; data: Data };
    if (answer.status !== 'success') throw new Error(`${answer.error}: ${parameters.query ?? path}`);
    return answer.data;
  };
  return {
    query: async (expression) => {
      const data = await ask<QueryData>('query', { query: expression });
      if (data.resultType === 'scalar') return [{ labels: {}, value: toNumber(data.result) }];
      return data.result.map(({ metric, value }) => ({ labels: metric, value: toNumber(value) }));
    },
    exemplars: async (expression) => {
      const nowS = Date.now() / 1000;
      const data = await ask<Array<{ exemplars: Array<{ labels: Record<string, string> }> }>>('query_exemplars', {
        query: expression,
        start: String(nowS - 3600),
        end: String(nowS + TOLD_MS / 1000),
      });
      return data.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id ?? ''));
    },
    alerts: async () => {
      const { alerts } = await ask<{
        alerts: Array<Pick<FiringAlert, 'labels' | 'annotations'> & { state: FiringAlert['state'] }>;
      }>('alerts');
      return alerts.map(({ labels, annotations, state }) => ({
        name: labels.alertname ?? '',
        state,
        labels,
        annotations,
      }));
    },
    rules: async () => {
      const { groups } = await ask<{ groups: Array<{ rules: RuleHealth[] }> }>('rules');
      return groups.flatMap((group) =>
        group.rules.map(({ name, health, lastError }) => ({ name, health, ...(lastError ? { lastError } : {}) })),
      );
    },
  };
}

function toNumber([, value]: Sample): number {
  return value === '+Inf' ? Number.POSITIVE_INFINITY : value === '-Inf' ? Number.NEGATIVE_INFINITY : Number(value);
}
