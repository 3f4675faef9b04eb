// A pair's scores as notes for people: on its span, and on the spans of the answers in a trace store that keeps notes.
import type { ArmSummary, PairRow } from '#shared/store/store.ts';

export interface PairNote {
  name: string;
  label: string;
  score: number | null;
  /** What the label was made of, without text of either answer; null when the label says it all. */
  explanation: string | null;
}

/** The verdict first, then each score that says something. */
export function pairNotes(row: PairRow): PairNote[] {
  const verdict = { name: 'verdict', label: row.verdict, score: null, explanation: explainVerdict(row) };
  const scores = row.scores
    .filter(({ label }) => label !== 'na')
    .map(({ scorer, label, value, error }) => ({
      name: scorer,
      label,
      score: value,
      explanation: error ?? explain(scorer, row),
    }));
  return [verdict, ...scores];
}

function explainVerdict({ primary, secondary, level, skip_reason }: PairRow): string | null {
  if (skip_reason !== null) return skip_reason;
  if (primary === null || secondary === null) return null;
  const outcomes = sides(primary.outcome, secondary.outcome);
  return level === null ? outcomes : `${outcomes}; level ${level}`;
}

function explain(scorer: string, { primary, secondary }: PairRow): string | null {
  if (primary === null || secondary === null) return null;
  const of = (value: (arm: ArmSummary) => string | number | null, unit = ''): string =>
    sides(`${value(primary) ?? 'none'}${unit}`, `${value(secondary) ?? 'none'}${unit}`);
  switch (scorer) {
    case 'stop_reason':
      return of((arm) => arm.stop_reason);
    case 'tool_names':
      return of((arm) => arm.tools.join(', ') || null);
    case 'latency_ratio':
      return of((arm) => round(arm.duration_ms), ' ms');
    case 'ttft_ratio':
      return of((arm) => round(arm.ttft_ms), ' ms');
    case 'output_tokens_ratio':
      return of((arm) => arm.usage.output_tokens);
    default:
      return null;
  }
}

function sides(primary: string, target: string): string {
  return `primary: ${primary}; target: ${target}`;
}

function round(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms);
}
