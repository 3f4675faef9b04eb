// The rules of ARCHITECTURE.md, derived from the source each time. A rule that turns out wrong is changed here, in the
// open, with the paragraph there that states it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ASSIGNED_FUNCTION } from './support/assigned-function.ts';
import {
  listSources,
  packageName,
  ROOT,
  readImports,
  readSource,
  resolveImport,
  withoutComments,
} from './support/read-imports.ts';

const BASE = ['errors', 'ids', 'clock', 'free', 'made-once'];
const STREAMS = ['wire', 'simd', 'sse', 'messages'];
const SETTINGS = ['config', 'telemetry', 'lifecycle', 'cost', 'redact', 'http', 'threads'];

/** Who may import whom; a layer may always import itself. Type imports obey it too. */
const ALLOWED: Record<string, string[]> = {
  errors: [],
  ids: [],
  clock: [],
  free: [],
  'made-once': [],
  lifecycle: BASE,
  threads: BASE,
  models: [],
  wire: [],
  // Loops over bytes: whoever reads or writes streams.
  simd: [],
  sse: [...BASE, 'wire', 'simd'],
  messages: [...BASE, 'wire', 'simd'],
  providers: [...BASE, ...STREAMS],
  upstream: [...BASE, ...STREAMS, 'models', 'providers'],
  search: [...BASE, 'providers', 'upstream'],
  exchange: [...BASE, ...STREAMS],
  bus: [...BASE, ...STREAMS, 'exchange'],
  store: [...BASE, ...STREAMS, 'exchange'],
  control: [...BASE, ...STREAMS, 'exchange', 'bus'],
  config: BASE,
  http: ['errors', 'config'],
  telemetry: [...BASE, 'lifecycle', 'threads'],
  cost: [...BASE, 'wire', 'models'],
  redact: [...BASE, 'wire'],
  gateway: [
    ...[...BASE, ...STREAMS, ...SETTINGS],
    ...['models', 'providers', 'upstream', 'search', 'exchange', 'bus', 'control'],
  ],
  comparator: [...BASE, ...STREAMS, ...SETTINGS, 'providers', 'upstream', 'exchange', 'bus', 'control', 'store'],
  console: [...BASE, ...STREAMS, ...SETTINGS, 'exchange', 'bus', 'control', 'store'],
  simulator: ['wire', 'config', 'telemetry', 'lifecycle', 'errors'],
  // The composition root: one command per service, `start`, which holds them all, and the parts they are made of. Of a
  // service it sees service.ts.
  'cli-compose': [
    ...BASE,
    ...SETTINGS,
    ...['exchange', 'bus', 'control', 'store', 'providers', 'upstream'],
    ...['gateway', 'comparator', 'console', 'simulator', 'cli'],
  ],
  // Every other command is a client of the HTTP APIs.
  cli: ['config', 'errors', 'lifecycle', 'telemetry', 'cli-compose'],
};

const COMPOSERS = new Set(
  [
    'parts',
    'check-settings',
    ...['start', 'gateway', 'comparator', 'console', 'simulator'].map((name) => `commands/${name}`),
  ].map((name) => `services/cli/${name}.ts`),
);

/** Whose types a layer may take beside what it may load: settings and records are handed in, not fetched. */
const ALLOWED_TYPES: Record<string, string[]> = {
  control: ['config', 'telemetry'],
  upstream: ['exchange', 'config'],
  search: ['config'],
};

function layerOf(path: string): string {
  const [, service = '', next = ''] = path.split('/');
  if (service === 'shared') return next.replace(/\.ts$/, '');
  if (COMPOSERS.has(path)) return 'cli-compose';
  return service;
}

/** Packages that only one place may know; the architecture depends on it. */
const PACKAGE_HOMES: Array<{ matches: RegExp; home: RegExp; why: string }> = [
  {
    matches: /^@opentelemetry\/(?!api$)/,
    home: /^services\/shared\/telemetry\//,
    why: 'services know the OpenTelemetry API alone; the SDK is configured in one place',
  },
  {
    matches: /^eventsource-parser$/,
    home: /^services\/shared\/sse\/read-sse\.ts$/,
    why: 'one reader turns stream bytes into events',
  },
  { matches: /^(kysely|pg)$/, home: /^services\/shared\/store\//, why: 'the store hides its databases' },
  {
    matches: /^redis$/,
    home: /^services\/(shared\/(bus|control)\/|cli\/commands\/)/,
    why: 'Redis hides behind the ports of bus and control',
  },
  {
    matches: /^gpt-tokenizer$/,
    home: /^services\/shared\/messages\/token-worker\.ts$/,
    why: 'its tables take 80 MB and a quarter of a second: only a thread that can end loads them',
  },
  { matches: /^convict$/, home: /^services\/shared\/config\//, why: 'settings are read in one place' },
  { matches: /^winston$/, home: /^services\/shared\/telemetry\//, why: 'one logger' },
];

const services = listSources('services');
const everything = [...services, ...listSources('test'), ...listSources('scripts')];

interface Manifest {
  version: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}
const manifest = JSON.parse(readSource('package.json')) as Manifest;

/** `path:line` of each match in code, comments aside. */
function places(paths: string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    withoutComments(readSource(path))
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [])),
  );
}

function importsOf(path: string): Array<{ specifier: string | null; typeOnly: boolean; target: string | null }> {
  return readImports(readSource(path)).map((edge) => ({
    ...edge,
    target: edge.specifier === null ? null : resolveImport(path, edge.specifier),
  }));
}

describe('the import scanner', () => {
  it('sees static, type, re-exported, bare, dynamic and resolved imports', () => {
    const source = [
      "import a, { b } from './a.ts';",
      "import type { C } from '#shared/c.ts';",
      'import {',
      '  d,',
      '  type E,',
      "} from './d.ts';",
      "import * as f from './f.ts';",
      "export * from './g.ts';",
      "export type { H } from './h.ts';",
      "import './i.ts';",
      "const j = await import('./j.ts');",
      "new Worker(new URL(import.meta.resolve('#shared/k.ts')));",
    ].join('\n');
    expect(readImports(source).map((edge) => edge.specifier)).to.have.members([
      './a.ts',
      '#shared/c.ts',
      './d.ts',
      './f.ts',
      './g.ts',
      './h.ts',
      './i.ts',
      './j.ts',
      '#shared/k.ts',
    ]);
    expect(readImports(source).filter((edge) => edge.typeOnly)).to.have.length(2);
  });

  it('ignores imports in comments and reports one whose target is not a literal', () => {
    expect(readImports("// import a from './a.ts';\n/*\nimport b from './b.ts';\n*/\n")).to.deep.equal([]);
    expect(readImports('await import(name)')).to.deep.equal([{ specifier: null, typeOnly: false }]);
  });
});

describe('architecture: imports', () => {
  it('every file belongs to a layer of the table', () => {
    expect(services.filter((path) => ALLOWED[layerOf(path)] === undefined)).to.deep.equal([]);
  });

  it('every import inside services names a file that exists, by a literal', () => {
    const broken = services.flatMap((path) =>
      importsOf(path)
        .filter(({ specifier, target }) => specifier === null || (target !== null && !existsSync(join(ROOT, target))))
        .map(({ specifier }) => `${path} → ${specifier ?? 'not a literal'}`),
    );
    expect(broken).to.deep.equal([]);
  });

  it('S4-32 every import follows the one-way table, type imports included', () => {
    const breaches = services.flatMap((path) =>
      importsOf(path).flatMap(({ target, typeOnly }) => {
        if (target === null) return [];
        const [from, to] = [layerOf(path), layerOf(target)];
        const isAllowed = ALLOWED[from]?.includes(to) || (typeOnly && ALLOWED_TYPES[from]?.includes(to));
        return from === to || isAllowed ? [] : [`${path} (${from}) → ${target} (${to})`];
      }),
    );
    expect(breaches).to.deep.equal([]);
  });

  it("the composition root sees of a service only its service.ts, and nobody else sees a service's inside", () => {
    const breaches = services.flatMap((path) =>
      importsOf(path).flatMap(({ target }) => {
        if (target === null || layerOf(path) === layerOf(target)) return [];
        const inside = /^services\/(gateway|comparator|console|simulator)\//.test(target);
        return inside && !target.endsWith('/service.ts') ? [`${path} → ${target}`] : [];
      }),
    );
    expect(breaches).to.deep.equal([]);
  });

  it('no import cycle exists, type imports included', () => {
    expect(findCycle(new Map(services.map((path) => [path, importsOf(path).flatMap((e) => e.target ?? [])])))).to.equal(
      null,
    );
  });

  it('the cycle finder finds a cycle', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['a']],
    ]);
    expect(findCycle(graph)).to.equal('a → b → c → a');
  });

  it('services import declared dependencies; development ones only as types and only in wire', () => {
    const breaches = services.flatMap((path) =>
      importsOf(path).flatMap(({ specifier, target, typeOnly }) => {
        const name = specifier === null || target !== null ? null : packageName(specifier);
        if (name === null || name in manifest.dependencies) return [];
        const isWireType = typeOnly && name in manifest.devDependencies && layerOf(path) === 'wire';
        return isWireType ? [] : [`${path} → ${name}`];
      }),
    );
    expect(breaches).to.deep.equal([]);
  });

  for (const { matches, home, why } of PACKAGE_HOMES) {
    it(`${matches.source} is imported only in ${home.source}: ${why}`, () => {
      const breaches = services.flatMap((path) =>
        importsOf(path)
          .map(({ specifier, target }) => (specifier === null || target !== null ? '' : (packageName(specifier) ?? '')))
          .filter((name) => matches.test(name) && !home.test(path))
          .map((name) => `${path} → ${name}`),
      );
      expect(breaches).to.deep.equal([]);
    });
  }
});

/** What computes and does nothing else: what it is given decides what it answers. */
const CORE =
  /^services\/(shared\/((errors|free|made-once)\.ts|(wire|simd|sse|messages|models|providers|cost|redact|exchange)\/)|comparator\/comparison\/(scorers\/|ladder|score|match-calls|pair-notes))/;
/** In the folder of what they serve: the thread that counts tokens, and the one who talks to it. */
const RIM_WITHIN = ['services/shared/messages/token-counter.ts', 'services/shared/messages/token-worker.ts'];
/** Node's modules that compute: text, hashes, compression, comparison of values. */
const COMPUTING = ['node:buffer', 'node:crypto', 'node:util', 'node:zlib'];
/** The reader of events wraps a parser that is pure, and finds it by its path. */
const PARSER = { path: 'services/shared/sse/read-sse.ts', takes: ['node:module', 'node:path', 'eventsource-parser'] };

describe('architecture: pure core, effects at the rim', () => {
  const core = services.filter((path) => CORE.test(path) && !RIM_WITHIN.includes(path));

  it('S4-32 the core imports nothing that reads, writes, waits or knows the time', () => {
    const breaches = core.flatMap((path) =>
      importsOf(path).flatMap(({ specifier, target, typeOnly }) => {
        if (typeOnly || specifier === null) return [];
        const isPure =
          target === null ? COMPUTING.includes(specifier) : core.includes(target) || target.endsWith('/ids.ts');
        return isPure || (path === PARSER.path && PARSER.takes.includes(specifier)) ? [] : [`${path} → ${specifier}`];
      }),
    );
    expect(core).to.have.length.above(100);
    expect(breaches).to.deep.equal([]);
  });

  it('S4-32 the core uses no global that does any of it', () => {
    const doing =
      /\b(process\.|fetch\(|set(Timeout|Interval|Immediate)\(|queueMicrotask\(|Date\.now|new Date\(\)|performance\.|Math\.random|console\.|new Worker\()/;
    expect(places(core, doing)).to.deep.equal([]);
  });

  it('S4-32 a provider leaves nothing to chance: of crypto it takes hashes alone', () => {
    const providers = core.filter((path) => layerOf(path) === 'providers');
    const taken = providers.flatMap((path) => {
      const names = /import \{ ([^}]+) \} from 'node:crypto'/.exec(readSource(path))?.[1] ?? '';
      return names.split(', ').filter((name) => name !== '' && name !== 'createHash');
    });
    expect(taken).to.deep.equal([]);
  });
});

function findCycle(graph: Map<string, string[]>): string | null {
  const done = new Set<string>();
  const visit = (node: string, trail: string[]): string | null => {
    if (trail.includes(node)) return [...trail.slice(trail.indexOf(node)), node].join(' → ');
    if (done.has(node)) return null;
    for (const next of graph.get(node) ?? []) {
      const cycle = visit(next, [...trail, node]);
      if (cycle !== null) return cycle;
    }
    done.add(node);
    return null;
  };
  for (const node of graph.keys()) {
    const cycle = visit(node, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

describe('architecture: one place for each thing', () => {
  it('reads the environment only in shared/config/load.ts', () => {
    const pattern = /\bprocess\s*(?:\.|\[['"])env\b|\benv\b.*from 'node:process'/;
    const elsewhere = services.filter((path) => path !== 'services/shared/config/load.ts');
    expect(places(elsewhere, pattern)).to.deep.equal([]);
  });

  it('creates Anthropic stream events only in message-writer.ts, and their text only in event-text.ts (the simulator plays upstreams)', () => {
    const events =
      'message_start|message_delta|message_stop|content_block_start|content_block_delta|content_block_stop';
    const pattern = new RegExp(`\\btype: '(?:${events})'(?! *;)|\`event: |'event: (?:error|${events})\\\\n`);
    const own = ['message-writer.ts', 'event-text.ts'].map((file) => `services/shared/messages/${file}`);
    const elsewhere = services.filter(
      (path) => !['simulator', 'wire', 'sse'].includes(layerOf(path)) && !own.includes(path),
    );
    expect(places(elsewhere, pattern)).to.deep.equal([]);
  });

  it('decodes stream bytes only in read-sse.ts', () => {
    const elsewhere = services.filter(
      (path) => layerOf(path) !== 'simulator' && path !== 'services/shared/sse/read-sse.ts',
    );
    expect(places(elsewhere, /\bTextDecoder(Stream)?\b|\bStringDecoder\b|\.setEncoding\(/)).to.deep.equal([]);
  });

  it('attaches an upstream credential only in upstream/credentials.ts', () => {
    const pattern =
      /(?:['"](?:authorization|x-api-key)['"]|(?:^|[{,(])\s*authorization)\s*:\s*(?!string|undefined|unknown|boolean|true|false|[{[])|\[['"](?:authorization|x-api-key)['"]\]\s*=[^=]|(?:setHeader|append|set)\(\s*['"](?:authorization|x-api-key)['"]/i;
    const elsewhere = services.filter(
      (path) =>
        !['simulator', 'cli', 'cli-compose'].includes(layerOf(path)) &&
        path !== 'services/shared/upstream/credentials.ts',
    );
    expect(places(elsewhere, pattern)).to.deep.equal([]);
  });

  it('names a protocol only in the registry and in the settings, where a user writes it', () => {
    const names = 'anthropic|openai-chat|openai-responses|azure|ollama|openrouter|gemini';
    // A search engine of the same house is another thing.
    const elsewhere = services.filter(
      (path) => !['providers', 'config', 'simulator', 'search'].includes(layerOf(path)),
    );
    expect(places(elsewhere, new RegExp(`['"\`](?:${names})['"\`]`))).to.deep.equal([]);
  });

  it('keeps no state in a module', () => {
    expect(places(services, /^(?:export )?(?:let|var) /)).to.deep.equal([]);
  });

  const served = services.filter((path) => !['cli', 'cli-compose', 'simulator'].includes(layerOf(path)));

  it('assigns no function to a property where it is written: the engine would keep what it holds in the old heap', () => {
    const assigning = served.flatMap((path) =>
      [...withoutComments(readSource(path)).matchAll(ASSIGNED_FUNCTION)].map(([code]) => `${path}: ${code.trim()}`),
    );
    expect(assigning).to.deep.equal([]);
  });

  it('sees functions assigned to properties however they are written, and no others', () => {
    const isSeen = (code: string): boolean => [...code.matchAll(ASSIGNED_FUNCTION)].length > 0;
    const assigned = [
      'call.onGone = () => leave();',
      'this.#abort = async (why: Error): Promise<void> => {',
      'call.onGone ??= leave => leave();',
      'call.onGone &&= function () {',
      "call['onGone'] = () => {};",
      '  handlers[name] ||= (value) => value;',
      'call.onGone = (() => leave());',
      'call.onGone =\n    () => leave();',
      'call.onGone = (\n  first: () => void,\n  second = now(),\n): void => {',
      'call.onGone = <T>(value: T): T => value;',
      'if (isOpen) list[0].next = () => {};',
    ];
    const others = [
      'const onGone = () => call.leave();',
      "const answered: Events['answered'] = ({ route }) => {};",
      'const check: Mocha.Func = () => {};',
      '  readonly #resume = (): void => {',
      'call.onGone = onGone;',
      'call.count = (await list.map((each) => each.count)).length;',
      'call.isOpen = list.some((each) => each.isOpen);',
      'const { [0]: first = () => {} } = list;',
      'if (call.count === (() => 1)()) leave();',
    ];
    expect(assigned.filter((code) => !isSeen(code))).to.deep.equal([]);
    expect(others.filter(isSeen)).to.deep.equal([]);
  });

  it('writes a getter into an object only where that is made once: the engine would keep each in the old heap', () => {
    const madeOnce = [
      'services/comparator/work-slots.ts',
      'services/gateway/admission.ts',
      'services/gateway/open-answers.ts',
      'services/gateway/paths/model-list.ts',
      'services/gateway/service.ts',
      'services/gateway/slots.ts',
      'services/shared/store/sqlite-thread.ts',
      'services/shared/telemetry/spans.ts',
    ];
    // Those of a class stand less far in.
    const getter = /^ {4,}[gs]et [\w$]+\(/;
    const withGetters = served.filter((path) => places([path], getter).length > 0);
    expect(withGetters).to.deep.equal(madeOnce);
  });

  it('keeps nothing in a map or set with weak keys: the engine would keep all that was in it in the old heap', () => {
    expect(places(served, /\bnew Weak(Map|Set)\b/)).to.deep.equal([]);
  });

  it('gives no file a name that hides what it does', () => {
    const hiding = /(^|[/-])(utils?|helpers?|common|misc|managers?|data|info)(\.ts|[/-])/;
    expect(everything.filter((path) => hiding.test(path))).to.deep.equal([]);
  });

  it('switches off no lint rule and no type check', () => {
    const self = 'test/architecture.test.ts';
    const pattern =
      /biome-ignore|eslint-disable|@ts-(ignore|expect-error|nocheck)|\bas any(?=[;,)\].])|: any(?=[;,)=[])/;
    const found = everything
      .filter((path) => path !== self)
      .flatMap((path) =>
        readSource(path)
          .split('\n')
          .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [])),
      );
    expect(found).to.deep.equal([]);
  });
});

describe('architecture: the two pages', () => {
  const pages = [
    { heading: 'The request path', file: 'services/gateway/messages/handle-messages.ts', steps: 9 },
    { heading: 'The comparison path', file: 'services/comparator/comparison/run-comparisons.ts', steps: 5 },
  ];
  for (const { heading, file, steps } of pages) {
    it(`${file} calls its steps in the order of ARCHITECTURE.md, "${heading}"`, () => {
      const listed = stepsUnder(heading);
      expect(listed.length, `numbered steps under "${heading}"`).to.be.at.least(steps);
      const code = withoutComments(readSource(file));
      const positions = listed.map((name) => ({ name, at: code.search(new RegExp(`(?<![\\w.'"/])${name}\\(`)) }));
      expect(positions.filter(({ at }) => at < 0).map(({ name }) => name)).to.deep.equal([]);
      const inOrder = [...positions].sort((a, b) => a.at - b.at).map(({ name }) => name);
      expect(inOrder).to.deep.equal(listed);
    });
  }

  it('the page of the request path fits on a screen', () => {
    expect(readSource('services/gateway/messages/handle-messages.ts').split('\n').length).to.be.at.most(80);
  });
});

/** Names of the numbered list under a heading: `1. `accept` – …`. */
function stepsUnder(heading: string): string[] {
  const text = readSource('ARCHITECTURE.md');
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  return [...section.matchAll(/^\d+\. `([\w$]+)`/gm)].map((match) => match[1] ?? '');
}

describe('architecture: what the project is made of', () => {
  const used = new Set(
    everything.flatMap((path) =>
      readImports(readSource(path)).flatMap(({ specifier }) =>
        specifier === null || resolveImport(path, specifier) !== null ? [] : (packageName(specifier) ?? []),
      ),
    ),
  );
  const declared = { ...manifest.dependencies, ...manifest.devDependencies };
  const card = [
    'express',
    'http-proxy-middleware',
    'undici',
    'convict',
    'winston',
    '@opentelemetry/sdk-node',
    '@opentelemetry/auto-instrumentations-node',
    'prom-client',
    'supertest',
    'mocha',
    'chai',
  ];
  for (const name of card) {
    it(`declares and imports ${name}`, () => {
      expect(declared, 'declared in package.json').to.have.property(name);
      expect(used.has(name), 'imported in services/, test/ or scripts/').to.equal(true);
    });
  }

  for (const name of [
    ...['services', 'dashboards', 'scripts', 'test', 'deploy', 'docs'],
    ...['Dockerfile', 'docker-compose.yml', 'package.json', 'tsconfig.json'],
  ]) {
    it(`has ${name} at the top`, () => {
      expect(existsSync(join(ROOT, name))).to.equal(true);
    });
  }

  it('gives a reason for each dependency in docs/dependencies.md, and for nothing else', () => {
    const listed = [...readSource('docs/dependencies.md').matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)];
    expect(listed.map((row) => row[1])).to.have.members(Object.keys(declared));
    for (const [, name, reason] of listed) expect(reason?.trim(), name).to.have.length.above(10);
  });

  it('pins every dependency to one exact version', () => {
    expect(Object.entries(declared).filter(([, range]) => !/^\d+\.\d+\.\d+$/.test(range))).to.deep.equal([]);
  });

  it('installs one copy of the OpenTelemetry SDK', () => {
    const lock = JSON.parse(readSource('package-lock.json')) as { packages: Record<string, unknown> };
    const copies = Object.keys(lock.packages)
      .map((path) => path.split('node_modules/').at(-1) ?? '')
      .filter((name) => /^@opentelemetry\/(api|core|resources|sdk-[a-z-]+)$/.test(name));
    expect(copies).to.include('@opentelemetry/sdk-trace');
    expect(copies.filter((name, index) => copies.indexOf(name) !== index)).to.deep.equal([]);
  });

  it('states one version everywhere', () => {
    const lock = JSON.parse(readSource('package-lock.json')) as { version: string };
    expect(lock.version, 'package-lock.json').to.equal(manifest.version);
    expect(/^## (\d+\.\d+\.\d+)/m.exec(readSource('CHANGELOG.md'))?.[1], 'CHANGELOG.md').to.equal(manifest.version);
    expect(readSource('docker-compose.yml'), 'docker-compose.yml').to.include(`cc-proxy:${manifest.version}`);
    expect(readFileSync(join(ROOT, '.nvmrc'), 'utf8').trim(), '.nvmrc').to.equal('24');
  });
});
