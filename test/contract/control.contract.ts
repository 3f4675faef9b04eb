// What every control promises, as one suite that both adapters run.
import { expect } from 'chai';
import type { Control, Stats } from '#shared/control/control.ts';
import { PATIENCE_MS, startPatience } from '../support/patience.ts';

export interface ControlHarness {
  /** A control on what is kept; several of them share it, if the adapter allows it. */
  open(): Control;
  /** Forgets all that is kept. */
  clear(): Promise<void>;
  end(): Promise<void>;
}

export const ONE: Stats = {
  total_requests: 1,
  input_tokens: 10,
  output_tokens: 20,
  tool_calls: 2,
  cache_read_input_tokens: 30,
  cache_creation_input_tokens: 40,
};

const NONE: Stats = {
  total_requests: 0,
  input_tokens: 0,
  output_tokens: 0,
  tool_calls: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
};

export function describeControl(name: string, start: (context: Mocha.Context) => Promise<ControlHarness>): void {
  describe(`control over ${name}`, () => {
    let harness: ControlHarness | undefined;
    let opened: Control[] = [];

    const open = (): Control => {
      if (!harness) throw new Error('the harness was not started');
      const control = harness.open();
      opened.push(control);
      return control;
    };

    before(async function () {
      harness = await start(this);
    });
    afterEach(async () => {
      for (const control of opened) await control.close();
      opened = [];
      await harness?.clear();
    });
    after(() => harness?.end());

    it('has no value for a key that was never set', async () => {
      expect(await open().get('mode')).to.equal(null);
    });

    it('keeps values apart by key, and replaces them', async () => {
      const control = open();
      await control.set('mode', '{"mode":"compare"}');
      await control.set('tracing', '"on ü€"');
      await control.set('mode', '{"mode":"target"}');
      expect(await control.get('mode')).to.equal('{"mode":"target"}');
      expect(await control.get('tracing')).to.equal('"on ü€"');
    });

    it('keeps a value where none is kept, and leaves the one that is', async () => {
      const control = open();
      await control.setIfAbsent('mode', '"first"');
      await control.setIfAbsent('mode', '"second"');
      expect(await control.get('mode')).to.equal('"first"');
    });

    it('keeps values and statistics for the next start', async () => {
      const first = open();
      await first.set('mode', '"kept"');
      await first.addStats(ONE);
      const { since } = await first.readStats();
      await first.close();
      const second = open();
      expect(await second.get('mode')).to.equal('"kept"');
      await second.addStats(ONE);
      expect(await second.readStats()).to.deep.include({ total_requests: 2, tool_calls: 4, since });
    });

    it('calls back after each set until the watch is stopped', async () => {
      const control = open();
      let calls = 0;
      const stop = control.watch(() => {
        calls += 1;
      });
      await control.set('mode', '"a"');
      await until(() => calls > 0);
      const before = calls;
      await control.set('mode', '"c"');
      await until(() => calls > before);
      stop();
      const final = calls;
      const other = new Promise<void>((resolve) => control.watch(resolve));
      await control.set('mode', '"b"');
      await other;
      expect(calls).to.equal(final);
    });

    it('starts counting at zero and says since when', async () => {
      const { since, ...stats } = await open().readStats();
      expect(stats).to.deep.equal(NONE);
      expect(new Date(since).toISOString()).to.equal(since);
    });

    it('adds up what many add at once', async () => {
      const control = open();
      await Promise.all(Array.from({ length: 20 }, () => control.addStats(ONE)));
      const { since: _, ...stats } = await control.readStats();
      expect(stats).to.deep.equal({
        total_requests: 20,
        input_tokens: 200,
        output_tokens: 400,
        tool_calls: 40,
        cache_read_input_tokens: 600,
        cache_creation_input_tokens: 800,
      });
    });

    it('may be closed twice', async () => {
      const control = open();
      control.watch(() => {});
      await control.close();
      await control.close();
    });
  });
}

const LOOK_MS = 5;

/** Waits for a condition, with a bound. */
export async function until(condition: () => boolean | Promise<boolean>, limitMs = PATIENCE_MS): Promise<void> {
  const patience = startPatience(limitMs, LOOK_MS);
  while (!(await condition())) {
    if (patience.isOver()) throw new Error(`not met within ${limitMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
