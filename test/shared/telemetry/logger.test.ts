// Log lines: one an event, readable by machines or people, and never a credential in them.
import { spawnSync } from 'node:child_process';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import fc from 'fast-check';
import { createLogger, type LoggerOptions, type ServiceLogger } from '#shared/telemetry/logger.ts';
import { cpuMs } from '../../support/patience.ts';

function capture(more: Partial<LoggerOptions> = {}): { log: ServiceLogger; text(): string; lines(): unknown[] } {
  const chunks: string[] = [];
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      chunks.push(String(chunk));
      done();
    },
  });
  const text = (): string => chunks.join('');
  return {
    log: createLogger({ service: 'cc-gateway', level: 'debug', pretty: false, stream, ...more }),
    text,
    lines: () =>
      text()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
  };
}

const SECRETS = [
  'sk-ant-api03-AAAAbbbbCCCCdddd_eeee-ffff',
  'sk-proj-abcdefghijklmnop',
  'AKIAIOSFODNN7EXAMPLE',
  'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
  'github_pat_11ABCDEFG0abcdefghijkl',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl',
  'someone.private@example.com',
  'AIzaSyA1234567890abcdefghijklmnopqrstuv',
];

describe('logger', () => {
  it('writes one JSON line an event with time, level, event, service and fields', () => {
    const { log, lines } = capture({ bindings: { mode: 'target' } });
    log.info('call.finished', { status: 200, text: 'two\nlines' });
    const [line] = lines() as Array<Record<string, unknown>>;
    expect(line).to.include({
      level: 'info',
      event: 'call.finished',
      service: 'cc-gateway',
      mode: 'target',
      status: 200,
      text: 'two\nlines',
    });
    expect(new Date(String(line?.time)).toISOString()).to.equal(line?.time);
    expect(lines()).to.have.length(1);
  });

  it('leaves out what is below its level', () => {
    const { log, lines } = capture({ level: 'warn' });
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    expect(lines().map((line) => (line as { event: string }).event)).to.deep.equal(['c', 'd']);
  });

  it('adds the bindings of a child to each of its lines and none to its parent', () => {
    const { log, lines } = capture();
    const child = log.child({ request_id: 'r1' }).child({ leg: 'primary' });
    child.info('a');
    log.info('b');
    expect(lines()[0]).to.include({ request_id: 'r1', leg: 'primary', service: 'cc-gateway' });
    expect(lines()[1]).to.not.have.property('request_id');
  });

  it('keeps its own fields when an event brings the same names', () => {
    const { log, lines } = capture();
    log.info('a', { level: 'fake', time: 0, event: 'fake' });
    expect(lines()[0]).to.include({ level: 'info', event: 'a', level_: 'fake', event_: 'fake', time_: 0 });
  });

  it('has a short form for people, one line an event', () => {
    const { log, text } = capture({ pretty: true });
    log.warn('bus.lost', { reason: 'no route\nforged line', port: 6379 });
    expect(text()).to.match(/^\d\d:\d\d:\d\d\.\d{3} warn {2}bus\.lost reason="no route\\nforged line" port=6379\n$/);
  });

  for (const pretty of [false, true]) {
    it(`prints no known shape of credential, wherever it stands (pretty: ${pretty})`, () => {
      for (const secret of SECRETS) {
        const { log, text } = capture({ pretty });
        log.child({ note: `bound ${secret}` }).error(`event ${secret}`, {
          text: `before ${secret}, after`,
          deep: { list: [{ [`key ${secret}`]: secret }] },
          error: new Error(`outer ${secret}`, { cause: new Error(`inner ${secret}`) }),
          map: new Map([['a', secret]]),
          long: `${'x'.repeat(4090)} ${secret}`,
        });
        expect(text(), secret).to.not.include(secret).and.not.include(secret.slice(0, 14));
        expect(text()).to.include('before').and.include('after');
      }
    });
  }

  it('prints no value of a field or header that is a credential by its name', () => {
    const { log, text } = capture();
    const value = 'plain-looking';
    log.info('a', {
      authorization: value,
      'X-Api-Key': value,
      'set-cookie': [value],
      headers: { Cookie: value, 'Proxy-Authorization': value },
      rawHeaders: ['X-API-Key', value, 'Accept', 'text/plain'],
      adminToken: value,
      dump: `POST /v1/messages\r\nauthorization: ${value}\r\nx-api-key: ${value}\r\naccept: text/plain`,
      url: `https://user:${value}@host.invalid/path?api_key=${value}&page=2`,
      bearer: `Bearer ${value}`,
    });
    expect(text()).to.not.include(value);
    expect(text()).to.include('text/plain').and.include('page=2').and.include('host.invalid/path');
  });

  it('keeps counts of tokens', () => {
    const { log, lines } = capture();
    log.info('a', { input_tokens: 5, max_tokens: 10, tokens: 3 });
    expect(lines()[0]).to.include({ input_tokens: 5, max_tokens: 10, tokens: 3 });
  });

  it('prints the size of bytes, not the bytes, and the start of long texts', () => {
    const { log, text } = capture();
    log.info('a', { body: Buffer.from('prompt text'), long: 'y'.repeat(1_000_000) });
    expect(text()).to.include('[11 bytes]').and.include('[1000000 characters]').and.not.include('prompt text');
    expect(text().length).to.be.below(6000);
  });

  it('survives what cannot be printed', () => {
    const { log, lines } = capture();
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const hostile = {
      get broken(): string {
        throw new Error('no');
      },
    };
    log.info('a', { circle, big: 10n, when: new Date(Number.NaN), f: () => 1 });
    log.info('b', hostile);
    expect(lines()).to.have.length(2);
    expect(lines()[0]).to.deep.include({ circle: { self: '[circular]' }, big: '10', when: null });
  });

  it('writes exactly one parsable line for any fields', () => {
    fc.assert(
      fc.property(fc.string(), fc.dictionary(fc.string(), fc.anything()), (event, fields) => {
        const { log, lines, text } = capture();
        log.info(event, fields);
        expect(lines()).to.have.length(1);
        expect(text().endsWith('\n')).to.equal(true);
      }),
      { numRuns: 200 },
    );
  });

  it('writes in one piece what is said at one moment, and before it anything that matters', async () => {
    const pieces: string[] = [];
    const stream = new Writable({
      write: (chunk, _encoding, done) => {
        pieces.push(String(chunk));
        done();
      },
    });
    const log = createLogger({ service: 's', level: 'info', pretty: false, stream, isBatched: true });
    const eventsOf = (piece: string | undefined): unknown[] =>
      (piece ?? '')
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { event: unknown }).event);
    log.info('a');
    log.info('b');
    expect(pieces).to.deep.equal([]);
    await new Promise((resolve) => setImmediate(resolve));
    log.info('c');
    log.warn('d');
    log.info('e');
    await new Promise((resolve) => setImmediate(resolve));
    expect(pieces.map(eventsOf)).to.deep.equal([['a', 'b'], ['c', 'd'], ['e']]);
  });

  it('writes what waits when the process exits', () => {
    const url = import.meta.resolve('#shared/telemetry/logger.ts');
    const code = `import { createLogger } from ${JSON.stringify(url)};
      createLogger({ service: 's', level: 'info', pretty: false, isBatched: true }).info('last words');
      process.exit(3);`;
    const child = spawnSync(process.execPath, ['--conditions=source', '--input-type=module', '-e', code]);
    expect(child.stdout.toString()).to.include('last words');
  });

  it('takes time in proportion to the text, whatever the text', () => {
    const { log } = capture();
    const logAll = (): void => {
      for (const piece of ['a.', 'a@', 'key=', '://', 'sk-', 'eyJ.', '-----BEGIN A ', 'Bearer ', 'x-api-key: ']) {
        log.info('a', { text: piece.repeat(100_000) });
      }
    };
    expect(cpuMs(logAll)).to.be.below(1000);
  });
});
