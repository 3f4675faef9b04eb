// Samples and snapshots of a soak → whether memory stayed flat, and the page that says so.
import { growth, type Heap, totalBytes } from './soak-heap.ts';

export interface Sample {
  readonly minute: number;
  readonly rssMb: number;
}

export interface Soak {
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly minutes: number;
  readonly loads: readonly string[];
  readonly samples: readonly Sample[];
  readonly heaps: { readonly before: Heap; readonly after: Heap };
  readonly finished: number;
  readonly problems: Readonly<Record<string, number>>;
}

export interface Flatness {
  readonly earlyMb: number;
  readonly lateMb: number;
  readonly isFlat: boolean;
}

/** Caches fill and code is compiled in the first fifth; the second is the measure for the last. */
const FIFTHS = 5;
const LEAST_SAMPLES = 20;
const MAY_GROW = 1.1;

/** Null = too few samples to say. */
export function judgeFlatness(samples: readonly Sample[]): Flatness | null {
  const fifth = Math.floor(samples.length / FIFTHS);
  if (samples.length < LEAST_SAMPLES) return null;
  const earlyMb = median(samples.slice(fifth, 2 * fifth));
  const lateMb = median(samples.slice(-fifth));
  return { earlyMb, lateMb, isFlat: lateMb <= earlyMb * MAY_GROW };
}

function median(samples: readonly Sample[]): number {
  const sorted = samples.map(({ rssMb }) => rssMb).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

const ROWS = 15;

export function formatSoak(soak: Soak): string {
  const { samples, heaps, problems } = soak;
  const flatness = judgeFlatness(samples);
  const errors = Object.entries(problems).map(([kind, count]) => `${count} ${kind}`);
  const step = Math.max(1, Math.ceil(samples.length / ROWS));
  const shown = samples.filter((_, index) => index % step === 0 || index === samples.length - 1);
  return [
    '# Soak',
    '',
    `\`cc-proxy gateway\` as built under mixed load for ${soak.minutes} minutes: mode compare, history, spans with content. Made by \`${soak.command}\`, ${soak.date}.`,
    '',
    `- **Machine:** ${soak.machine}.`,
    `- **Load:** in turn ${soak.loads.join(', ')}, as in [bench.md](bench.md).`,
    `- **Answers:** ${soak.finished.toLocaleString('en')} right to the byte; errors: ${errors.join(', ') || '0'}.`,
    `- **Resident memory:** ${verdict(flatness)}`,
    `- **Heap:** ${mb(totalBytes(heaps.before))} MB → ${mb(totalBytes(heaps.after))} MB of live objects.`,
    '',
    '| minute | RSS MB |',
    '| --- | --- |',
    ...shown.map(({ minute, rssMb }) => `| ${minute.toFixed(1)} | ${Math.round(rssMb)} |`),
    '',
    '## What there is more of at the end',
    '',
    '| kind | objects | KB |',
    '| --- | --- | --- |',
    ...growth(heaps.before, heaps.after)
      .slice(0, ROWS)
      .map(({ kind, count, bytes }) => `| ${toCode(kind)} | ${signed(count)} | +${(bytes / 1024).toFixed(0)} |`),
    '',
  ].join('\n');
}

function verdict(flatness: Flatness | null): string {
  if (flatness === null) return 'too few samples to say whether it is flat.';
  const { earlyMb, lateMb, isFlat } = flatness;
  const word = isFlat ? 'flat' : '**grows**';
  return `${word}: ${Math.round(earlyMb)} MB in the second fifth, ${Math.round(lateMb)} MB in the last.`;
}

function mb(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

function signed(count: number): string {
  return `${count > 0 ? '+' : ''}${count.toLocaleString('en')}`;
}

/** Names of objects are whatever code calls them. */
function toCode(kind: string): string {
  return `\`${kind.replace(/[`|\s]+/g, ' ').slice(0, 60)}\``;
}
