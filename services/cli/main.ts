#!/usr/bin/env node
// The command line. A mistake in the configuration ends with its sentence and exit code 2, without a stack.
import { ConfigError } from '#shared/errors.ts';
import { createProgram } from './program.ts';

try {
  await createProgram().parseAsync();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`cc-proxy: ${error.message}\n`);
  process.exitCode = 2;
}
