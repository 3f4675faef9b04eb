// Tries the properties of test/support/properties on a million inputs: npm run fuzz -- [--cases n] [--seed n] [--jobs n]
// [--only words]. Run it after changing a provider, a reader or the writer. What fails is printed with the seed that
// finds it again; the tests run a few thousand cases of the same properties each time.
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { shareCases } from '../test/support/properties/fuzz-property.ts';
import { allProperties } from '../test/support/properties/index.ts';

const OPTIONS = {
  cases: { type: 'string', default: '1000000' },
  seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  jobs: { type: 'string', default: String(availableParallelism()) },
  only: { type: 'string', default: '' },
} as const;

const { values } = parseArgs({ options: OPTIONS });
const [cases, seed, jobs] = [values.cases, values.seed, values.jobs].map(Number);

if (![cases, seed, jobs].every((value) => Number.isSafeInteger(value) && (value ?? 0) > 0)) {
  console.error('fuzz: --cases, --seed and --jobs are whole numbers above 0');
  process.exitCode = 2;
} else if (jobs === 1) await run(cases ?? 0, seed ?? 0);
else await share(cases ?? 0, seed ?? 0, jobs ?? 0);

/** Each job has a seed of its own. */
async function share(total: number, first: number, count: number): Promise<void> {
  console.log(`fuzz: ${total} cases in ${count} jobs from seed ${first}`);
  const codes = await Promise.all(
    Array.from({ length: count }, (_, job) => start(Math.ceil(total / count), first + job)),
  );
  if (codes.some((code) => code !== 0)) process.exitCode = 1;
}

function start(part: number, own: number): Promise<number> {
  const args = ['--cases', String(part), '--seed', String(own), '--jobs', '1', '--only', values.only];
  return new Promise((resolve) => {
    fork(import.meta.filename, args, { execArgv: ['--conditions=source'] }).on('exit', (code) => resolve(code ?? 1));
  });
}

async function run(total: number, own: number): Promise<void> {
  const properties = allProperties().filter(({ name }) => name.includes(values.only));
  for (const [property, count] of shareCases(properties, total)) {
    const startedAt = performance.now();
    const result = await property.run(count, own);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(
      `${result.hasFailed ? 'FAILED' : 'holds '} ${result.cases} cases, ${seconds} s, seed ${own}: ${property.name}`,
    );
    if (!result.hasFailed) continue;
    console.log(result.report);
    process.exitCode = 1;
  }
}
