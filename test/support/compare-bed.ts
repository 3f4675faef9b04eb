// Everything of `cc-proxy start` in this process, in compare mode between two simulated models, with the sums by which
// nothing can go missing.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type StartedAll, startAll } from '#services/cli/commands/start.ts';
import { createSimulator, type Scene, type Simulator } from '#services/simulator/service.ts';
import { loadConfig } from '#shared/config/load.ts';
import type { PairRow } from '#shared/store/store.ts';
import { type ConsoleClient, createConsoleClient } from './console-client.ts';
import { until } from './gateway.ts';
import { header, messagesRequest, type RawAnswer, send } from './raw-client.ts';
import { readMetrics } from './read-metrics.ts';

export interface CompareBed extends ConsoleClient {
  started: StartedAll;
  primary: Simulator;
  secondary: Simulator;
  /** Sends a small request; without `messages` in the body each is another turn. */
  ask(options?: AskOptions): Promise<{ id: string; answer: RawAnswer }>;
  /**
   * Waits until nothing is pending and asserts both identities: planned pairs of all requests = enqueued + skipped, and
   * enqueued = rows + dead letters, on the bus's own counters too.
   * @param plannedPairs of all requests made in compare mode so far
   */
  expectAccounted(plannedPairs: number): Promise<void>;
  counters(): Promise<{ published: number; finished: number; dead: number; pending: number }>;
  stop(): Promise<void>;
}

export interface AskOptions {
  session?: string;
  stream?: boolean;
  body?: Record<string, unknown>;
  headers?: string[];
}

export const SECONDARY = 'glm-5';
const TOOLS = [{ name: 'Bash', input_schema: { type: 'object', properties: { command: { type: 'string' } } } }];

export async function startCompareBed(settings: Record<string, unknown> = {}, toml?: string): Promise<CompareBed> {
  const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-compare-'));
  const primary = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 });
  const secondary = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 2, delayScale: 0 });
  const address = '127.0.0.1:0';
  const started = await startAll(
    loadConfig({
      env: { HOME: folder, CC_LOG__LEVEL: 'error' },
      cwd: folder,
      flags: {
        default_mode: 'compare',
        state_dir: folder,
        'passthrough.url': primary.url,
        'target.url': secondary.url,
        'target.model': SECONDARY,
        'server.listen_address': address,
        'comparator.listen_address': address,
        'console.listen_address': address,
        'ops.listen_address': address,
        ...settings,
      },
      ...(toml === undefined ? {} : { configPath: toml }),
    }),
  );
  let turns = 0;
  const console = createConsoleClient(started.consoleUrl);
  const counters: CompareBed['counters'] = async () => {
    const answer = await fetch(`${started.comparatorUrl}/api/comparator`);
    return ((await answer.json()) as { counters: Awaited<ReturnType<CompareBed['counters']>> }).counters;
  };
  return {
    ...console,
    started,
    primary,
    secondary,
    counters,
    ask: async ({ session, stream = true, body = {}, headers = [] } = {}) => {
      turns += 1;
      const messages = [{ role: 'user', content: `question ${turns}` }];
      const named = session === undefined ? [] : ['x-claude-code-session-id', session];
      const request = messagesRequest({
        stream,
        headers: [...named, ...headers],
        body: { messages, tools: TOOLS, ...body },
      });
      const answer = await send(started.gatewayUrl, request);
      return { id: header(answer, 'x-ccproxy-request-id') ?? '', answer };
    },
    expectAccounted: async (plannedPairs) => {
      await until(async () => {
        const metric = await readMetrics(started.opsUrl);
        return (await counters()).pending === 0 && gatewaySum(metric) >= plannedPairs;
      }, 10_000);
      const metric = await readMetrics(started.opsUrl);
      expect(gatewaySum(metric), 'enqueued + skipped').to.equal(plannedPairs);
      const { published, finished, dead, pending } = await counters();
      expect(published, 'published').to.equal(finished + dead + pending);
      const enqueued = metric('ccproxy_compare_enqueue_total', { result: 'ok' });
      expect(published, 'published as the gateway counts it').to.equal(enqueued);
      const rows = (await console.all<PairRow>('/api/pairs')).length;
      // What was trimmed from a full stream while it was worked on is dead on the bus and has its row all the same.
      if (dead > 0) expect(rows + pending + dead, 'rows + pending + dead').to.be.at.least(enqueued);
      else expect(rows + pending, 'rows + pending').to.equal(enqueued);
    },
    stop: async () => {
      await started.stop();
      await Promise.all([primary.stop(), secondary.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Planned pairs as the gateway booked them; requests outside compare mode are none. */
function gatewaySum(metric: Awaited<ReturnType<typeof readMetrics>>): number {
  const skipped =
    metric('ccproxy_compare_skipped_total') - metric('ccproxy_compare_skipped_total', { reason: 'mode_off' });
  return metric('ccproxy_compare_enqueue_total') + skipped;
}

/** A plain answer in both arms. */
export const ANSWER: Scene = { content: [{ type: 'text', text: 'All is well here.' }] };
