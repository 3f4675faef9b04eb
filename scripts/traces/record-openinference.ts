// Writes test/fixtures/openinference/anthropic.json: what @arizeai/openinference-instrumentation-anthropic 0.2.8 says of
// calls, each beside its request and answer. That package would bring a second OpenTelemetry SDK, so it is installed into a
// temporary folder: node --conditions=source scripts/traces/record-openinference.ts
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const PACKAGES = [
  '@arizeai/openinference-instrumentation-anthropic@0.2.8',
  ...['@anthropic-ai/sdk@1.14.0', '@opentelemetry/sdk-trace-node@2.9.0', '@opentelemetry/sdk-trace-base@2.9.0'],
];
const OUT = new URL('../../test/fixtures/openinference/anthropic.json', import.meta.url);

const usage = { input_tokens: 10, output_tokens: 20, cache_read_input_tokens: 5, cache_creation_input_tokens: 3 };
const call = { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'ls' } };
const answer = (content: unknown[], stop_reason: string) => ({
  ...{ id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-opus-5', content, stop_reason },
  ...{ stop_sequence: null, usage },
});
const base = { model: 'claude-opus-5', max_tokens: 100 };
const tools = [{ name: 'Bash', description: 'Runs.', input_schema: { type: 'object', properties: {} } }];

const CASES = [
  {
    name: 'text',
    request: { ...base, system: 'be brief', temperature: 0.5, messages: [{ role: 'user', content: 'hi' }] },
    answer: answer([{ type: 'text', text: 'hello' }], 'end_turn'),
  },
  {
    name: 'a tool call',
    request: { ...base, tools, messages: [{ role: 'user', content: [{ type: 'text', text: 'list' }] }] },
    answer: answer([{ type: 'text', text: 'I will.' }, call], 'tool_use'),
  },
  {
    name: 'tool results',
    request: {
      ...base,
      tools,
      messages: [
        { role: 'user', content: 'list' },
        { role: 'assistant', content: [call, { ...call, id: 'toolu_2' }] },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'toolu_1', content: 'a' },
            { type: 'tool_result', tool_use_id: 'toolu_2', content: 'b' },
          ],
        },
      ],
    },
    answer: answer([{ type: 'text', text: 'a and b' }], 'end_turn'),
  },
];

interface Loaded {
  Anthropic: new (options: Record<string, unknown>) => { messages: { create(body: unknown): Promise<unknown> } };
  spans: Array<{ attributes: Record<string, unknown> }>;
}

/** Runs where the packages are: they find each other only there. */
const LOADER = `
import AnthropicModule from '@anthropic-ai/sdk';
import { AnthropicInstrumentation } from '@arizeai/openinference-instrumentation-anthropic';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();
const instrumentation = new AnthropicInstrumentation();
instrumentation.setTracerProvider(provider);
instrumentation.manuallyInstrument(AnthropicModule);
export const Anthropic = AnthropicModule;
export const spans = { get all() { return exporter.getFinishedSpans(); } };
`;

const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-openinference-'));
const bodies = CASES.map((each) => JSON.stringify(each.answer));
const server = createServer((request, response) => {
  request.resume().on('end', () => {
    response.writeHead(200, { 'content-type': 'application/json', 'request-id': 'req_1' }).end(bodies.shift());
  });
});
try {
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  spawnSync('npm', ['install', '--no-audit', '--no-fund', ...PACKAGES], { cwd: folder, stdio: 'inherit' });
  const loader = join(folder, 'loader.mjs');
  writeFileSync(loader, LOADER);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { Anthropic, spans } = (await import(pathToFileURL(loader).href)) as {
    Anthropic: Loaded['Anthropic'];
    spans: { all: Loaded['spans'] };
  };
  const client = new Anthropic({
    ...{ baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, apiKey: 'k', openTelemetry: false },
  });
  for (const { request } of CASES) await client.messages.create(request);
  const recorded = CASES.map((each, index) => ({ ...each, attributes: spans.all[index]?.attributes }));
  writeFileSync(OUT, `${JSON.stringify(recorded, null, 2)}\n`);
} finally {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
}
