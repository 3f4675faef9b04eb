// Every command on one screen.
import { Command } from 'commander';
import { type Config, loadConfig, processEnvironment } from '#shared/config/load.ts';
import { version } from './parts.ts';

interface CommonFlags {
  config?: string;
  targetUrl?: string;
  model?: string;
  allowAnthropicOnly?: boolean;
  debug?: boolean;
}

export function createProgram(): Command {
  const program = new Command('cc-proxy');
  program
    .description('A model gateway for coding agents: route, shadow, compare, observe.')
    .version(version())
    .option('--config <file>', 'config file (else CC_PROXY_CONFIG, ./cc-proxy.toml, ~/.config/cc-proxy/cc-proxy.toml)')
    .option('--target-url <url>', 'where requests of mode target go')
    .option('--model <name>', 'model forced for every request')
    .option('--allow-anthropic-only', 'allow the mode that sends everything to the passthrough upstream')
    .option('--debug', 'write every log line, as log.level = "debug" does');
  const load = (): Config => toConfig(program.opts<CommonFlags>());

  program
    .command('start', { isDefault: true })
    .description('gateway, comparator and console in one process')
    .action(async () => (await import('./commands/start.ts')).runStart(load()));
  program
    .command('gateway')
    .description('the gateway alone')
    .action(async () => (await import('./commands/gateway.ts')).runGateway(load()));
  program
    .command('comparator')
    .description('the comparator alone; needs Redis')
    .action(async () => (await import('./commands/comparator.ts')).runComparator(load()));
  program
    .command('console')
    .description('the console alone; needs Redis')
    .action(async () => (await import('./commands/console.ts')).runConsole(load()));
  program
    .command('simulator')
    .description('a model server that plays scenes')
    .action(async () => (await import('./commands/simulator.ts')).runSimulator(load()));
  program
    .command('mode')
    .argument('[name]', 'target, compare or anthropic-only; without it the mode is shown')
    .option('--reset', 'back to the configured default')
    .option('--url <url>', 'address of the gateway')
    .option('--token <token>', 'admin token; else the one of the configuration or of the state folder')
    .description('show or switch the mode of a running gateway')
    .action(async (name, options) => (await import('./commands/mode.ts')).runMode(name, options, load()));
  program
    .command('run')
    .argument('<command>', 'what to run, e.g. claude')
    .argument('[args...]', 'handed on as they are')
    .description('run a client with the variables it needs to talk to the running gateway')
    .action(async (command, args) => (await import('./commands/run.ts')).runClient(command, args, load()));
  program
    .command('transforms')
    .description('the steps that [pipelines] may be made of')
    .action(async () => (await import('./commands/transforms.ts')).runTransforms());
  program
    .command('config')
    .description('look at the settings')
    .command('check')
    .option('--strict', 'exit code 1 for warnings too')
    .description('every mistake in the settings, and what could be better; exit code 1 when there is a mistake')
    .action(async (options) => (await import('./commands/config.ts')).runConfigCheck(options, load));
  program
    .command('traces')
    .description('read traces back')
    .command('export')
    .option('--name <name>', 'only spans of this name, e.g. proxy_request')
    .option('--out <file>', 'file to write; else standard output')
    .option('--url <url>', 'address of Phoenix; else the one that traces are sent to')
    .option('--project <name>', 'project to read; else tracing.project')
    .option('--since <time>', 'only spans that began then or later')
    .description('the spans of a project in Phoenix as a JSON array')
    .action(async (options) => (await import('./commands/traces.ts')).runTracesExport(options, load()));
  program
    .command('doctor')
    .description('what is wrong here, and what to do about it; exit code 1 when something is')
    .action(async () => (await import('./commands/doctor.ts')).runDoctor(load));
  return program;
}

/** Options that take a value, each in two words or one. */
const VALUED = /^--(?:config|target-url|model)$/;

/** What stands behind the command of `run` is the command's own, also where it looks like an option of ours. */
export function keepArguments(argv: readonly string[]): string[] {
  const at = argv.findIndex((word, index) => !word.startsWith('-') && !VALUED.test(argv[index - 1] ?? ''));
  if (argv[at] !== 'run' || argv[at + 1] === '--' || /^(?:--help|-h)$/.test(argv[at + 1] ?? '')) return [...argv];
  return [...argv.slice(0, at + 1), '--', ...argv.slice(at + 1)];
}

function toConfig(flags: CommonFlags): Config {
  return loadConfig({
    ...processEnvironment(),
    configPath: flags.config,
    allowAnthropicOnly: flags.allowAnthropicOnly,
    flags: {
      'target.url': flags.targetUrl,
      'target.model': flags.model,
      'log.level': flags.debug ? 'debug' : undefined,
    },
  });
}
