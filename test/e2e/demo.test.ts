// The demo as a user starts it, in a process of its own.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatReport, isAccountedFor } from '../../scripts/demo-report.ts';
import { ROOT } from '../support/read-imports.ts';

interface Demo {
  output(): string;
  until(pattern: RegExp): Promise<RegExpMatchArray>;
  signal(name: NodeJS.Signals): void;
  ended: Promise<number | null>;
}

function startDemo(...args: string[]): Demo {
  const child = spawn(join(ROOT, 'scripts/demo'), args, { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let onOutput = (): void => {};
  const take = (chunk: Buffer): void => {
    output += chunk.toString('utf8');
    onOutput();
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return {
    output: () => output,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = output.match(pattern);
          if (match) resolve(match);
        };
        onOutput = look;
        look();
        ended.then(() => reject(new Error(`the demo ended before it printed ${pattern}:\n${output}`)));
      }),
    signal: (name) => child.kill(name),
    ended,
  };
}

describe('the demo', function () {
  this.timeout(60_000);

  it('replays every recording, accounts for every exchange and leaves with 0', async () => {
    const demo = startDemo('--once');
    expect(await demo.ended, demo.output()).to.equal(0);
    const output = demo.output();
    expect(output).to.match(/^cc-tool-bash +main +Bash +Bash +same_tool +×/m);
    expect(output)
      .to.match(/^50 exchanges: \d+ compared, /m)
      .and.include('skipped: primary_error');
    expect(output).not.to.match(/not accounted for/i);
  });

  it('stays up with the pairs at the address it prints, until it is interrupted', async () => {
    const demo = startDemo();
    const [, url = ''] = await demo.until(/(http:\S+\/api\/pairs) [\s\S]*Ctrl-C/);
    const { data } = (await (await fetch(url)).json()) as { data: unknown[] };
    expect(data).to.have.length.above(20);
    demo.signal('SIGINT');
    expect(await demo.ended).to.equal(0);
  });

  it('does not take an exchange without its pair for accounted', () => {
    const exchange = { recording: 'a', id: '1', class: 'main', shadow: ['x'], skipReason: null, pairs: [] };
    expect(isAccountedFor(exchange)).to.equal(false);
    expect(isAccountedFor({ ...exchange, shadow: [] })).to.equal(false);
    expect(isAccountedFor({ ...exchange, shadow: [], skipReason: 'retry' })).to.equal(true);
    expect(formatReport([exchange])).to.include('1 exchanges: 1 NOT ACCOUNTED FOR');
  });
});
