// What a thread owes when it throws, dies or says nothing, and that the next question finds another.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { expect } from 'chai';
import { ownBytes } from '#shared/threads/answer-questions.ts';
import { type AskThread, createAskThread, ThreadLostError } from '#shared/threads/ask-thread.ts';
import { until } from '../../support/gateway.ts';
import { holdTimers } from '../../support/held-timers.ts';
import type { OddAnswer, OddQuestion } from '../../support/odd-thread.ts';
import { ROOT } from '../../support/read-imports.ts';

const TIMEOUT_MS = 10_000;
/** Behind which nobody steps. */
const LEAST_PRIORITY = 19;

describe('a thread that is asked', () => {
  let thread: AskThread<OddQuestion, OddAnswer>;
  beforeEach(() => {
    const url = new URL('../../support/odd-thread.ts', import.meta.url).href;
    thread = createAskThread({ url, workerData: 'thread says', timeoutMs: TIMEOUT_MS });
  });
  afterEach(() => thread.close());
  const failure = (question: OddQuestion): Promise<unknown> => thread.ask(question).catch((error: unknown) => error);

  it('answers many questions at once, each its own', async () => {
    const said = await Promise.all(['a', 'b', 'c'].map((say) => thread.ask({ say })));
    expect(said).to.deep.equal(['thread says a', 'thread says b', 'thread says c']);
  });

  it('takes buffers over and gives others back, and leaves the ones they were copied from', async () => {
    const kept = Buffer.from('abc');
    const given = ownBytes(kept);
    const back = await thread.ask({ bytes: given }, [given.buffer]);
    expect(Buffer.from(back as Uint8Array).toString()).to.equal('cba');
    expect([given.length, kept.toString()]).to.deep.equal([0, 'abc']);
  });

  it('steps back behind the main thread, where threads have priorities', async function () {
    if (process.platform !== 'linux') this.skip();
    const own = getPriority();
    await thread.ask({ say: 'started' });
    // Fields behind the name: the nice value is the seventeenth.
    const nice = readdirSync('/proc/self/task').map((id) =>
      Number(
        readFileSync(`/proc/self/task/${id}/stat`, 'latin1')
          .replace(/^.*\) /s, '')
          .split(' ')[16],
      ),
    );
    expect(nice.filter((value) => value > own)).to.have.length.above(0);
    expect(getPriority()).to.equal(own);
  });

  it('steps back from where a process was put that is behind others already', function () {
    if (process.platform !== 'linux') this.skip();
    const program = `
      import { readdirSync, readFileSync } from 'node:fs';
      import { createAskThread } from '#shared/threads/ask-thread.ts';
      const url = import.meta.resolve('./test/support/odd-thread.ts');
      const thread = createAskThread({ url, workerData: '', timeoutMs: 10_000 });
      await thread.ask({ say: 'started' });
      const stats = readdirSync('/proc/self/task').map((id) => readFileSync('/proc/self/task/' + id + '/stat', 'latin1'));
      console.log(JSON.stringify([...new Set(stats.map((stat) => Number(stat.split(') ').at(-1).split(' ')[16])))].sort((a, b) => a - b)));
      thread.close();`;
    const args = ['-n', '5', process.execPath, '--conditions=source', '--eval', program];
    const { stdout, stderr } = spawnSync('nice', args, { cwd: ROOT, encoding: 'utf8' });
    expect(stdout.trim(), stderr).to.equal(
      JSON.stringify([5, 15].map((nice) => Math.min(LEAST_PRIORITY, nice + getPriority()))),
    );
  });

  it('answers all the same where a sandbox does not let it step back', () => {
    const forbid = `
      import os from 'node:os';
      import { syncBuiltinESMExports } from 'node:module';
      os.setPriority = () => { throw new Error('EPERM'); };
      syncBuiltinESMExports();`;
    const program = `
      import { createAskThread } from '#shared/threads/ask-thread.ts';
      const url = import.meta.resolve('./test/support/odd-thread.ts');
      const thread = createAskThread({ url, workerData: '', timeoutMs: 10_000 });
      console.log(await thread.ask({ say: 'started' }));
      thread.close();`;
    const preload = `data:text/javascript,${encodeURIComponent(forbid)}`;
    const args = ['--conditions=source', '--import', preload, '--eval', program];
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
    expect(stdout.trim(), stderr).to.equal('started');
  });

  it('tells by name what was thrown in the thread, which lives on', async () => {
    expect(await failure('throw')).to.include({ name: 'RangeError', message: 'too odd' });
    expect(await thread.ask({ say: 'still here' })).to.equal('thread says still here');
  });

  it('rejects what a dead thread owes, and starts another for the next question', async () => {
    const [died, waited] = await Promise.all([failure('exit'), failure('hang')]);
    expect([died, waited].every((error) => error instanceof ThreadLostError)).to.equal(true);
    expect(await thread.ask({ say: 'again' })).to.equal('thread says again');
  });

  it('ends a thread that says nothing for too long', async () => {
    const timers = holdTimers();
    try {
      const silent = failure('hang');
      timers.pass(TIMEOUT_MS);
      expect(await silent).to.be.instanceOf(ThreadLostError);
    } finally {
      timers.release();
    }
    expect(await thread.ask({ say: 'again' })).to.equal('thread says again');
  });

  it('rejects what a silent thread owes when it touches shared memory no more', async () => {
    const shared = new Int32Array(new SharedArrayBuffer(4));
    const timers = holdTimers();
    try {
      const silent = failure({ countIn: shared });
      await until(() => Atomics.load(shared, 0) > 0);
      timers.pass(TIMEOUT_MS);
      expect(await silent).to.be.instanceOf(ThreadLostError);
    } finally {
      timers.release();
    }
    const counted = Atomics.load(shared, 0);
    await thread.ask({ say: 'again' });
    expect(Atomics.load(shared, 0)).to.equal(counted);
  });

  it('rejects a question that cannot cross, and waits for no answer to it', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const given = ownBytes(Buffer.from('abc'));
    await thread.ask({ bytes: given }, [given.buffer]);
    const before = timers();
    const unsent = await thread.ask({ bytes: given }, [given.buffer]).catch((error: unknown) => error);
    expect(unsent).to.have.property('name', 'DataCloneError');
    expect(timers()).to.equal(before);
  });

  it('rejects what is owed when it is closed, and every question after', async () => {
    const owed = failure('hang');
    await thread.close();
    expect(await owed).to.be.instanceOf(ThreadLostError);
    expect(await failure({ say: 'late' })).to.be.instanceOf(ThreadLostError);
  });
});
