// Wire dumps: what lies in the folder after a request, what never does, and that nobody waits for it or fails by it.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Dump } from '#services/gateway/dumps/dump.ts';
import { createDumpWriter } from '#services/gateway/dumps/write-dump.ts';
import { uuidv7 } from '#shared/ids.ts';
import { type EveryRoute, startEveryRoute } from '../../support/every-route.ts';
import { header } from '../../support/raw-client.ts';

const SECRET = 'sk-ant-api03-Zm9vYmFyYmF6cXV4';
const CLIENT_KEY = 'sk-ant-api03-the-clients-own-key';
const SAID = 'a dump may hold this';

function filesOf(folder: string, dump: string): Record<string, string> {
  const names = readdirSync(join(folder, dump)).sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, dump, name), 'utf8')]));
}

describe('wire dumps', () => {
  let folder: string;
  let bed: EveryRoute | undefined;
  const start = async (settings: Record<string, unknown>): Promise<EveryRoute> => {
    bed = await startEveryRoute(settings);
    return bed;
  };
  const results = (of: EveryRoute, result: string): Promise<number> =>
    of.gateway.metric('ccproxy_wire_dumps_total', { result });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-dumps-'));
  });
  afterEach(async () => {
    await bed?.stop();
    bed = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  it('S3-30 one folder a request has its stages in order, redacted, on native and converted routes', async () => {
    const dumps = join(folder, 'dumps');
    const own = await start({ 'capture.dump_dir': dumps });
    const scene = { content: [{ type: 'text' as const, text: `${SAID}, and not ${SECRET}` }] };
    const body = { messages: [{ role: 'user', content: `${SAID}, and not ${SECRET}` }] };
    for (const route of ['native', 'openai', 'gemini', 'ollama', 'responses']) {
      for (const stream of [true, false]) {
        const headers = ['x-api-key', CLIENT_KEY, 'cookie', `session=${SECRET}`, 'x-note', `my key is ${SECRET}`];
        const before = (await results(own, 'written')) + 1;
        const answer = await own.ask(route, { scene, body, stream, headers });
        expect(answer.body.toString(), 'the client gets all').to.include(SECRET.slice(-6));
        expect(JSON.stringify(own.sent()), 'the upstream gets all').to.include(SECRET);
        await own.gateway.until(async () => (await results(own, 'written')) === before);

        const id = header(answer, 'x-ccproxy-request-id') ?? '';
        const found = readdirSync(dumps).filter((name) => name.endsWith(id));
        expect(found).to.have.length(1);
        expect(readdirSync(dumps).filter((name) => name.startsWith('.'))).to.deep.equal([]);
        const files = filesOf(dumps, found[0] ?? '');
        expect(Object.keys(files)).to.deep.equal([
          '1-client-request.txt',
          '2-upstream-request.txt',
          '3-upstream-answer.txt',
          '4-client-answer.txt',
        ]);
        expect(files['1-client-request.txt']).to.match(/^POST \/v1\/messages\?/);
        expect(files['2-upstream-request.txt']).to.include(`POST ${own.upstream.url}`);
        expect(files['3-upstream-answer.txt']).to.match(/^HTTP 200\n/);
        expect(files['4-client-answer.txt'])
          .to.match(/^HTTP 200\n/)
          .and.include(`x-ccproxy-request-id: ${id}`);
        for (const [name, text] of Object.entries(files)) {
          expect(text, `${route} ${name}`).to.not.include(SECRET.slice(-8));
          expect(text, `${route} ${name}`).to.not.include(`key-of-${route}`);
          expect(text, `${route} ${name}`).to.not.include(CLIENT_KEY);
          expect(text, `${route} ${name}`).to.match(/\[\[secret:[0-9a-f]{8}\]\]/);
        }
        expect(files['1-client-request.txt']).to.include('x-api-key: [redacted]').and.to.include(SAID);
      }
    }
    const [first = ''] = readdirSync(dumps);
    expect(statSync(join(dumps, first)).mode & 0o777).to.equal(0o700);
    expect(statSync(join(dumps, first, '1-client-request.txt')).mode & 0o777).to.equal(0o600);
  });

  it('shows what the client got to the byte, without the framing it came in', async () => {
    const own = await start({ 'capture.dump_dir': folder });
    const scene = { content: [{ type: 'text' as const, text: 'one word after the other' }], deltaChars: 4 };
    const delayed = { ...scene, delays: { betweenMs: 2 } };
    const bodies: string[] = [];
    for (const route of ['native', 'openai']) {
      bodies.push((await own.ask(route, { scene: delayed })).body.toString());
      await own.gateway.until(async () => (await results(own, 'written')) === bodies.length);
    }
    const shown = readdirSync(folder).map((dump) => filesOf(folder, dump)['4-client-answer.txt'] ?? '');
    expect(shown.map((text) => text.slice(text.indexOf('\n\n') + 2).trimEnd())).to.have.members(
      bodies.map((body) => body.trimEnd()),
    );
  });

  it('hides a secret of an answer that comes in many chunks, each with a few letters of it', async () => {
    const own = await start({ 'capture.dump_dir': folder });
    const content = [{ type: 'text' as const, text: `${SAID}, and not ${SECRET}` }];
    const answer = await own.ask('native', { scene: { content, deltaChars: 4, delays: { betweenMs: 2 } } });
    const told = (text: string): string => [...text.matchAll(/"text":"([^"]*)"/g)].map(([, part]) => part).join('');
    expect(told(answer.body.toString())).to.include(SECRET);
    await own.gateway.until(async () => (await results(own, 'written')) === 1);
    const shown = told(filesOf(folder, readdirSync(folder)[0] ?? '')['4-client-answer.txt'] ?? '');
    expect(shown).to.include(SAID).and.not.include(SECRET.slice(-8));
  });

  it('shows every upstream call of a request, refused ones too, and errors as the client saw them', async () => {
    const own = await start({ 'capture.dump_dir': folder });
    await own.ask('openai', { scene: 'chat-refuses-max-tokens' });
    await own.gateway.until(async () => (await results(own, 'written')) === 1);
    const learned = Object.keys(filesOf(folder, readdirSync(folder)[0] ?? '')).map((name) => name.slice(2, -4));
    expect(learned.slice(0, 3)).to.deep.equal(['client-request', 'upstream-request', 'upstream-answer']);
    expect(learned.at(-1)).to.equal('client-answer');

    const refused = await own.ask('native', { scene: 'error-529' });
    await own.gateway.until(async () => (await results(own, 'written')) === 2);
    const [, second = ''] = readdirSync(folder);
    expect(filesOf(folder, second)['4-client-answer.txt']).to.include(refused.body.toString());
  });

  it('hold no key of the gateway or its client, whatever it looks like, also where an upstream repeats it', async () => {
    const own = await start({ 'capture.dump_dir': folder, 'providers.native.auth_header': 'x-door' });
    const repeated = JSON.stringify({
      type: 'error',
      error: { type: 'api_error', message: 'no: key-of-native, my-own-door-key' },
    });
    await own.ask('native', { scene: { status: 400, body: repeated }, headers: ['x-api-key', 'my-own-door-key'] });
    await own.gateway.until(async () => (await results(own, 'written')) === 1);
    const files = filesOf(folder, readdirSync(folder)[0] ?? '');
    expect(files['2-upstream-request.txt']).to.include('x-door: [redacted]');
    expect(files['3-upstream-answer.txt']).to.include('no: ');
    for (const [name, text] of Object.entries(files)) expect(text, name).to.not.match(/key-of-native|my-own-door-key/);
  });

  it('are written for no one who has not asked for them', async () => {
    const own = await start({});
    await own.ask('native');
    await own.gateway.until(async () => (await own.gateway.metric('ccproxy_gateway_requests_total')) >= 1);
    expect(readdirSync(own.gateway.folder).filter((name) => name.includes('dump'))).to.deep.equal([]);
    expect(await own.gateway.metric('ccproxy_wire_dumps_total')).to.equal(0);
  });

  it('that cannot be written are counted, and change no answer', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, 'no folder');
    const own = await start({ 'capture.dump_dir': join(file, 'below') });
    const scene = { content: [{ type: 'text' as const, text: 'unharmed' }] };
    for (let count = 1; count <= 3; count++) {
      const answer = await own.ask('native', { scene });
      expect([answer.status, answer.end]).to.deep.equal([200, 'complete']);
      await own.gateway.until(async () => (await results(own, 'failed')) === count);
    }
    const lost = own.gateway.lines.filter(({ event }) => event === 'dump.lost');
    expect(lost).to.have.length(3);
    expect(readFileSync(file, 'utf8')).to.equal('no folder');
  });

  it('that wait at a stop are written', async () => {
    const own = await start({ 'capture.dump_dir': folder });
    await Promise.all([1, 2, 3].map(() => own.ask('native')));
    await own.stop();
    bed = undefined;
    expect(readdirSync(folder)).to.have.length(3);
  });

  describe('on the disk', () => {
    const START = Date.UTC(2026, 0, 2, 3, 4, 5);
    const HOUR = 3_600_000;
    const dumpAt = (startedAtMs: number, bytes = 1000): Dump => ({
      requestId: uuidv7(startedAtMs),
      startedAtMs,
      stages: [
        {
          name: 'client-request',
          startLine: 'POST /',
          headers: [],
          body: new Uint8Array(bytes).fill(0x61),
          leftOut: 0,
        },
      ],
      secretHeaders: [],
      keys: [],
    });
    const writer = (maxBytes: number, maxAgeMs = HOUR) =>
      createDumpWriter({ folder, maxBytes, maxAgeMs, redaction: {} });

    it('are as many of the newest as there is room for', async () => {
      const write = writer(3500);
      for (let minute = 0; minute < 6; minute++) await write(dumpAt(START + minute * 60_000));
      expect(readdirSync(folder).map((name) => name.slice(0, 16))).to.deep.equal([
        '2026-01-02T03-07',
        '2026-01-02T03-08',
        '2026-01-02T03-09',
      ]);
    });

    it('go when their time is over', async () => {
      const write = writer(1e9);
      await write(dumpAt(START));
      await write(dumpAt(START + HOUR / 2));
      await write(dumpAt(START + HOUR + 1));
      expect(readdirSync(folder)).to.have.length(2);
    });

    it('are never anything that somebody else put there', async () => {
      writeFileSync(join(folder, 'notes.txt'), 'mine');
      mkdirSync(join(folder, '2020-01-01-pictures'));
      const write = writer(1);
      await write(dumpAt(START));
      expect(readdirSync(folder).sort()).to.deep.equal(['2020-01-01-pictures', 'notes.txt']);
    });

    it('say how much of a stage was left out, and leave no half behind when the disk says no', async () => {
      const dump = dumpAt(START);
      await writer(1e9)({ ...dump, stages: dump.stages.map((stage) => ({ ...stage, leftOut: 77 })) });
      const [name = ''] = readdirSync(folder);
      expect(filesOf(folder, name)['1-client-request.txt']).to.include('[77 more bytes were not kept]');
      const nameless = {
        ...dumpAt(START + 1),
        stages: dump.stages.map((stage) => ({ ...stage, name: 'no/such/folder' })),
      };
      const error = await writer(1e9)(nameless).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(error).to.be.instanceOf(Error);
      expect(readdirSync(folder)).to.deep.equal([name]);
      expect(existsSync(join(folder, name))).to.equal(true);
    });
  });
});
