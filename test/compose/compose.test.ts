// Dockerfile, docker-compose.yml and the shipped settings against the code: every command, port, path and variable in
// them has to exist there.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { createProgram } from '#services/cli/program.ts';
import { type Config, environmentNames, loadConfig } from '#shared/config/load.ts';
import { parseAddress } from '#shared/config/schema.ts';
import { ROOT, readSource } from '../support/read-imports.ts';

interface Service {
  image: string;
  command?: string[];
  entrypoint?: string[];
  environment?: Record<string, string>;
  profiles?: string[];
  volumes?: string[];
  ports?: string[];
  networks?: string[];
  network_mode?: string;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test?: string[]; disable?: boolean };
  [key: string]: unknown;
}

interface CollectorConfig {
  exporters: Record<string, { endpoint: string }>;
  processors: { 'transform/without_content': { trace_statements: Array<{ context: string; statements: string[] }> } };
}

interface JaegerConfig {
  extensions: { jaeger_query: { http: { endpoint: string } } };
}

interface Compose {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean }>;
  volumes: Record<string, unknown>;
}

const text = readSource('docker-compose.yml');
const compose = parse(text, { merge: true }) as Compose;
const dockerfile = readSource('Dockerfile');
const ours = Object.entries(compose.services).filter(([, { image }]) => image.includes('cc-proxy:'));
const running = ours.filter(([, { command }]) => (command ?? []).length > 0);

/** `${NAME:-default}` → default, as compose does without an .env file. */
function expand(value: string): string {
  return value.replace(/\$\{(\w+):-([^}]*)\}/g, '$2');
}

/** The settings a service of the compose file ends up with. */
function configOf(service: Service): Config {
  const env = Object.fromEntries(
    Object.entries(service.environment ?? {}).map(([name, value]) => [name, expand(String(value))]),
  );
  const mount = (service.volumes ?? []).find((volume) => volume.includes(`:${env.CC_PROXY_CONFIG}:`));
  const file = mount?.split(':')[0];
  return loadConfig({ env: { ...env, HOME: '/', CC_PROXY_CONFIG: file ? join(ROOT, file) : undefined }, cwd: '/' });
}

function portOf(address: string): number | undefined {
  return parseAddress(address)?.port;
}

describe('docker-compose.yml', () => {
  it('S0-36 starts everything that is looked at, and with a profile what is extra', () => {
    const names = (isExtra: boolean): string[] =>
      Object.entries(compose.services).flatMap(([name, { profiles }]) =>
        (profiles !== undefined) === isExtra ? [name] : [],
      );
    expect(names(false)).to.have.members([
      ...['init', 'gateway', 'comparator', 'console', 'simulator-primary', 'simulator-secondary', 'demo-sessions'],
      ...['redis', 'postgres', 'collector', 'phoenix', 'jaeger', 'prometheus', 'grafana'],
    ]);
    expect(names(true)).to.have.members(['load', 'gateway-providers']);
  });

  it('gives commands that the command line has', () => {
    const known = createProgram().commands.map((command) => command.name());
    expect(running.flatMap(([, { command }]) => command ?? []).filter((word) => !known.includes(word))).to.deep.equal(
      [],
    );
    expect(running).to.have.length(6);
  });

  for (const [name, service] of running) {
    it(`gives ${name} settings that load without a warning`, () => {
      expect(configOf(service).warnings).to.deep.equal([]);
    });

    it(`asks ${name} for its health by the program of the image, at ports that the settings leave alone`, () => {
      expect(service.healthcheck?.test).to.deep.equal(['CMD', 'node', '/app/deploy/image/health.mjs']);
      const { ops, simulator } = configOf(service);
      expect([portOf(ops.listen_address), portOf(simulator.listen_address)]).to.deep.equal([9464, 3090]);
    });
  }

  it('sets only variables that are settings, or the documented names of others', () => {
    const known = new Set([...environmentNames(), 'CC_PROXY_CONFIG', 'PGPASSFILE']);
    const set = running.flatMap(([, { environment }]) => Object.keys(environment ?? {}));
    expect(set.filter((name) => !known.has(name))).to.deep.equal([]);
  });

  it('runs in compare mode with both upstreams on the simulators, without a key', () => {
    const config = configOf(compose.services.gateway as Service);
    expect(config.default_mode).to.equal('compare');
    expect([config.target.api_key, config.target.key_file]).to.deep.equal([null, null]);
    for (const url of [config.passthrough.url, config.target.url ?? '']) {
      const { hostname, port } = new URL(url);
      const simulator = compose.services[hostname];
      expect(simulator?.command, url).to.deep.equal(['simulator']);
      expect(Number(port)).to.equal(portOf(configOf(simulator as Service).simulator.listen_address));
    }
    expect(config.passthrough.url).not.to.equal(config.target.url);
  });

  it('names redis, postgres and the collector in the settings as the services are called', () => {
    const config = configOf(compose.services.gateway as Service);
    for (const url of [config.redis.url, config.store.url, config.tracing.endpoint]) {
      expect(Object.keys(compose.services)).to.include(new URL(url ?? '').hostname);
    }
    const { username, pathname } = new URL(config.store.url);
    expect(compose.services.postgres?.environment).to.include({
      POSTGRES_USER: username,
      POSTGRES_DB: pathname.slice(1),
    });
  });

  it('sends scores, which a collector does not take on, to Phoenix itself', () => {
    const { phoenix_url, endpoint } = configOf(compose.services.comparator as Service).tracing;
    expect([endpoint, phoenix_url]).to.deep.equal(['http://collector:4318', 'http://phoenix:6006']);
  });

  it('gives Jaeger no text of spans, and not what an upstream said of its error', () => {
    const { processors } = parse(readSource('deploy/collector/config.yaml')) as CollectorConfig;
    const [spans] = processors['transform/without_content'].trace_statements;
    expect(spans?.context).to.equal('span');
    expect(spans?.statements[0]).to.match(/^delete_matching_keys\(span\.attributes, /);
    expect(spans?.statements[1]).to.equal('set(span.status.message, "")');
  });

  it('publishes on 127.0.0.1 only, and the ports that the services listen on', () => {
    const inside: Record<string, number> = {};
    for (const [name, { ports }] of Object.entries(compose.services)) {
      for (const port of (ports ?? []).map(expand)) {
        expect(port, name).to.match(/^127\.0\.0\.1:\d+:\d+$/);
        inside[name] = Number(port.split(':')[2]);
      }
    }
    const config = configOf(compose.services.gateway as Service);
    const collector = parse(readSource('deploy/collector/config.yaml')) as CollectorConfig;
    const jaeger = parse(readSource('deploy/jaeger/config.yaml')) as JaegerConfig;
    expect(inside).to.deep.equal({
      gateway: portOf(config.server.listen_address),
      'gateway-providers': portOf(config.server.listen_address),
      console: portOf(config.console.listen_address),
      phoenix: Number(new URL(collector.exporters['otlp_http/phoenix']?.endpoint ?? '').port),
      jaeger: portOf(jaeger.extensions.jaeger_query.http.endpoint),
      prometheus: 9090,
      grafana: 3000,
    });
  });

  it('mounts only files that exist, and volumes that are declared', () => {
    for (const volume of Object.values(compose.services).flatMap((service) => service.volumes ?? [])) {
      const [source = ''] = expand(volume).split(':');
      if (source.startsWith('.')) expect(existsSync(join(ROOT, source)), source).to.equal(true);
      else expect(Object.keys(compose.volumes)).to.include(source);
    }
  });

  it('waits only for services that exist and have a health check, and nobody waits for observability', () => {
    const once = ['init', 'demo-sessions'];
    for (const [name, { depends_on }] of Object.entries(compose.services)) {
      for (const [other, { condition }] of Object.entries(depends_on ?? {})) {
        const needed = compose.services[other];
        expect(needed, `${name} waits for ${other}`).not.to.equal(undefined);
        expect(['collector', 'phoenix', 'jaeger', 'prometheus', 'grafana']).not.to.include(other);
        if (condition === 'service_healthy') expect(needed?.healthcheck?.test, other).to.be.an('array');
        // They ask until they are answered.
        else if (condition === 'service_started') expect(['demo-sessions', 'load']).to.include(name);
        else expect(once).to.include(other);
      }
    }
  });

  it('lets a running service wait for each that ends, or `up --wait` would call that a failure', () => {
    for (const [name, { restart, profiles }] of Object.entries(compose.services)) {
      if (restart !== 'no' || profiles) continue;
      const waiting = Object.values(compose.services).filter(({ depends_on, restart: its }) => {
        return its !== 'no' && depends_on?.[name]?.condition === 'service_completed_successfully';
      });
      expect(waiting.length, name).to.be.above(0);
    }
  });

  it('hardens every container of ours, and stops none before it has drained', () => {
    for (const [name, service] of ours) {
      expect(service, name).to.deep.include({
        read_only: true,
        init: true,
        user: '1000:1000',
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
    }
    for (const name of ['collector', 'phoenix', 'jaeger', 'prometheus', 'grafana', 'redis', 'postgres']) {
      expect(compose.services[name], name).to.deep.include({
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
    }
    const given = Object.entries(compose.services).flatMap(([name, { cap_add }]) => (cap_add ? [name] : []));
    expect(given).to.have.members(['redis', 'postgres']);
    const grace = Number(/^(\d+)s$/.exec(String(compose.services.gateway?.stop_grace_period))?.[1]);
    expect(grace).to.be.above(configOf(compose.services.gateway as Service).server.drain_secs);
  });

  it('keeps redis and postgres in a network that leads nowhere', () => {
    for (const name of ['redis', 'postgres']) {
      expect(compose.services[name]?.networks).to.deep.equal(['data']);
      expect(compose.services[name]?.ports).to.equal(undefined);
    }
    expect(compose.networks.data?.internal).to.equal(true);
  });

  it('bounds the memory and the log of every container', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      expect(service.mem_limit, name).to.be.a('string');
      expect(service.logging, name).to.have.nested.property('options.max-size');
    }
  });

  it('takes every image and every choice from a variable that .env.example explains', () => {
    const variables = new Set([...text.matchAll(/\$\{(\w+):-/g)].map((match) => match[1]));
    expect(text.replace(/\$\{\w+:-[^}]*\}/g, '')).not.to.include('$');
    const explained = [...readSource('.env.example').matchAll(/^#?([A-Z_]+)=/gm)].map((match) => match[1]);
    expect(explained).to.have.members([...variables]);
    for (const [name, { image }] of Object.entries(compose.services)) {
      expect(image, name)
        .to.match(/^\$\{\w+_IMAGE:-[\w./-]+:[\w.-]+\}$/)
        .and.not.match(/latest/);
    }
  });

  it('keeps what a user adds out of the repository and out of the image', () => {
    const ignored = readSource('.gitignore').split('\n');
    expect(ignored).to.include.members(['.env', 'secrets/*', 'docker-compose.override.yml']);
    expect(readSource('.dockerignore').split('\n')[0]).to.equal('*');
  });

  it('ships the folder of keys, empty: what Docker makes for a mount belongs to root', () => {
    expect(text).to.match(/\$\{KEYS_FOLDER:-\.\/secrets\}:\/run\/keys:ro/);
    expect(readSource('secrets/.gitignore').split('\n')).to.include.members(['*', '!.gitignore']);
    expect(readSource('.gitignore').split('\n')).to.include('!secrets/.gitignore');
  });

  for (const files of [['docker-compose.yml'], ['docker-compose.yml', 'docker-compose.override.example.yml']]) {
    it(`${files.join(' with ')} is accepted by docker compose`, function () {
      const client = spawnSync('docker', ['compose', 'version'], { encoding: 'utf8' });
      if (client.status !== 0) return this.skip();
      const named = files.flatMap((file) => ['-f', join(ROOT, file)]);
      const everything = ['--profile', 'load', '--profile', 'providers'];
      const done = spawnSync('docker', ['compose', ...named, ...everything, 'config', '-q'], { encoding: 'utf8' });
      expect(done.stderr).to.equal('');
      expect(done.status).to.equal(0);
    });
  }
});

describe('docker-compose.override.example.yml', () => {
  const override = parse(readSource('docker-compose.override.example.yml'), { merge: true }) as Compose;

  it('replaces the three services that are worked on', () => {
    expect(Object.keys(override.services)).to.have.members(['gateway', 'comparator', 'console']);
  });

  it('shows the sources to where its image runs them, and builds again for another lock', () => {
    const stage = /^FROM deps AS dev\n([\s\S]*?)^FROM /m.exec(dockerfile)?.[1] ?? '';
    for (const [name, service] of Object.entries(override.services)) {
      expect(service, name).to.deep.include({
        build: { context: '.', target: 'dev' },
        volumes: ['./services:/app/services:ro'],
        develop: { watch: [{ action: 'rebuild', path: './package-lock.json' }] },
      });
      expect(service, 'stays confined').not.to.have.any.keys('read_only', 'user', 'cap_drop');
    }
    expect(stage).to.include('"--watch"').and.include('"--conditions=source", "/app/services/cli/main.ts"');
  });
});

describe('the init service', () => {
  it('writes each secret once, the admin token readable by its owner alone', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-init-'));
    try {
      const [, script = ''] = compose.services.init?.entrypoint ?? [];
      const run = () => spawnSync(process.execPath, [join(ROOT, script.replace(/^\/app\//, '')), folder]);
      expect(run().status).to.equal(0);
      const files = ['admin-token', 'postgres-password', 'pgpass', 'grafana-password'];
      const before = files.map((file) => readFileSync(join(folder, file), 'utf8'));
      expect(run().status).to.equal(0);
      expect(files.map((file) => readFileSync(join(folder, file), 'utf8'))).to.deep.equal(before);
      expect(before[0]).to.match(/^[\w-]{32}$/);
      expect(before[2]).to.equal(`*:*:ccproxy:ccproxy:${before[1]}\n`);
      const modes = files.map((file) => (statSync(join(folder, file)).mode & 0o777).toString(8));
      expect(modes).to.deep.equal(['600', '444', '600', '444']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('writes where the settings and the containers look', () => {
    const volume = '/run/cc-proxy';
    const config = configOf(compose.services.gateway as Service);
    expect(config.admin.token_file).to.equal(`${volume}/admin-token`);
    expect(compose.services.postgres?.environment?.POSTGRES_PASSWORD_FILE).to.equal(`${volume}/postgres-password`);
    expect(compose.services.grafana?.environment?.GF_SECURITY_ADMIN_PASSWORD__FILE).to.equal(
      `${volume}/grafana-password`,
    );
    for (const name of ['console', 'comparator']) {
      expect(compose.services[name]?.environment?.PGPASSFILE).to.equal(`${volume}/pgpass`);
    }
    for (const name of ['gateway', 'comparator', 'console', 'postgres', 'grafana']) {
      expect(compose.services[name]?.volumes, name).to.include(`secrets:${volume}:ro`);
    }
    expect(dockerfile).to.include(`COPY --from=build --chown=1000:1000 /state ${volume}\n`);
  });
});

describe('deploy/config', () => {
  for (const file of readdirSync(join(ROOT, 'deploy/config'))) {
    it(`${file} loads without a warning`, () => {
      const config = loadConfig({ env: { HOME: '/' }, cwd: '/', configPath: join(ROOT, 'deploy/config', file) });
      expect(config.warnings).to.deep.equal([]);
      expect(config.file).to.equal(join(ROOT, 'deploy/config', file));
    });
  }

  it('S0-34 ships cc-proxy.local.toml with the Phoenix endpoint set', () => {
    const configPath = join(ROOT, 'deploy/config/cc-proxy.local.toml');
    const config = loadConfig({ env: { HOME: '/' }, cwd: '/', configPath });
    expect(config.tracing.endpoint).to.equal('http://localhost:6006');
    expect(config.source('tracing.endpoint')).to.equal('file');
  });
});
