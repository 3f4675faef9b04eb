// The chart without Helm: its schema, its values and its page against each other, and against the program and the other
// ways to install it.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { expect } from 'chai';
import { parse } from 'yaml';
import { GROUPS } from '#shared/bus/bus.ts';
import { createKeys } from '#shared/bus/keys.ts';
import { loadConfig } from '#shared/config/load.ts';
import { parseAddress } from '#shared/config/schema.ts';
import { readValues } from '../../scripts/chart/read-values.ts';
import type { Schema } from '../../scripts/chart/values-schema.ts';
import { WRONG_VALUES } from '../../scripts/chart/wrong-values.ts';
import { chartPage, chartSchema } from '../../scripts/write-chart.ts';
import { ROOT, readSource } from '../support/read-imports.ts';

const CHART = 'helm/cc-proxy';
const valuesText = readSource(`${CHART}/values.yaml`);
const values = parse(valuesText) as Record<string, unknown>;
const schema = JSON.parse(readSource(`${CHART}/values.schema.json`)) as Schema;
const shapes = readdirSync(join(ROOT, CHART, 'ci'));
const REWRITE = 'run: node --conditions=source scripts/write-chart.ts';

function validator(): (value: unknown) => string[] {
  const validate = new Ajv({ allErrors: true, strict: false }).compile(schema);
  return (value) =>
    validate(value)
      ? []
      : (validate.errors ?? []).map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
}

/** Every object schema with its path, those behind references once. */
function objectsOf(node: unknown, path: string): Array<{ path: string; schema: Schema }> {
  if (node === null || typeof node !== 'object') return [];
  const here = node as Schema;
  const isObject = here.type === 'object' || here.properties !== undefined;
  const inner = Object.entries(here).flatMap(([key, value]) => objectsOf(value, `${path}/${key}`));
  return [...(isObject && !path.endsWith('/properties') ? [{ path, schema: here }] : []), ...inner];
}

function textsOf(folder: string): string {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => /\.(yaml|tpl|txt)$/.test(file))
    .map((file) => readSource(`${folder}/${file}`))
    .join('\n');
}

describe('values of the chart', () => {
  const problemsOf = validator();

  it('are valid by default, and in the file of every supported shape', () => {
    expect(problemsOf(values)).to.deep.equal([]);
    expect(shapes).to.have.length.above(4);
    for (const shape of shapes) {
      expect(problemsOf(parse(readSource(`${CHART}/ci/${shape}`))), shape).to.deep.equal([]);
    }
  });

  for (const { what, values: wrong, says, bySchema } of WRONG_VALUES) {
    it(`${bySchema ? 'refuse' : 'leave to the chart'} ${what}`, () => {
      const problems = problemsOf(wrong);
      if (bySchema) expect(problems.join('\n')).to.match(says);
      else expect(problems).to.deep.equal([]);
    });
  }

  it('know no object that takes anything, but three that the API server checks', () => {
    const open = objectsOf(schema, '').filter(({ schema: object }) => object.additionalProperties === undefined);
    const names = [...new Set(open.map(({ path }) => path.split('/').at(-1)))];
    expect(names).to.have.members(['nodeAffinity', 'podAffinity', 'podAntiAffinity', 'global']);
    expect(objectsOf(schema, '').filter(({ schema: object }) => object.additionalProperties === true)).to.deep.equal(
      [],
    );
  });

  it('have a default in values.yaml and a sentence on the page for everything the schema knows', () => {
    const paths = new Map(readValues(valuesText).map((line) => [line.path, line]));
    const missing: string[] = [];
    const walk = (node: Schema, path: string): void => {
      for (const [key, child] of Object.entries((node.properties ?? {}) as Record<string, Schema>)) {
        const here = path === '' ? key : `${path}.${key}`;
        if (here === 'global') continue;
        const line = paths.get(here);
        if (!line) missing.push(here);
        else if (child.properties === undefined && line.comment === undefined) missing.push(`${here} (no comment)`);
        if (here !== 'config' && line?.fallback === undefined) walk(child, here);
      }
    };
    walk(schema, '');
    expect(missing).to.deep.equal([]);
  });

  it(`are described by a schema made from them and from the settings; ${REWRITE}`, () => {
    expect(schema).to.deep.equal(JSON.parse(chartSchema(valuesText)));
  });

  it(`are described by a page made from them; ${REWRITE}`, () => {
    const page = readSource(`${CHART}/README.md`);
    expect(page).to.equal(chartPage(page, valuesText));
    for (const shape of shapes) expect(page).to.include(`\`${shape}\``);
  });

  it('name an image that the page says how to get: no registry has it under that name', () => {
    const page = readSource(`${CHART}/README.md`);
    expect((values.image as Record<string, string>).registry).to.equal('');
    const [, tag = 'none'] = /docker build -t cc-proxy:(\S+) /.exec(page) ?? [];
    expect(page).to.match(new RegExp(`helm install cc-proxy helm/cc-proxy .*--set image\\.tag=${tag}\\n`));
  });
});

describe('the chart and the rest of the repository', () => {
  const templates = textsOf(`${CHART}/templates`);
  const config = loadConfig({ env: { HOME: '/' }, cwd: '/' });

  it('has one version with the package, the image and the compose file', () => {
    const { version } = JSON.parse(readSource('package.json')) as { version: string };
    const chart = parse(readSource(`${CHART}/Chart.yaml`)) as { version: string; appVersion: string };
    expect([chart.version, chart.appVersion]).to.deep.equal([version, version]);
    expect((values.image as { tag: string }).tag).to.equal('');
    for (const file of ['docker-compose.yml', '.env.example']) {
      const tags = [...readSource(file).matchAll(/cc-proxy:(\d[\w.-]*)/g)].map((match) => match[1]);
      expect(tags, file).to.have.length.above(0);
      expect(new Set(tags), file).to.deep.equal(new Set([version]));
    }
    expect(readSource('Dockerfile')).to.include(`ARG VERSION=${version}\n`);
  });

  it('brings the servers of the compose file, in the same versions', () => {
    const own = new Map(
      [...valuesText.matchAll(/^ {2}image: (\S+):([\w.-]+)$/gm)].map((match) => [match[1], match[2]]),
    );
    expect(own.size).to.be.above(6);
    const compose = [...readSource('docker-compose.yml').matchAll(/image: \$\{\w+:-([\w./-]+):([\w.-]+)\}/g)];
    const both = compose.filter((match) => own.has(match[1]));
    expect(both).to.have.length.above(2);
    for (const [, image, tag] of both) expect(own.get(image), image).to.equal(tag);
  });

  it('listens where the program listens by default', () => {
    for (const name of ['server', 'comparator', 'console', 'simulator', 'ops'] as const) {
      const port = parseAddress(config[name].listen_address)?.port;
      expect(templates, name).to.include(`0.0.0.0:${port}"`);
    }
  });

  it('counts with the drain time that the program has by default', () => {
    expect(templates).to.include(`"server" "drain_secs" ${config.server.drain_secs} `);
    expect(templates).to.include(`"dump_max_mib" ${config.capture.dump_max_mib} `);
    const { preStopSeconds, flushSeconds } = values.gateway as { preStopSeconds: number; flushSeconds: number };
    expect(readSource(`${CHART}/tests/gateway_test.yaml`)).to.include(
      `terminationGracePeriodSeconds, value: ${preStopSeconds + config.server.drain_secs + flushSeconds} }`,
    );
  });

  it('gives every service the seconds that its end can take, with some to spare', () => {
    const secondsOf = (file: string, name: string): number => {
      const found = new RegExp(`\\b${name}(?: =|:) ([\\d_]+)`).exec(readSource(file));
      return Number(found?.[1]?.replace('_', '')) / 1000;
    };
    const spans = secondsOf('services/cli/commands/gateway.ts', 'SHUTDOWN_MS');
    // Twice: for streams that were broken off to end, and for what is published.
    const flush = 2 * secondsOf('services/gateway/service.ts', 'FLUSH_MS') + spans;
    const { gateway, comparator, console: keeper } = values as Record<string, Record<string, number>>;
    expect(gateway?.flushSeconds).to.be.above(flush);
    const compared = secondsOf('services/comparator/config.ts', 'graceMs') + spans;
    expect(comparator?.terminationGracePeriodSeconds).to.be.above(compared);
    const closing = secondsOf('services/console/service.ts', 'STOP_TIMEOUT_MS');
    const kept = secondsOf('services/console/config.ts', 'graceMs') + closing + spans;
    expect(keeper?.terminationGracePeriodSeconds).to.be.above(kept);
    // Nor may a value of the user's be too short.
    const { properties } = schema as unknown as {
      properties: Record<string, { properties: Record<string, { minimum: number }> }>;
    };
    const least = (service: string, key: string): number => properties[service]?.properties[key]?.minimum ?? 0;
    expect(least('gateway', 'flushSeconds')).to.be.above(flush);
    expect(least('comparator', 'terminationGracePeriodSeconds')).to.be.above(compared);
    expect(least('console', 'terminationGracePeriodSeconds')).to.be.above(kept);
    const drain = Number(/^drain_secs = (\d+)$/m.exec(readSource('deploy/compose/cc-proxy.toml'))?.[1]);
    const stop = Number(/stop_grace_period: (\d+)s/.exec(readSource('docker-compose.yml'))?.[1]);
    expect(stop).to.be.above(drain + flush);
  });

  it('scales by the stream and the group that the program reads', () => {
    expect(templates).to.include(`stream: ${createKeys().exchanges}\n`);
    expect(GROUPS).to.include(/consumerGroup: (\w+)/.exec(templates)?.[1]);
  });
});
