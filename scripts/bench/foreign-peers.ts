// The proxies and gateways of others: how each is had, configured and started. What cannot be had says why.
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import express from 'express/package.json' with { type: 'json' };
import undici from 'undici/package.json' with { type: 'json' };
import { freePort } from '../../test/support/free-port.ts';
import { answersOk, isListening } from './is-up.ts';
import type { Peer } from './peer.ts';
import type { ForeignName } from './peer-list.ts';
import type { Processes } from './processes.ts';

export interface Surroundings {
  readonly processes: Processes;
  /** Address of the model server. */
  readonly upstream: string;
  readonly upstreamPort: number;
  /** For what a process keeps. */
  readonly folder: string;
}

const PORTKEY = '1.15.2';
/** With later releases, which its range allows, every stream is a 500: their headers cannot be added to. */
const PORTKEY_SERVER = { '@hono/node-server': '1.13.8' };
const CLAUDE_CODE_ROUTER = '2.0.0';
const LITELLM = '1.106.2';

const LITELLM_SETTINGS = {
  LITELLM_LOCAL_MODEL_COST_MAP: 'True',
  LITELLM_TELEMETRY: 'False',
  LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: 'true',
  NO_DOCS: 'True',
};

const SLOW_START_MS = 120_000;
const INSTALL_MS = 300_000;
/** The name of the model in every request. */
const MODEL = 'claude-bench-4-5';

export const STARTERS: Record<ForeignName, (around: Surroundings) => Promise<Peer>> = {
  bare: (around) => startScript('bare', 'bare.ts', `undici ${undici.version}`, around),
  express: (around) =>
    startScript(
      'express',
      'express-proxy.ts',
      `Express ${express.version} with http-proxy-middleware ${installedVersion('http-proxy-middleware')}`,
      around,
    ),
  nginx: startNginx,
  haproxy: startHaproxy,
  portkey: startPortkey,
  'claude-code-router': startClaudeCodeRouter,
  litellm: startLitellm,
};

/** Of a package that does not let others read its package.json. */
function installedVersion(name: string): string {
  const file = join(import.meta.dirname, '../../node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function foreign(name: ForeignName, port: number, pid: number, version: string): Peer {
  return {
    ...{ name, pid, version, publishes: null, counters: async () => null },
    to: { port, headers: {}, answers: 'bytes' },
  };
}

async function startScript(name: ForeignName, file: string, version: string, around: Surroundings): Promise<Peer> {
  const { port, pid } = await around.processes.script(file, [around.upstream], 'tested');
  return foreign(name, port, pid, version);
}

async function startNginx({ processes, upstreamPort, folder }: Surroundings): Promise<Peer> {
  const nginx = findProgram('nginx', 'nginx-light');
  const port = await freePort();
  const own = join(folder, 'nginx');
  mkdirSync(own);
  const file = join(own, 'nginx.conf');
  const kept = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (what) => `${what}_temp_path ${join(own, what)};`,
  );
  writeFileSync(
    file,
    `daemon off; master_process off; worker_processes 1; pid ${join(own, 'pid')}; error_log stderr crit;
    events { worker_connections 16384; }
    http {
      access_log off; tcp_nodelay on; client_max_body_size 64m; keepalive_requests 1000000000; ${kept.join(' ')}
      upstream model { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 1000000000; }
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass http://model; proxy_http_version 1.1; proxy_set_header connection ""; proxy_read_timeout 300s;
          proxy_buffering off; proxy_request_buffering off;
        }
      }
    }`,
  );
  const { pid } = await processes.program([nginx.path, '-c', file], {}, 'tested', () => isListening(port));
  return foreign('nginx', port, pid, nginx.version(['-v'], /nginx\/([\d.]+)/));
}

async function startHaproxy({ processes, upstreamPort, folder }: Surroundings): Promise<Peer> {
  const haproxy = findProgram('haproxy', 'haproxy');
  const port = await freePort();
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(
    file,
    `global
      nbthread 1
      maxconn 1000
    defaults
      mode http
      timeout connect 5s
      timeout client 300s
      timeout server 300s
      http-reuse always
      option http-no-delay
    frontend clients
      bind 127.0.0.1:${port}
      default_backend model
    backend model
      server upstream 127.0.0.1:${upstreamPort}
`,
  );
  const { pid } = await processes.program([haproxy.path, '-db', '-f', file], {}, 'tested', () => isListening(port));
  return foreign('haproxy', port, pid, haproxy.version(['-v'], /version ([\d.]+)/));
}

async function startPortkey({ processes, upstream, folder }: Surroundings): Promise<Peer> {
  const root = await installNpm('@portkey-ai/gateway', PORTKEY, folder, PORTKEY_SERVER);
  const port = await freePort();
  const main = join(root, 'build/start-server.js');
  const { pid } = await processes.program(
    [process.execPath, main, `--port=${port}`, '--headless'],
    { HOME: folder, NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost' },
    'tested',
    () => isListening(port),
  );
  const headers = { 'x-portkey-provider': 'anthropic', 'x-portkey-custom-host': `${upstream}/v1` };
  return { ...foreign('portkey', port, pid, `Portkey ${PORTKEY}`), to: { port, headers, answers: 'text' } };
}

async function startClaudeCodeRouter({ processes, upstream, folder }: Surroundings): Promise<Peer> {
  const root = await installNpm('@musistudio/claude-code-router', CLAUDE_CODE_ROUTER, folder);
  const port = await freePort();
  const home = join(folder, 'claude-code-router');
  const settings = {
    ...{ HOST: '127.0.0.1', PORT: port, LOG: false, NON_INTERACTIVE_MODE: true, API_TIMEOUT_MS: 600_000 },
    Providers: [
      {
        ...{ name: 'bench', api_base_url: `${upstream}/v1/chat/completions`, api_key: 'bench' },
        models: ['bench-model'],
      },
    ],
    Router: { default: 'bench,bench-model' },
  };
  mkdirSync(join(home, '.claude-code-router'), { recursive: true });
  writeFileSync(join(home, '.claude-code-router/config.json'), JSON.stringify(settings));
  const { pid } = await processes.program(
    [process.execPath, join(root, 'dist/cli.js'), 'start'],
    { HOME: home, SERVICE_PORT: String(port) },
    'tested',
    () => isListening(port),
  );
  return {
    ...foreign('claude-code-router', port, pid, `claude-code-router ${CLAUDE_CODE_ROUTER}`),
    to: { port, headers: {}, answers: 'text' },
  };
}

async function startLitellm({ processes, upstream, folder }: Surroundings): Promise<Peer> {
  const python = await installPython(`litellm[proxy]==${LITELLM}`, folder);
  const port = await freePort();
  const file = join(folder, 'litellm.json');
  // YAML reads JSON.
  const model = { model: 'anthropic/claude-sonnet-4-5', api_base: upstream, api_key: 'bench' };
  writeFileSync(file, JSON.stringify({ model_list: [{ model_name: MODEL, litellm_params: model }] }));
  const { pid } = await processes.program(
    [join(python, 'bin/litellm'), '--config', file, '--host', '127.0.0.1', '--port', String(port)],
    { HOME: folder, ...LITELLM_SETTINGS },
    'tested',
    () => answersOk(`http://127.0.0.1:${port}/health/liveliness`),
    SLOW_START_MS,
  );
  return {
    ...foreign('litellm', port, pid, `LiteLLM ${LITELLM}`),
    to: { port, headers: {}, answers: 'text' },
  };
}

interface Program {
  readonly path: string;
  /** Name and version, as the program itself says. */
  version(args: string[], pattern: RegExp): string;
}

/** Debian keeps servers where a shell without login does not look. */
function findProgram(name: string, debianPackage: string): Program {
  const path = [name, `/usr/sbin/${name}`].find((candidate) => !spawnSync(candidate, ['-v']).error);
  if (path === undefined) {
    throw new Error(`not installed (Debian: apt-get install --no-install-recommends ${debianPackage})`);
  }
  return {
    path,
    version: (args, pattern) => {
      const { stdout, stderr } = spawnSync(path, args, { encoding: 'utf8' });
      return `${name} ${pattern.exec(stdout + stderr)?.[1] ?? 'of unknown version'}`;
    },
  };
}

const run = promisify(execFile);

/** Into a folder of the bench; returns the package's own folder. @throws when there is no npm or no registry */
async function installNpm(name: string, version: string, folder: string, overrides = {}): Promise<string> {
  const prefix = join(folder, 'npm', name.replace(/\W+/g, '-'));
  mkdirSync(prefix, { recursive: true });
  writeFileSync(join(prefix, 'package.json'), JSON.stringify({ dependencies: { [name]: version }, overrides }));
  const quiet = ['--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
  await install('npm', ['install', '--prefix', prefix, ...quiet]);
  return join(prefix, 'node_modules', name);
}

/** By uv, which is had by pip where it is missing; returns the environment's folder. */
async function installPython(requirement: string, folder: string): Promise<string> {
  const environment = join(folder, 'python');
  let uv = 'uv';
  if (spawnSync(uv, ['--version']).error) {
    const tools = join(folder, 'uv');
    await install('python3', ['-m', 'venv', tools]);
    await install(join(tools, 'bin/pip'), ['install', '--quiet', 'uv']);
    uv = join(tools, 'bin/uv');
  }
  await install(uv, ['venv', '--quiet', environment]);
  await install(uv, ['pip', 'install', '--quiet', '--python', join(environment, 'bin/python'), requirement]);
  return environment;
}

async function install(command: string, args: string[]): Promise<void> {
  try {
    await run(command, args, { timeout: INSTALL_MS });
  } catch (cause) {
    const { stderr, message } = cause as Error & { stderr?: string };
    throw new Error(`cannot be installed: ${(stderr || message).trim().slice(-300)}`, { cause });
  }
}
