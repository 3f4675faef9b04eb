// The shape of Prometheus' rule files, and what every alert of ours must have.

export interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  for?: string;
  keep_firing_for?: string;
  labels?: Readonly<Record<string, string>>;
  annotations?: Readonly<Record<string, string>>;
}

export interface RuleGroup {
  name: string;
  rules: readonly Rule[];
}

export interface AlertText {
  name: string;
  expr: string;
  for?: string;
  keepFiringFor?: string;
  severity: 'page' | 'ticket' | 'info';
  /** One sentence without a value. */
  summary: string;
  /** With the value: `{{ $value }}`. */
  description: string;
  /** The uid of the dashboard to open. */
  dashboard: string;
  /** A page of docs/runbooks, without its ending. */
  runbook: string;
}

/** Stands for `slo.runbooks_url` until the files are written. */
export const RUNBOOKS = '<runbooks>';

export function alert(text: AlertText): Rule {
  return {
    alert: text.name,
    expr: text.expr,
    ...(text.for === undefined ? {} : { for: text.for }),
    ...(text.keepFiringFor === undefined ? {} : { keep_firing_for: text.keepFiringFor }),
    labels: { severity: text.severity },
    annotations: {
      summary: text.summary,
      description: text.description,
      runbook_url: `${RUNBOOKS}/${text.runbook}.md`,
      dashboard: `/d/${text.dashboard}`,
    },
  };
}
