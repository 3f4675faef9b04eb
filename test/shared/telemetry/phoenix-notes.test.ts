// Notes for Phoenix: what is sent, when, and what becomes of it when Phoenix is busy, gone or something else.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import {
  createPhoenixNotes,
  type NoteResult,
  type PhoenixNotes,
  type SpanNote,
} from '#shared/telemetry/phoenix-notes.ts';
import { until } from '../../support/gateway.ts';
import { PATIENCE_MS } from '../../support/patience.ts';

const note = (spanId: string): SpanNote => ({
  spanId,
  name: 'verdict',
  label: 'equivalent',
  score: 1,
  explanation: 'primary: ok; target: ok',
  identifier: 'pair-1',
});

describe('notes for Phoenix', () => {
  let server: Server;
  let url: string;
  let steps: string[];
  let bodies: Array<{ data: unknown[] }>;
  let statuses: number[];
  let version: { status: number; text: string };
  let results: Partial<Record<NoteResult, number>>;
  let troubles: unknown[];
  let notes: PhoenixNotes | undefined;

  before((done) => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        steps.push(`${request.method} ${request.url} ${request.headers.authorization ?? 'no key'}`);
        if (request.url === '/base/arize_phoenix_version') {
          response.writeHead(version.status).end(version.text);
          return;
        }
        bodies.push(JSON.parse(Buffer.concat(chunks).toString('utf8')) as { data: unknown[] });
        response.writeHead(statuses.shift() ?? 200).end('{}');
      });
    }).listen(0, '127.0.0.1', done);
  });
  beforeEach(() => {
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`;
    [steps, bodies, statuses, results, troubles] = [[], [], [], {}, []];
    version = { status: 200, text: '20.26.1' };
    flushMs = 0;
  });
  afterEach(async () => {
    await notes?.close(PATIENCE_MS);
  });
  after((done) => {
    server.close(done);
    server.closeAllConnections();
  });

  let flushMs = 0;
  function start(isPhoenix = false, retryMs = 1): PhoenixNotes {
    notes = createPhoenixNotes(
      { url, isPhoenix, headers: { authorization: 'Bearer k' } },
      {
        flushSpans: async () => {
          steps.push('spans');
          await new Promise((resolve) => setTimeout(resolve, flushMs));
        },
        onResult: (result, count) => {
          results[result] = (results[result] ?? 0) + count;
        },
        onTrouble: (error) => void troubles.push(error),
        retryMs,
      },
    );
    return notes;
  }

  it('leave after the spans, to a receiver that says it is a Phoenix, with the key of the export', async () => {
    start().add([note('a'), note('b')]);
    await until(() => results.posted === 2);
    expect(steps).to.deep.equal([
      'spans',
      'GET /base/arize_phoenix_version Bearer k',
      'POST /base/v1/span_annotations Bearer k',
    ]);
    expect(bodies[0]?.data[0]).to.deep.equal({
      span_id: 'a',
      name: 'verdict',
      annotator_kind: 'CODE',
      result: { label: 'equivalent', score: 1, explanation: 'primary: ok; target: ok' },
      identifier: 'pair-1',
    });
    notes?.add([note('c')]);
    await until(() => results.posted === 3);
    expect(steps.filter((step) => step.startsWith('GET'))).to.have.length(1);
  });

  it('stay here when the receiver is something else, and nobody is asked again', async () => {
    version = { status: 200, text: '<!doctype html>' };
    const sent = start();
    sent.add([note('a')]);
    await until(() => steps.length === 2);
    await sent.close(PATIENCE_MS);
    sent.add([note('b')]);
    expect([bodies.length, results]).to.deep.equal([0, {}]);
  });

  it('are sent again when Phoenix is busy, and not when it refuses them', async () => {
    statuses = [503, 429, 200];
    start(true).add([note('a')]);
    await until(() => results.posted === 1);
    expect(bodies).to.have.length(3);
    statuses = [422];
    notes?.add([note('b')]);
    await until(() => results.failed === 1);
    expect(troubles).to.have.length(1);
  });

  it('wait for a Phoenix that starts a minute and a half after them', async () => {
    // So many pauses of one, two, four and then eight seconds.
    statuses = Array.from({ length: 14 }, () => 503);
    start(true).add([note('a')]);
    await until(() => results.posted === 1);
    expect(bodies).to.have.length(15);
  });

  it('hold no shutdown while they wait for a Phoenix', async () => {
    statuses = Array.from({ length: 14 }, () => 503);
    start(true, 60_000).add([note('a')]);
    await until(() => bodies.length === 1);
    notes?.add([note('b')]);
    await notes?.close(120_000);
    expect(results).to.deep.equal({ failed: 2 });
    expect(bodies.length).to.be.below(4);
  });

  it('ask for no spans to be sent when the time of a shutdown is over', async () => {
    flushMs = 50;
    start(true).add(Array.from({ length: 1_000 }, (_, index) => note(String(index))));
    await notes?.close(1);
    expect([steps, results]).to.deep.equal([['spans'], { failed: 1_000 }]);
  });

  it('are counted as failed when nobody answers, and at the end', async () => {
    url = 'http://127.0.0.1:9';
    const lost = start(true);
    lost.add([note('a')]);
    await until(() => results.failed === 1);
    lost.add([note('b'), note('c')]);
    await lost.close(5);
    expect(results).to.deep.equal({ failed: 3 });
  });

  it('beyond those that may wait are dropped and counted', async () => {
    start(true).add(Array.from({ length: 5_003 }, (_, index) => note(String(index))));
    expect(results.dropped).to.equal(3);
    await notes?.close(PATIENCE_MS);
    expect(results.posted).to.equal(5_000);
    expect(bodies).to.have.length(25);
  });
});
