// What the demo prints: the table of pairs, the sums under it, and whether every exchange is accounted for.
import type { PairRow } from '#shared/store/store.ts';

/** One replayed request that made an exchange, and what became of it. */
export interface DemoExchange {
  recording: string;
  id: string;
  class: string;
  /** Targets that were to be asked; empty when it was not compared. */
  shadow: string[];
  skipReason: string | null;
  pairs: PairRow[];
}

/** Compared with each target it was meant for, or not compared for one reason. */
export function isAccountedFor({ shadow, skipReason, pairs }: DemoExchange): boolean {
  return skipReason === null ? shadow.length > 0 && pairs.length === shadow.length : pairs.length === 0;
}

export function formatReport(exchanges: DemoExchange[]): string {
  const header = ['recording', 'class', 'primary did', 'secondary would have done', 'level', 'latency'];
  const rows = exchanges.flatMap((exchange) => exchange.pairs.map((pair) => toCells(exchange, pair)));
  return [
    ...formatTable([header, ...rows]),
    '',
    `${exchanges.length} exchanges: ${sums(exchanges)}`,
    'latency is the secondary relative to the primary; level runs from identical to divergent',
  ].join('\n');
}

function toCells(exchange: DemoExchange, pair: PairRow): string[] {
  const ratio = pair.latency_ratio === null ? '–' : `×${pair.latency_ratio.toFixed(2)}`;
  const level = pair.level ?? pair.skip_reason ?? pair.verdict;
  return [exchange.recording, exchange.class, describeArm(pair.primary), describeArm(pair.secondary), level, ratio];
}

function describeArm(arm: PairRow['primary']): string {
  if (!arm) return '–';
  if (arm.error) return `error ${arm.http_status}`;
  return arm.tools.length > 0 ? arm.tools.join(' + ') : arm.action;
}

function sums(exchanges: DemoExchange[]): string {
  const counts = new Map<string, number>();
  for (const exchange of exchanges) {
    const words = exchange.skipReason === null ? 'compared' : `skipped: ${exchange.skipReason}`;
    const key = isAccountedFor(exchange) ? words : 'NOT ACCOUNTED FOR';
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([words, count]) => `${count} ${words}`).join(', ');
}

/** The first row is the header. */
export function formatTable(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  lines.splice(1, 0, widths.map((width) => '─'.repeat(width)).join('  '));
  return lines;
}
