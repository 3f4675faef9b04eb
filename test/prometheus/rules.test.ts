// The rules are what their code makes; each alert fires when it must, not when it must not, and not without traffic. The
// evaluation is Prometheus' own.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import type { RuleGroup } from '../../scripts/rules/rule.ts';
import { PAGES } from '../../scripts/write-dashboards.ts';
import { ruleFiles } from '../../scripts/write-rules.ts';
import { defaultConfig } from '../support/default-config.ts';
import { selectorsOf, syntaxError } from '../support/promql.ts';
import { ALERT_CASES, type AlertCase } from './alert-cases.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(root, 'deploy/prometheus/rules');
const slo = defaultConfig().slo;
const rules = [...ruleFiles(slo).values()].flatMap((text) =>
  (parse(text) as { groups: RuleGroup[] }).groups.flatMap((group) => group.rules),
);
const alerts = rules.filter((rule) => rule.alert !== undefined);

describe('rules', () => {
  it('are the files that their code makes', () => {
    expect(readdirSync(folder)).to.have.members([...ruleFiles(slo).keys()]);
    for (const [name, text] of ruleFiles(slo)) {
      expect(readFileSync(join(folder, name), 'utf8'), `${name}: run npm run rules`).to.equal(text);
    }
  });

  it('are whole PromQL about metrics that exist', async () => {
    const families = await createMetrics().registry.getMetricsAsJSON();
    const served = new Set(families.map(({ name }) => name));
    const recorded = new Set(rules.flatMap(({ record }) => (record === undefined ? [] : [record])));
    for (const { expr } of rules) {
      expect(syntaxError(expr), expr).to.equal(null);
      for (const { metric } of selectorsOf(expr)) {
        const family = metric.replace(/_(bucket|sum|count)$/, '');
        const known = served.has(metric) || served.has(family) || recorded.has(metric);
        expect(known || ['up', 'phoenix_span_queue_rejections_total'].includes(metric), metric).to.equal(true);
      }
    }
  });

  it('give every alert a severity, its words, a dashboard of ours and a page that says what to do', () => {
    const uids = PAGES.map(({ uid }) => `/d/${uid}`);
    for (const { alert, labels, annotations } of alerts) {
      expect(labels?.severity, alert).to.be.oneOf(['page', 'ticket', 'info']);
      expect(annotations?.summary, alert).to.be.a('string').and.not.equal('');
      expect(annotations?.description, alert).to.match(/\{\{ \$(value|labels)/);
      expect(uids, alert).to.include(annotations?.dashboard);
      expect(
        existsSync(join(root, annotations?.runbook_url ?? 'none')),
        `${alert}: ${annotations?.runbook_url}`,
      ).to.equal(true);
    }
  });

  it('have a case for every alert', () => {
    expect(ALERT_CASES.map(({ alert }) => alert)).to.have.members(alerts.map(({ alert }) => alert));
  });

  it('point to the pages of another place when the settings say so', () => {
    const text = [...ruleFiles({ ...slo, runbooks_url: 'https://wiki.example/cc' }).values()].join('');
    expect(text).to.include('runbook_url: https://wiki.example/cc/error-budget.md');
  });

  for (const [key, value] of [
    ['ttft_seconds', 4],
    ['overhead_seconds', 0.07],
    ['compare_freshness_seconds', 61],
    ['availability', 0.93],
    ['telemetry', 1],
  ] as const) {
    it(`refuse slo.${key} = ${value} by name`, () => {
      expect(() => ruleFiles({ ...slo, [key]: value })).to.throw(`slo.${key} = ${value}`);
    });
  }
});

describe('alerts, evaluated by promtool', () => {
  let work: string;
  before(function () {
    if (spawnSync('promtool', ['--version']).error !== undefined) {
      console.warn('      promtool is not installed: NO alert is evaluated in this run');
      this.skip();
    }
    work = mkdtempSync(join(tmpdir(), 'cc-proxy-test-'));
  });
  after(() => {
    if (work !== undefined) rmSync(work, { recursive: true, force: true });
  });

  it('are rules that Prometheus loads', () => {
    const files = readdirSync(folder).map((name) => join(folder, name));
    const check = spawnSync('promtool', ['check', 'rules', ...files], { encoding: 'utf8' });
    expect(check.status, check.stdout + check.stderr).to.equal(0);
  });

  it('fire when they must', () => expectPass(ALERT_CASES.map((one) => test(one, one.fires, 1))));

  it('do not fire when something near is the matter', () =>
    expectPass(ALERT_CASES.map((one) => test(one, one.quiet, 0))));

  it('do not fire without traffic', () => {
    const idle = ALERT_CASES.filter(({ alert }) => !['CcProxyTargetDown', 'CcProxyMetricsAbsent'].includes(alert));
    expectPass(idle.map((one) => test(one, { 'ccproxy_build_info{version="1"}': '1x1000', ...still(one.quiet) }, 0)));
  });

  /** Everything that traffic moves is there and stands at 0; limits and sizes stay as they are. */
  function still(series: AlertCase['quiet']): Record<string, string> {
    return Object.fromEntries(
      Object.entries(series).map(([name, values]) => [
        name,
        /(limit|limit_bytes|memory_bytes|mode_info)\b/.test(name) ? values : '0x1000',
      ]),
    );
  }

  interface Case {
    one: AlertCase;
    series: AlertCase['fires'];
    firing: 0 | 1;
  }

  function test(one: AlertCase, series: AlertCase['fires'], firing: 0 | 1): Case {
    return { one, series, firing };
  }

  /** Each case has a file of its own and sees only its own alert and what that alert reads: a fraction of the work. */
  function expectPass(cases: Case[]): void {
    const files = cases.map((each) => {
      const file = join(work, `${each.one.alert}.test.yaml`);
      writeFileSync(file, stringify(testFile(each)));
      return file;
    });
    const run = spawnSync('promtool', ['test', 'rules', ...files], { encoding: 'utf8' });
    expect(run.status, run.stdout + run.stderr).to.equal(0);
  }

  function testFile({ one, series, firing }: Case): unknown {
    const rule = alerts.find(({ alert }) => alert === one.alert);
    const read = selectorsOf(rule?.expr ?? '').map(({ metric }) => metric);
    const needed = [...rules.filter(({ record }) => record !== undefined && read.includes(record)), rule];
    const rulesFile = join(work, `${one.alert}.yaml`);
    writeFileSync(
      rulesFile,
      stringify({ groups: [{ name: 'case', rules: needed }] }, { aliasDuplicateObjects: false }),
    );
    return {
      rule_files: [rulesFile],
      evaluation_interval: one.interval,
      tests: [
        {
          name: one.alert,
          interval: one.interval,
          input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
          promql_expr_test: [
            {
              expr: `count(ALERTS{alertname="${one.alert}",alertstate="firing"}) > bool 0 or vector(0)`,
              eval_time: one.at,
              exp_samples: [{ labels: '{}', value: firing }],
            },
          ],
        },
      ],
    };
  }
});
