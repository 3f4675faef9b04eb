// However clients name things, /metrics does not grow with it.
import { expect } from 'chai';
import fc from 'fast-check';
import { type CompareBed, startCompareBed } from '../support/compare-bed.ts';
import { until } from '../support/gateway.ts';
import { messagesRequest, send } from '../support/raw-client.ts';
import { parseSeries, type Series } from '../support/read-metrics.ts';

/** Of one instance, with everything that the process says of itself. */
const MOST_SERIES = 10_000;
const MARK = 'zqx';
/** One call of the secondary in so many may fail: after failures in a row the comparator rests, and pairs wait. */
const CALLS_A_SCENE = 3;

const word = fc.stringMatching(/^[a-z0-9._-]{1,24}$/).map((text) => `${MARK}${text}`);
const path = fc
  .array(word, { minLength: 1, maxLength: 4 })
  .map((words) => `/${words.join('/')}`)
  .chain((made) => fc.constantFrom(made, `/v1${made}`, `/api${made}`, `/v1/models${made}`));
const strange = fc.record({
  model: fc.oneof(
    word,
    fc.string({ maxLength: 40 }).map((text) => MARK + text),
  ),
  path,
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PROPFIND'),
  header: word,
  scene: fc.constantFrom('text', 'error-529', 'cut-between-events', 'error-400', 'dialect-stop-reason-unknown'),
  stream: fc.boolean(),
});

describe('the series of /metrics', function () {
  this.timeout(60_000);
  let bed: CompareBed;
  before(async () => {
    bed = await startCompareBed();
  });
  after(() => bed.stop());

  async function series(): Promise<Series[]> {
    return parseSeries(await (await fetch(`${bed.started.opsUrl}/metrics`)).text());
  }

  it('stay below 10 000 and hold no name of a client, whatever models, paths and headers there are', async () => {
    let sent = 0;
    let drawn = 'text';
    let calls = 0;
    bed.secondary.use(() => {
      calls += 1;
      return calls % CALLS_A_SCENE === 0 ? drawn : 'text';
    });
    const finished = async (): Promise<number> =>
      (await series())
        .filter(({ name }) => name === 'ccproxy_gateway_requests_total')
        .reduce((sum, { value }) => sum + value, 0);
    await fc.assert(
      fc.asyncProperty(strange, async ({ model, path: asked, method, header, scene, stream }) => {
        bed.primary.use(scene);
        drawn = scene;
        const headers = [
          `anthropic-${header}`,
          header,
          'anthropic-beta',
          header,
          'user-agent',
          header,
          'x-claude-code-session-id',
          header,
        ];
        const content = { model, tools: [{ name: header, input_schema: { type: 'object' } }], [header]: 1 };
        await send(bed.started.gatewayUrl, messagesRequest({ stream, headers, body: content }));
        await send(bed.started.gatewayUrl, { method, path: asked, headers, body: Buffer.alloc(0) });
        sent += 2;
      }),
      { numRuns: 120 },
    );
    await until(async () => (await finished()) >= sent, 20_000);
    await bed.expectAccounted(sent / 2);
    const found = await series();
    expect(found.length).to.be.greaterThan(500);
    expect(found.length).to.be.lessThan(MOST_SERIES);
    expect(found.filter(({ labels }) => JSON.stringify(labels).includes(MARK))).to.deep.equal([]);
  });
});
