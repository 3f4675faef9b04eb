// `cc-proxy traces export` against a server that pages as Phoenix does.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runTracesExport, type TracesExportOptions } from '#services/cli/commands/traces.ts';
import { toComparatorConfig } from '#services/comparator/config.ts';
import { testConfig } from '../support/gateway.ts';

const PAGES = 3;
const span = (page: number, name: string) => ({
  id: `id-${page}-${name}`,
  name,
  context: { trace_id: 'a'.repeat(32), span_id: `b${page}` },
  span_kind: 'LLM',
  parent_id: null,
  start_time: '2026-01-31T10:00:00.123456+00:00',
  end_time: '2026-01-31T10:00:01+00:00',
  status_code: 'OK',
  attributes: { ttft_ms: 12.5, 'llm.token_count.prompt': 3 },
  events: [],
});

describe('cc-proxy traces export', () => {
  let server: Server;
  let url: string;
  let folder: string;
  let asked: Array<{ path: string; query: Record<string, string>; key: string | undefined }>;
  before((done) => {
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-traces-'));
    server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
      asked.push({ path: pathname, query: Object.fromEntries(searchParams), key: request.headers.authorization });
      if (!pathname.startsWith('/v1/projects/agents%2F1/')) {
        response.writeHead(404).end();
        return;
      }
      const page = Number(searchParams.get('cursor') ?? 0);
      const data = [span(page, 'proxy_request'), span(page, 'primary_forward')];
      response.end(JSON.stringify({ data, next_cursor: page + 1 < PAGES ? String(page + 1) : null }));
    }).listen(0, '127.0.0.1', () => {
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      done();
    });
  });
  beforeEach(() => {
    asked = [];
  });
  after((done) => {
    rmSync(folder, { recursive: true, force: true });
    server.close(done);
    server.closeAllConnections();
  });

  async function run(options: TracesExportOptions, settings: Record<string, unknown> = {}): Promise<unknown[]> {
    const out = join(folder, 'traces.json');
    const config = testConfig({ 'tracing.endpoint': `${url}/v1/traces`, 'tracing.project': 'agents/1', ...settings });
    await runTracesExport({ out, ...options }, config);
    return JSON.parse(readFileSync(out, 'utf8')) as unknown[];
  }

  it('S0-27 writes every page of the spans of a name as records with ISO dates', async () => {
    const records = await run({ name: 'proxy_request' }, { 'tracing.headers': { authorization: 'Bearer k' } });
    expect(records).to.have.length(PAGES);
    expect(records[0]).to.deep.equal({
      ...{ id: 'id-0-proxy_request', name: 'proxy_request', span_kind: 'LLM', parent_id: null, status_code: 'OK' },
      ...{ start_time: '2026-01-31T10:00:00.123456+00:00', end_time: '2026-01-31T10:00:01+00:00', events: [] },
      ...{ 'context.trace_id': 'a'.repeat(32), 'context.span_id': 'b0' },
      ...{ 'attributes.ttft_ms': 12.5, 'attributes.llm.token_count.prompt': 3 },
    });
    expect(asked.map(({ query }) => query.cursor)).to.deep.equal([undefined, '1', '2']);
    expect(new Set(asked.map(({ key }) => key))).to.deep.equal(new Set(['Bearer k']));
    expect(asked[0]?.query).to.include({ limit: '1000', name: 'proxy_request' });
  });

  it('takes all spans without a name, from a time on, and gives a key to no other address', async () => {
    const other = { 'tracing.endpoint': 'http://127.0.0.1:9', 'tracing.headers': { authorization: 'Bearer k' } };
    expect(await run({ url, since: '2026-01-31' }, other)).to.have.length(2 * PAGES);
    expect(asked[0]).to.deep.include({ key: undefined });
    expect(asked[0]?.query.start_time).to.equal('2026-01-31T00:00:00.000Z');
  });

  it('asks for an address where spans travel over gRPC, and reads the one that is named', async () => {
    const grpc = { 'tracing.endpoint': 'http://127.0.0.1:4317' };
    const failed = await run({}, grpc).catch((error: unknown) => error);
    expect(String(failed)).to.include('--url').and.include('tracing.phoenix_url');
    expect(await run({ url }, grpc)).to.have.length(2 * PAGES);
    expect(await run({}, { ...grpc, 'tracing.phoenix_url': url })).to.have.length(2 * PAGES);
    expect(toComparatorConfig(testConfig(grpc), null).phoenix).to.equal(null);
    expect(toComparatorConfig(testConfig({ ...grpc, 'tracing.phoenix_url': url }), null).phoenix?.url).to.equal(url);
  });

  it('says what is wrong when there is no Phoenix, no such project, no such time or no such folder', async () => {
    const failure = (options: TracesExportOptions): Promise<string> =>
      run(options).then(
        () => 'no failure',
        (error: Error) => error.message,
      );
    expect(await failure({ url: 'http://127.0.0.1:9' })).to.include('--url');
    expect(await failure({ project: 'none' })).to.include('--project');
    expect(await failure({ since: 'yesterday' })).to.include('--since');
    expect(await failure({ out: join(folder, 'no/such') })).to.include('--out');
  });
});
