// Writes dashboards/*.json. Run it after changing a dashboard: npm run dashboards (a test fails until then).
import { writeFileSync } from 'node:fs';
import { compare } from './dashboards/compare.ts';
import { buildDashboard, type Page } from './dashboards/dashboard.ts';
import { models } from './dashboards/models.ts';
import { overview } from './dashboards/overview.ts';
import { runtime } from './dashboards/runtime.ts';
import { telemetry } from './dashboards/telemetry.ts';
import { upstreams } from './dashboards/upstreams.ts';

export const PAGES: readonly Page[] = [overview, models, compare, upstreams, runtime, telemetry];

/** File name → its text. */
export function dashboardFiles(): Map<string, string> {
  return new Map(PAGES.map((page) => [`${page.uid}.json`, `${JSON.stringify(buildDashboard(page), null, 2)}\n`]));
}

if (import.meta.main) {
  for (const [name, text] of dashboardFiles()) writeFileSync(new URL(`../dashboards/${name}`, import.meta.url), text);
}
