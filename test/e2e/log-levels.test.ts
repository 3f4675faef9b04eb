// Levels of lines over processes: one admin call, and another process writes what it left out before.
import { tmpdir } from 'node:os';
import { expect } from 'chai';
import { startCli } from '../support/cli.ts';
import { ANSWER } from '../support/compare-bed.ts';
import { until } from '../support/gateway.ts';
import { header, messagesRequest, send } from '../support/raw-client.ts';
import { type ServiceBed, startServiceBed, TARGET } from '../support/service-bed.ts';
import type { ServiceProcess } from '../support/service-process.ts';

interface Line {
  time: string;
  level: string;
  event: string;
  service: string;
  component?: string;
  [field: string]: unknown;
}

function linesOf(output: string): Line[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
}

const SESSION = '3f1c9a52-7d0e-4b8a-9e61-2a4c8f7b1d03';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PROMPT = 'a prompt that no log line may hold';

describe('logs of processes', function () {
  this.timeout(60_000);
  let bed: ServiceBed;
  let gateway: ServiceProcess;
  let comparator: ServiceProcess;
  before(async function () {
    bed = await startServiceBed(this);
    const services = [bed.start('gateway'), bed.start('comparator'), bed.start('console')] as const;
    [gateway, comparator] = await Promise.all(services);
    bed.passthrough.use(ANSWER);
    bed.target.use(ANSWER);
  });
  after(() => bed?.stop());

  async function ask(content: string): Promise<string> {
    const headers = ['x-claude-code-session-id', SESSION, 'traceparent', `00-${TRACE}-b7ad6b7169203331-01`];
    const answer = await send(
      gateway.url,
      messagesRequest({ headers, body: { messages: [{ role: 'user', content }] } }),
    );
    return header(answer, 'x-ccproxy-request-id') ?? '';
  }

  const eventsOf = (service: ServiceProcess, event: string): Line[] =>
    linesOf(service.output()).filter((line) => line.event === event);

  it('S3-28 one line a request has its ids, its mode and its route, and no line has its text', async () => {
    const id = await ask(PROMPT);
    const listed = await fetch(`${gateway.url}/v1/models`, { headers: { 'x-claude-code-session-id': SESSION } });
    await until(() => eventsOf(comparator, 'pair.stored').length === 1, 20_000);

    const finished = eventsOf(gateway, 'request.finished').filter(({ request_id }) => request_id === id);
    expect(finished).to.have.length(1);
    expect(finished[0]).to.include({
      ...{ level: 'info', service: 'cc-gateway', component: 'gateway', session_id: SESSION, trace_id: TRACE },
      ...{ mode: 'compare', outcome: 'ok', status: 200 },
    });
    expect(finished[0]?.route).to.be.a('string').that.has.length.greaterThan(0);
    const models = eventsOf(gateway, 'request.answered').filter(({ route }) => route === 'models');
    expect(models).to.have.length(1);
    expect(models[0]).to.include({
      ...{ request_id: listed.headers.get('x-ccproxy-request-id'), session_id: SESSION },
      ...{ mode: 'compare', outcome: 'ok', status: 200 },
    });
    expect(bed.output()).to.not.include(PROMPT);
  });

  it('S2-18 one call switches the debug lines of one component on, in every process', async () => {
    const debugLines = (service: ServiceProcess): Line[] =>
      linesOf(service.output()).filter(({ level }) => level === 'debug');
    let asked = eventsOf(comparator, 'pair.stored').length;
    const askForPair = async (): Promise<void> => {
      asked += 1;
      await ask(`${PROMPT} ${asked}`);
      await until(() => eventsOf(comparator, 'pair.stored').length === asked, 20_000);
    };
    await askForPair();
    expect(debugLines(comparator)).to.deep.equal([]);

    const changed = await fetch(`${gateway.url}/api/log`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ components: { comparator: 'debug' } }),
    });
    expect(changed.status).to.equal(200);
    // Until the change has reached the comparator, turns are not told of in debug lines.
    await until(async () => {
      await askForPair();
      return debugLines(comparator).length > 0;
    }, 20_000);
    expect(debugLines(comparator).every(({ component }) => component === 'comparator')).to.equal(true);
    expect(debugLines(gateway)).to.deep.equal([]);
    expect(bed.output()).to.not.include(PROMPT);
  });

  it('shows every line with --debug', async () => {
    const env = {
      ...{ CC_SERVER__LISTEN_ADDRESS: '127.0.0.1:0', CC_OPS__LISTEN_ADDRESS: '127.0.0.1:0' },
      ...{ CC_TARGET__URL: bed.target.url, CC_TARGET__MODEL: TARGET, CC_REDIS__URL: bed.redis.url },
    };
    const cli = startCli(['--debug', 'gateway'], { cwd: tmpdir(), env });
    try {
      const [, url] = await cli.line(/"url":"(http:[^"]+)"/, 20_000);
      const shown = await fetch(`${url}/api/log`);
      expect(await shown.json()).to.include({ level: 'debug' });
    } finally {
      cli.child.kill();
      await cli.exit();
    }
  });
});
