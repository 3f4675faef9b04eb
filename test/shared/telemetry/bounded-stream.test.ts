// A log that cannot be written costs lines, which are counted, and nothing else.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import { createLogger } from '#shared/telemetry/logger.ts';

type Taken = (error?: Error | null) => void;
interface Line {
  event: string;
  lines?: number;
}

/** A stream whose every write is answered by the test. */
function heldStream(): { stream: Writable; lines: Line[]; taken: Taken[] } {
  const lines: Line[] = [];
  const taken: Taken[] = [];
  const stream = new Writable({
    autoDestroy: false,
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)) as Line);
      taken.push(done);
    },
  });
  return { stream, lines, taken };
}

describe('a log whose stream fails or is not read', () => {
  it('leaves out what a stream that is not read has no room for, and tells how much', async () => {
    const { stream, lines, taken } = heldStream();
    let dropped = 0;
    const log = createLogger({
      service: 'x',
      level: 'info',
      pretty: false,
      stream,
      onDropped: (count) => (dropped += count),
    });
    const text = 'x'.repeat(4000);
    for (let index = 0; index < 5_000; index++) log.info(`line ${index}`, { text });
    expect(stream.writableLength).to.be.within(8 * 1024 * 1024, 8 * 1024 * 1024 + 5_000);
    expect(dropped).to.be.within(2_500, 3_500);
    while (taken.length > 0) {
      taken.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const notices = lines.filter(({ event }) => event === 'log.dropped');
    expect(notices.map((notice) => notice.lines)).to.deep.equal([dropped]);
    expect(lines.length - notices.length).to.equal(5_000 - dropped);
  });

  it('survives a stream that refuses lines, and tells how many once it takes them', async () => {
    const lines: Line[] = [];
    let isFull = true;
    const stream = new Writable({
      autoDestroy: false,
      write(chunk, _encoding, done) {
        if (isFull) return done(new Error('ENOSPC'));
        lines.push(JSON.parse(String(chunk)) as Line);
        done();
      },
      // As stdout, which is never closed.
      destroy(_error, done) {
        done(null);
      },
    });
    const log = createLogger({ service: 'x', level: 'info', pretty: false, stream });
    log.info('lost');
    log.child({ more: 1 }).info('lost too');
    await new Promise((resolve) => setImmediate(resolve));
    isFull = false;
    const errored = (stream as unknown as { _undestroy(): void })._undestroy.bind(stream);
    errored();
    log.info('kept');
    await new Promise((resolve) => setImmediate(resolve));
    expect(lines.map(({ event, lines: lost }) => [event, lost])).to.deep.equal([
      ['kept', undefined],
      ['log.dropped', 2],
    ]);
  });

  const program = `
    import { createLogger } from '#shared/telemetry/logger.ts';
    const log = createLogger({ service: 'x', level: 'info', pretty: false });
    let left = 50;
    const timer = setInterval(() => {
      log.info('tick', { text: 'x'.repeat(1000) });
      if (--left === 0) { clearInterval(timer); process.stderr.write('alive'); }
    }, 2);`;

  async function ending(stdout: 'pipe' | number): Promise<string> {
    const child = spawn(process.execPath, ['--conditions=source', '--input-type=module', '--eval', program], {
      cwd: join(import.meta.dirname, '../../..'),
      stdio: ['ignore', stdout, 'pipe'],
    });
    child.stdout?.destroy();
    let said = '';
    child.stderr?.on('data', (part: Buffer) => (said += String(part)));
    const [code] = (await once(child, 'close')) as [number];
    return `${code} ${said}`;
  }

  it('keeps the process alive when nobody reads its output any more (EPIPE)', async () => {
    expect(await ending('pipe')).to.equal('0 alive');
  });

  it('keeps the process alive when the disk is full (ENOSPC)', async function () {
    if (!existsSync('/dev/full')) this.skip();
    expect(await ending(openSync('/dev/full', 'w'))).to.equal('0 alive');
  });
});
