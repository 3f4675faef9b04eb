// A receiver that takes connections and says nothing: whoever exports to it ends all the same.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { startOtlpSink } from '../../support/otlp-sink.ts';

const CHILD = fileURLToPath(new URL('../../support/silent-receiver.ts', import.meta.url));

describe('a receiver without an answer', function () {
  this.timeout(30_000);

  it('keeps no process that stopped tracing, however long an export might still take', async () => {
    const sink = await startOtlpSink();
    await sink.mode('hang');
    const child = spawn(process.execPath, ['--conditions=source', CHILD, sink.url], { stdio: 'ignore' });
    try {
      await sink.waitForRequests(1, 20_000);
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await ended).to.deep.equal([0, null]);
    } finally {
      child.kill('SIGKILL');
      await sink.close();
    }
  });
});
