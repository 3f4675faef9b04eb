// What only Helm can say: the chart rendered, and what it renders loaded by the program. Skipped where helm is absent;
// scripts/verify-chart checks more.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { createProgram } from '#services/cli/program.ts';
import { type Config, environmentNames, loadConfig } from '#shared/config/load.ts';
import { isKey, type SectionSchema } from '#shared/config/schema.ts';
import { MAPS, SECTIONS } from '#shared/config/sections/index.ts';
import { isThere, template } from '../../scripts/chart/tools.ts';
import { WRONG_VALUES } from '../../scripts/chart/wrong-values.ts';
import { ROOT } from '../support/read-imports.ts';

interface Container {
  image: string;
  args?: string[];
  env?: Array<{ name: string; value?: string }>;
}

interface Manifest {
  kind: string;
  metadata: { name: string; labels: Record<string, string>; annotations?: Record<string, string> };
  data?: Record<string, string>;
  spec?: {
    groups?: unknown;
    selector?: Record<string, string>;
    template?: {
      metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
      spec: { containers: Container[] };
    };
  };
}

const CHART = join(ROOT, 'helm/cc-proxy');
const shapes = readdirSync(join(CHART, 'ci')).map((file) => join(CHART, 'ci', file));

/** Settings that no ConfigMap may hold, and those that the chart has to know. */
function refusedPaths(): string[] {
  const paths: string[] = [];
  const walk = (schema: SectionSchema, prefix: string): void => {
    for (const [name, node] of Object.entries(schema)) {
      if (!isKey(node)) walk(node, `${prefix}${name}.`);
      else if (node.sensitive || name === 'listen_address') paths.push(`${prefix}${name}`);
    }
  };
  for (const [name, schema] of Object.entries(SECTIONS)) walk(schema, `${name}.`);
  for (const [name, schema] of Object.entries(MAPS)) walk(schema, `${name}.one.`);
  return paths;
}

describe('the chart, rendered', function () {
  this.timeout(60_000);
  let folder: string;
  before(function () {
    if (!isThere('helm', 'version')) {
      console.warn('helm is not in PATH: what the chart renders is not checked');
      this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-chart-'));
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  function render(args: string[], chart = CHART): Manifest[] {
    const { ok, stdout, stderr } = template(chart, 'rel', 'ns', args);
    if (!ok) throw new Error(stderr);
    return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
  }

  const rendered = new Map<string, Manifest[]>();
  /** Each shape once for all tests. */
  function renderShape(shape: string): Manifest[] {
    const manifests = rendered.get(shape) ?? render(['-f', shape]);
    rendered.set(shape, manifests);
    return manifests;
  }

  function settingsOf(manifests: Manifest[]): Config {
    const file = join(folder, 'cc-proxy.toml');
    writeFileSync(file, manifests.find(({ data }) => data?.['cc-proxy.toml'])?.data?.['cc-proxy.toml'] ?? '');
    return loadConfig({ env: { HOME: '/' }, cwd: '/', configPath: file, allowAnthropicOnly: true });
  }

  function ours(manifests: Manifest[]): Container[] {
    const containers = manifests.flatMap(({ spec }) => spec?.template?.spec.containers ?? []);
    return containers.filter(({ image, args }) => image.includes('cc-proxy') && args);
  }

  for (const shape of shapes) {
    it(`gives ${basename(shape)} settings that load, commands that exist and no variable but settings`, () => {
      const manifests = renderShape(shape);
      expect(settingsOf(manifests).warnings).to.deep.equal([]);
      const commands = createProgram().commands.map((command) => command.name());
      const names = new Set(environmentNames());
      const containers = ours(manifests);
      expect(containers).to.have.length.above(0);
      for (const { args, env } of containers) {
        expect(commands).to.include(args?.[0]);
        const set = (env ?? []).map(({ name }) => name).filter((name) => /^CC_(?!PROXY_)/.test(name));
        expect(set.filter((name) => !names.has(name))).to.deep.equal([]);
      }
    });

    it(`points every Service of ${basename(shape)} at pods that are there`, () => {
      const manifests = renderShape(shape);
      const pods = manifests.flatMap(({ spec }) => (spec?.template ? [spec.template.metadata.labels] : []));
      const services = manifests.filter(({ kind }) => kind === 'Service');
      for (const { metadata, spec } of services) {
        const wanted = Object.entries(spec?.selector ?? {});
        expect(wanted, metadata.name).to.have.length.above(1);
        const isFound = pods.some((labels) => wanted.every(([key, value]) => labels[key] === value));
        expect(isFound, metadata.name).to.equal(true);
      }
    });
  }

  it('keeps what the values say, numbers and odd names included', () => {
    const production = settingsOf(renderShape(join(CHART, 'ci/production-values.yaml')));
    expect(production.compare.budget.tokens_per_hour).to.equal(20_000_000);
    expect(production.compare.sample.main).to.equal(0.05);
    expect(production.server.drain_secs).to.equal(600);
    const ingress = settingsOf(renderShape(join(CHART, 'ci/ingress-values.yaml')));
    expect(Object.keys(ingress.models)).to.have.members(['fast', 'qwen3:8b']);
    expect(ingress.prices.fast?.input).to.equal(0.25);
    expect(ingress.rules.map(({ name, use }) => [name, use])).to.deep.equal([
      ['local-secrets', 'qwen3:8b'],
      ['background', 'fast'],
    ]);
    expect(ingress.rules[0]?.when).to.deep.include({ tool_used: 'mcp__vault"\\\\__*', has_images: false });
    expect(ingress.rules[1]?.when).to.deep.include({ class: ['auxiliary', 'other'], input_tokens_over: 1_000_000 });
  });

  it('replaces the pods when a setting changes, and only then', () => {
    const checksums = (args: string[]): Array<string | undefined> =>
      render(['--set', 'simulator.enabled=true', ...args])
        .filter(({ kind }) => kind === 'Deployment')
        .map(({ spec }) => spec?.template?.metadata.annotations?.['checksum/config']);
    const before = checksums([]);
    expect(checksums(['--set', 'gateway.replicas=5'])).to.deep.equal(before);
    const changed = checksums(['--set', 'config.log.level=debug']);
    expect(changed.filter((sum, index) => sum !== undefined && sum === before[index])).to.deep.equal([]);
  });

  it('renders the same twice: nothing random, nothing asked of a cluster', () => {
    const trial = join(CHART, 'ci/trial-values.yaml');
    expect(render(['-f', trial])).to.deep.equal(renderShape(trial));
  });

  it('takes dashboards and rules as they are, braces included, and leaves unit tests of rules out', () => {
    const chart = join(folder, 'chart');
    cpSync(CHART, chart, { recursive: true, filter: (path) => !/\/(dashboards|prometheus)(\/|$)/.test(path) });
    for (const name of ['dashboards', 'prometheus']) mkdirSync(join(chart, name));
    const dashboard = '{ "title": "a", "legendFormat": "{{ mode }} {{quantile}}" }\n';
    writeFileSync(join(chart, 'dashboards/one_dash.json'), dashboard);
    const groups = [
      { name: 'g', rules: [{ alert: 'A', expr: 'up == 0', annotations: { text: '{{ $labels.pod }}' } }] },
    ];
    writeFileSync(join(chart, 'prometheus/alerts.yml'), JSON.stringify({ groups }));
    writeFileSync(join(chart, 'prometheus/alerts_test.yml'), 'rule_files: [alerts.yml]\ntests: []\n');
    const manifests = render(
      ['-f', join(CHART, 'ci/trial-values.yaml'), '-f', join(CHART, 'ci/production-values.yaml')],
      chart,
    );
    const made = manifests.find(({ metadata }) => metadata.name === 'rel-cc-proxy-dashboard-one-dash');
    expect(made?.data?.['one_dash.json']?.trim()).to.equal(dashboard.trim());
    expect(made?.metadata.labels.grafana_dashboard).to.equal('1');
    const rules = manifests.filter(({ kind }) => kind === 'PrometheusRule');
    expect(rules.map(({ spec }) => spec?.groups)).to.deep.equal([groups]);
    const prometheus = manifests.find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.endsWith('-prometheus'),
    );
    expect(Object.keys(prometheus?.data ?? {})).to.have.members(['alerts.yml', 'prometheus.yml']);
  });

  // What the schema refuses needs no Helm: values.test.ts.
  for (const { what, values, says } of WRONG_VALUES.filter(({ bySchema }) => !bySchema)) {
    it(`refuses ${what}, in words`, () => {
      const file = join(folder, 'wrong.yaml');
      writeFileSync(file, JSON.stringify(values));
      const { ok, stderr } = template(CHART, 'rel', 'ns', ['-f', file]);
      expect(ok).to.equal(false);
      expect(stderr).to.match(says);
    });
  }

  it('refuses every setting that is a secret or an address, whatever section it is in', () => {
    for (const path of refusedPaths()) {
      const leaf = path.endsWith('headers') ? { a: 'b' } : 'x';
      const config = path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), leaf);
      const file = join(folder, 'wrong.yaml');
      writeFileSync(file, JSON.stringify({ simulator: { enabled: true }, config }));
      expect(template(CHART, 'rel', 'ns', ['-f', file]).stderr, path).to.include(`config.${path}: `);
    }
  });

  it('leaves no hole in what it renders', () => {
    for (const shape of shapes) {
      expect(JSON.stringify(renderShape(shape)), shape).not.to.match(/<no value>|%!|<nil>|:null[,}]/);
    }
  });
});
