// What all dashboards have alike: variables, links to each other, annotations, and nothing that a viewer can change.
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DATASOURCE } from './panels.ts';

export interface Page {
  /** Also the file's name in `dashboards/`. */
  uid: string;
  title: string;
  description: string;
  rows: ReadonlyArray<{ title: string; panels: ReadonlyArray<Builder<Panel>> }>;
}

const TAG = 'cc-proxy';

export function buildDashboard(page: Page): Dashboard {
  const builder = new DashboardBuilder(page.title)
    .uid(page.uid)
    .description(page.description)
    .tags([TAG])
    .readonly()
    .timezone('browser')
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .tooltip(DashboardCursorSync.Crosshair)
    .link(
      new DashboardLinkBuilder('cc-proxy')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .asDropdown(false)
        .keepTime(true)
        .includeVars(true),
    )
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(ofLabel('job', 'Job', 'label_values(ccproxy_build_info, job)'))
    .withVariable(ofLabel('instance', 'Instance', 'label_values(ccproxy_build_info{job=~"$job"}, instance)'))
    .withVariable(ofLabel('model', 'Model', 'label_values(ccproxy_tokens_total{job=~"$job"}, model)'))
    .annotation(
      annotation(
        'Mode changes',
        'sum by (from, to) (changes(ccproxy_mode_changes_total[$__interval])) > 0',
        'mode {{from}} to {{to}}',
        'purple',
      ),
    )
    .annotation(
      annotation(
        'Versions',
        'count by (version, revision) (ccproxy_build_info unless ccproxy_build_info offset $__interval)',
        'version {{version}} {{revision}}',
        'blue',
      ),
    );
  for (const row of page.rows) {
    builder.withRow(new RowBuilder(row.title));
    for (const panel of row.panels) builder.withPanel(panel);
  }
  return builder.build();
}

function ofLabel(name: string, label: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .query(query)
    .datasource(DATASOURCE)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: 'All', value: '$__all' });
}

function annotation(name: string, expr: string, text: string, color: string): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(DATASOURCE)
    .enable(true)
    .iconColor(color)
    .expr(expr)
    .titleFormat(name)
    .textFormat(text);
}
