// Writes helm/cc-proxy/values.schema.json and README.md from values.yaml and the program's settings. Run it after changing
// either: node --conditions=source scripts/write-chart.ts (a test fails until then).
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readValues, type ValueLine } from './chart/read-values.ts';
import { valuesSchema } from './chart/values-schema.ts';

const CHART = new URL('../helm/cc-proxy/', import.meta.url);
const BEGIN = '<!-- values: written by scripts/write-chart.ts -->';

export function chartSchema(valuesYaml: string): string {
  const comments = new Map(readValues(valuesYaml).map(({ path, comment }) => [path, comment]));
  return `${JSON.stringify(
    valuesSchema((path) => comments.get(path)),
    null,
    1,
  )}\n`;
}

/** The page up to the marker is written by hand. */
export function chartPage(page: string, valuesYaml: string): string {
  const [head = ''] = page.split(BEGIN, 1);
  return `${head}${BEGIN}\n\n${tables(readValues(valuesYaml))}`;
}

function tables(lines: ValueLine[]): string {
  const tops = [...new Set(lines.map(({ path }) => path.split('.', 1)[0] ?? ''))];
  const singles = tops.filter((top) => lines.filter(({ path }) => isUnder(path, top)).length === 1);
  const groups = tops.filter((top) => !singles.includes(top));
  const row = ({ path, fallback, comment }: ValueLine): string =>
    `| \`${path}\` | ${fallback === undefined ? '' : `\`${fallback.replaceAll('|', '\\|')}\``} | ${(comment ?? '').replaceAll('<', '&lt;')} |`;
  const table = (rows: ValueLine[]): string =>
    ['| value | default | meaning |', '|---|---|---|', ...rows.map(row)].join('\n');
  const general = `### General\n\n${table(lines.filter(({ path }) => singles.includes(path)))}\n`;
  const sections = groups.map((top) => {
    const under = lines.filter(({ path }) => isUnder(path, top));
    const about = under[0]?.comment;
    const rows = under.slice(1).filter(({ fallback, comment }) => fallback !== undefined || comment !== undefined);
    return `### ${top}\n\n${about ? `${about}\n\n` : ''}${table(rows)}\n`;
  });
  return [general, ...sections].join('\n');
}

function isUnder(path: string, top: string): boolean {
  return path === top || path.startsWith(`${top}.`);
}

if (import.meta.main) {
  const values = readFileSync(new URL('values.yaml', CHART), 'utf8');
  const schema = fileURLToPath(new URL('values.schema.json', CHART));
  writeFileSync(schema, chartSchema(values));
  // As the lint of the repository wants it.
  const biome = fileURLToPath(new URL('../node_modules/@biomejs/biome/bin/biome', import.meta.url));
  const { status } = spawnSync(process.execPath, [biome, 'format', '--write', schema], { stdio: 'inherit' });
  const page = new URL('README.md', CHART);
  writeFileSync(page, chartPage(readFileSync(page, 'utf8'), values));
  process.exitCode = status ?? 1;
}
