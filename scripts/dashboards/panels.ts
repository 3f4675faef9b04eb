// The panels of the dashboards: title, unit, description and queries in; everything that all of them share is set here.
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  BigValueGraphMode,
  LegendDisplayMode,
  LegendPlacement,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type DynamicConfigValue,
  type Panel,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as HeatmapBuilder } from '@grafana/grafana-foundation-sdk/heatmap';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import type { Query } from './queries.ts';

export interface PanelText {
  title: string;
  /** Which metric it draws and what to keep in mind when reading it. */
  description: string;
  /** Grafana's unit id: `s`, `bytes`, `percentunit`, `reqps`, `short` … */
  unit: string;
}

export interface PanelOptions {
  /** Width in 24ths of the page. */
  span?: number;
  stacked?: boolean;
  /** Ascending: below the first value green, then yellow, above the second red. */
  thresholds?: readonly [number, number];
  decimals?: number;
  belowZero?: boolean;
}

export const DATASOURCE = { type: 'prometheus', uid: '$datasource' };

const NO_VALUE = 'No traffic';
const HEIGHT = 8;

/** One colour a percentile on every dashboard. */
const COLORS: Readonly<Record<string, string>> = { mean: 'blue', p50: 'green', p95: 'orange', p99: 'red' };

export function timeseries(text: PanelText, queries: readonly Query[], options: PanelOptions = {}): Builder<Panel> {
  const panel = withText(new TimeseriesBuilder(), text, HEIGHT, options.span ?? 8)
    .fillOpacity(options.stacked === true ? 40 : 8)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs([]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi));
  if (options.belowZero !== true) panel.min(0);
  if (options.stacked === true) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal));
  for (const [name, color] of Object.entries(COLORS)) panel.overrideByRegexp(`^${name}\\b.*`, fixedColor(color));
  return withQueries(panel, queries);
}

export function stat(text: PanelText, query: Query, options: PanelOptions = {}): Builder<Panel> {
  const [warn, bad] = options.thresholds ?? [null, null];
  const panel = withText(new StatBuilder(), text, 4, options.span ?? 3)
    .decimals(options.decimals ?? 2)
    .graphMode(BigValueGraphMode.Area)
    .colorMode(bad === null ? BigValueColorMode.None : BigValueColorMode.Value)
    .thresholds(
      new ThresholdsConfigBuilder()
        .mode(ThresholdsMode.Absolute)
        .steps([
          { value: null, color: 'green' },
          ...(warn === null ? [] : [{ value: warn, color: 'yellow' }]),
          ...(bad === null ? [] : [{ value: bad, color: 'red' }]),
        ]),
    );
  return withQueries(panel, [query]);
}

/** Takes a histogram's buckets as they are: `sum by (le) (increase(…_bucket[…]))`. */
export function heatmap(text: PanelText, query: Query, options: PanelOptions = {}): Builder<Panel> {
  const panel = withText(new HeatmapBuilder(), text, HEIGHT, options.span ?? 12).withTarget(
    target(query, 'A').format(PromQueryFormat.Heatmap),
  );
  return panel;
}

export function table(text: PanelText, queries: readonly Query[], options: PanelOptions = {}): Builder<Panel> {
  const panel = withText(new TableBuilder(), text, HEIGHT, options.span ?? 12);
  for (const [index, query] of queries.entries()) {
    panel.withTarget(target(query, refId(index)).format(PromQueryFormat.Table).instant());
  }
  return panel;
}

interface Described<P> extends Builder<Panel> {
  title(title: string): P;
  description(description: string): P;
  unit(unit: string): P;
  datasource(datasource: typeof DATASOURCE): P;
  height(height: number): P;
  span(width: number): P;
  noValue(text: string): P;
}

function withText<P extends Described<P>>(panel: P, text: PanelText, height: number, width: number): P {
  return panel
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .datasource(DATASOURCE)
    .height(height)
    .span(width)
    .noValue(NO_VALUE);
}

function withQueries<P extends { withTarget(target: Builder<Dataquery>): P } & Builder<Panel>>(
  panel: P,
  queries: readonly Query[],
): P {
  for (const [index, query] of queries.entries()) panel.withTarget(target(query, refId(index)));
  return panel;
}

function target(query: Query, id: string): DataqueryBuilder {
  return new DataqueryBuilder()
    .datasource(DATASOURCE)
    .refId(id)
    .expr(query.expr)
    .legendFormat(query.legend ?? '')
    .exemplar(query.exemplar === true)
    .range();
}

function refId(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}

function fixedColor(color: string): DynamicConfigValue[] {
  return [{ id: 'color', value: { mode: 'fixed', fixedColor: color } }];
}
