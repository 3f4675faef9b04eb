// Recorded shares and the alerts on how fast an error budget is spent: two windows each, so that an alert fires soon and
// ends soon (multiwindow, multi-burn-rate; Google's SRE workbook, chapter 5).

import type { Objective } from './objectives.ts';
import { alert, type Rule, type RuleGroup } from './rule.ts';

const WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'] as const;
type Window = (typeof WINDOWS)[number];

interface Burn {
  speed: 'Fast' | 'Slow';
  severity: 'page' | 'ticket';
  keepFiringFor: string;
  /** [times the budget, long window, short window] */
  steps: ReadonlyArray<readonly [number, Window, Window]>;
}

const BURNS: readonly Burn[] = [
  {
    speed: 'Fast',
    severity: 'page',
    keepFiringFor: '5m',
    steps: [
      [14.4, '1h', '5m'],
      [6, '6h', '30m'],
    ],
  },
  {
    speed: 'Slow',
    severity: 'ticket',
    keepFiringFor: '15m',
    steps: [
      [3, '1d', '2h'],
      [1, '3d', '6h'],
    ],
  },
];

export function sloGroups(objectives: readonly Objective[]): RuleGroup[] {
  return [
    { name: 'cc-proxy-slo-records', rules: objectives.flatMap(records) },
    {
      name: 'cc-proxy-slo-alerts',
      rules: objectives.flatMap((objective) => BURNS.map((burn) => burnAlert(objective, burn))),
    },
  ];
}

function records(objective: Objective): Rule[] {
  return [
    { record: `ccproxy:${objective.sli}:budget`, expr: `vector(${objective.budget})` },
    ...WINDOWS.map((window) => ({ record: recorded(objective, window), expr: objective.badShare(window) })),
  ];
}

function recorded(objective: Objective, window: Window): string {
  return `ccproxy:${objective.sli}:ratio_rate${window}`;
}

function burnAlert(objective: Objective, burn: Burn): Rule {
  const conditions = burn.steps.map(([times, long, short]) => {
    const limit = `${times} * ${objective.budget}`;
    return `(${recorded(objective, long)} > ${limit} and ${recorded(objective, short)} > ${limit})`;
  });
  return alert({
    name: `CcProxy${objective.title}BudgetBurn${burn.speed}`,
    expr: conditions.join('\nor '),
    keepFiringFor: burn.keepFiringFor,
    severity: burn.severity,
    summary: `The error budget of ${objective.sli} is spent too fast`,
    description: `The bad share is {{ $value | humanizePercentage }}; the objective allows ${Number((objective.budget * 100).toFixed(4))} %.`,
    dashboard: 'cc-proxy-overview',
    runbook: 'error-budget',
  });
}
