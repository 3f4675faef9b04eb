// The checks of scripts/verify-compose, in order; each ends as passed, failed or not run.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from './compose/docker.ts';
import { createReport } from './compose/report.ts';
import { createStack } from './compose/stack.ts';
import { verifyCollector } from './compose/verify-collector.ts';
import { verifyDrain } from './compose/verify-drain.ts';
import { verifyHardening } from './compose/verify-hardening.ts';
import { verifyHelmTest } from './compose/verify-helm-test.ts';
import { verifyImages } from './compose/verify-images.ts';
import { verifyPair } from './compose/verify-pair.ts';
import { verifyRollout } from './compose/verify-rollout.ts';

const root = join(import.meta.dirname, '..');
const { values: options } = parseArgs({ options: { 'no-build': { type: 'boolean' }, keep: { type: 'boolean' } } });
const report = createReport();

async function verify(): Promise<void> {
  const engine = run('docker', ['version', '--format', '{{.Server.Version}}']);
  const compose = run('docker', ['compose', 'version', '--short']);
  if (!engine.ok || !compose.ok) {
    report.notRun('images, compose, pair, drain, hardening', 'no Docker engine with compose answers here');
    return;
  }
  console.log(`engine ${engine.stdout.trim()}, compose ${compose.stdout.trim()}`);
  await verifyImages({ root, report, isBuilding: options['no-build'] !== true });
  const stack = await createStack(root);
  try {
    if (!stack.up(report)) return;
    await verifyPair(stack, report);
    await verifyCollector(stack, report);
    verifyHardening(stack, report);
    verifyHelmTest(stack, root, report);
    await verifyRollout(stack, report);
    await verifyDrain(stack, report);
  } finally {
    if (options.keep) console.log(`left running: docker compose -p ${stack.project} down -v`);
    else stack.down(report);
  }
}

await verify();
console.log(report.summary());
process.exitCode = report.isGood(process.env.CI === 'true') ? 0 : 1;
