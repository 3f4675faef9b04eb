#!/usr/bin/env node
// The command line. A mistake in the configuration ends with its sentence and exit code 2, without a stack.
import { ConfigError } from '#shared/errors.ts';
import { createProgram, keepArguments } from './program.ts';

try {
  await createProgram().parseAsync(keepArguments(process.argv.slice(2)), { from: 'user' });
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`cc-proxy: ${error.message}\n`);
  // Parts that were started before the mistake was met would keep the process alive.
  process.exit(2);
}
