// `cc-proxy run <command> [args]`: a client with the variables it needs to talk to the running gateway. What the user
// set stays as it is; the command's exit code and signals are this one's.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { type Config, processEnvironment } from '#shared/config/load.ts';
import { ConfigError } from '#shared/errors.ts';
import { askMode, gatewayUrl, listModels } from '../ask-gateway.ts';
import {
  answeringModel,
  type ClientVariable,
  chosenModel,
  clientVariables,
  type ListedModel,
} from '../client-variables.ts';
import { findAdminToken } from '../parts.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws ConfigError when no gateway answers, or the command cannot be started */
export async function runClient(command: string, args: readonly string[], config: Config): Promise<void> {
  const { env } = processEnvironment();
  const own = gatewayUrl(config);
  const baseUrl = (env.ANTHROPIC_BASE_URL || own).replace(/\/+$/, '');
  const models = await listModels(baseUrl);
  if (models === null) throw notThere(baseUrl, own);
  const token = baseUrl === own ? (findAdminToken(config)?.token ?? null) : null;
  const mode = (await askMode(baseUrl, token)) ?? config.default_mode;
  const model = answeringModel(models, chosenModel(args, env), mode === 'target');
  const added = clientVariables(baseUrl, model).filter(({ name }) => !env[name]);
  print(added, model, env);
  await passOn(command, args, { ...env, ...Object.fromEntries(added.map(({ name, value }) => [name, value])) });
}

function notThere(baseUrl: string, own: string): ConfigError {
  return new ConfigError(
    baseUrl === own
      ? `no gateway answers at ${baseUrl}: start it in another terminal with "cc-proxy start", then run this again`
      : `no gateway answers at ${baseUrl}, which ANTHROPIC_BASE_URL names: start one there, or unset it for ${own}`,
  );
}

/** On stderr: the command's own output may be read by a program. */
function print(added: readonly ClientVariable[], model: ListedModel | undefined, env: Environment): void {
  const lines = added.map(({ name, value }) => `${name}=${value}`);
  if (model && !added.some(({ name }) => name === WINDOW) && !env[WINDOW]) {
    lines.push(
      `the context window of ${model.id} is not known: set context_window of its [models] entry, or ${WINDOW}`,
    );
  }
  for (const line of lines) process.stderr.write(`cc-proxy: ${line}\n`);
}

const WINDOW = 'CLAUDE_CODE_MAX_CONTEXT_TOKENS';
/** A terminal sends the first two to the command as well; it decides what they mean. */
const HELD: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];
const PASSED: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];

function passOn(command: string, args: readonly string[], env: Environment): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...env }, stdio: 'inherit' });
    const listeners = [...HELD, ...PASSED].map((signal) => {
      const listener = (): void => {
        const isFromTerminal = HELD.includes(signal) && process.stdin.isTTY;
        if (!isFromTerminal) child.kill(signal);
      };
      process.on(signal, listener);
      return [signal, listener] as const;
    });
    const release = (): void => {
      for (const [signal, listener] of listeners) process.removeListener(signal, listener);
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      release();
      const why = error.code === 'ENOENT' ? 'there is no such command' : error.message;
      reject(new ConfigError(`run ${command}: ${why}`, error));
    });
    child.once('exit', (code, signal) => {
      release();
      process.exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
      if (signal !== null) process.kill(process.pid, signal);
      resolve();
    });
  });
}
