// The way of what is observed: spans, annotations and history rows, and what was lost of them.
import type { Page } from './dashboard.ts';
import { stat, timeseries } from './panels.ts';
import { largest, orZero, quantiles, rate, ratio, total } from './queries.ts';

const foreign = (expression: string): string => `${expression} or vector(0)`;

export const telemetry: Page = {
  uid: 'cc-proxy-telemetry',
  title: 'cc-proxy / Telemetry pipeline',
  description: 'Spans, annotations and history records: what was kept, what was lost and what waits.',
  rows: [
    {
      title: 'Spans',
      panels: [
        stat(
          {
            title: 'Spans lost',
            description:
              'Share of spans dropped or failed, of those that were to be exported (ccproxy_telemetry_spans_total).',
            unit: 'percentunit',
          },
          {
            expr: ratio(
              rate('ccproxy_telemetry_spans_total', 'result=~"dropped_.+|failed"'),
              rate('ccproxy_telemetry_spans_total', 'result!="unsampled"'),
            ),
          },
          { span: 6, thresholds: [0.001, 0.01] },
        ),
        stat(
          { title: 'Spans waiting', description: 'ccproxy_telemetry_queue_spans.', unit: 'short' },
          { expr: total('ccproxy_telemetry_queue_spans') },
          { span: 6, decimals: 0 },
        ),
        stat(
          {
            title: 'Size waiting',
            description: 'ccproxy_telemetry_queue_bytes; the bound is tracing.queue_max_bytes.',
            unit: 'bytes',
          },
          { expr: total('ccproxy_telemetry_queue_bytes') },
          { span: 6 },
        ),
        stat(
          {
            title: 'History behind',
            description: 'ccproxy_history_oldest_pending_age_seconds: age of the oldest exchange not in the store.',
            unit: 's',
          },
          { expr: largest('ccproxy_history_oldest_pending_age_seconds') },
          { span: 6, thresholds: [60, 300] },
        ),
        timeseries(
          { title: 'Spans by what became of them', description: 'ccproxy_telemetry_spans_total.', unit: 'short' },
          [{ expr: rate('ccproxy_telemetry_spans_total', '', 'result'), legend: '{{result}}' }],
          { stacked: true },
        ),
        timeseries({ title: 'Queue', description: 'ccproxy_telemetry_queue_bytes by instance.', unit: 'bytes' }, [
          { expr: total('ccproxy_telemetry_queue_bytes', '', 'instance'), legend: '{{instance}}' },
        ]),
        timeseries(
          {
            title: 'Time of an export',
            description: 'ccproxy_telemetry_export_seconds, failed ones included.',
            unit: 's',
          },
          quantiles('ccproxy_telemetry_export_seconds'),
        ),
        timeseries(
          {
            title: 'Scores for Phoenix',
            description: 'ccproxy_phoenix_annotations_total: dropped and failed ones are missing beside their spans.',
            unit: 'short',
          },
          [{ expr: rate('ccproxy_phoenix_annotations_total', '', 'result'), legend: '{{result}}' }],
          { stacked: true },
        ),
      ],
    },
    {
      title: 'History and logs',
      panels: [
        timeseries(
          {
            title: 'History records',
            description: 'ccproxy_history_records_total: expired, failed and dead are losses.',
            unit: 'short',
          },
          [{ expr: rate('ccproxy_history_records_total', '', 'result'), legend: '{{result}}' }],
          { stacked: true, span: 12 },
        ),
        timeseries(
          {
            title: 'Log lines lost',
            description: 'ccproxy_telemetry_log_lines_dropped_total: whoever reads the output is too slow.',
            unit: 'short',
          },
          [{ expr: orZero(rate('ccproxy_telemetry_log_lines_dropped_total')), legend: 'lines' }],
          { span: 6 },
        ),
        timeseries(
          {
            title: 'Wire dumps',
            description:
              'ccproxy_wire_dumps_total: written only where capture.dump_dir is set; dropped and failed are losses.',
            unit: 'short',
          },
          [{ expr: orZero(rate('ccproxy_wire_dumps_total', '', 'result')), legend: '{{result}}' }],
          { span: 6 },
        ),
      ],
    },
    {
      title: 'Receivers',
      panels: [
        timeseries(
          {
            title: 'Phoenix',
            description: 'phoenix_span_queue_size and rejections, where Phoenix’s own metrics are scraped; else 0.',
            unit: 'short',
          },
          [
            { expr: foreign('sum(phoenix_span_queue_size)'), legend: 'queue' },
            { expr: orZero('sum(rate(phoenix_span_queue_rejections_total[$__rate_interval]))'), legend: 'rejected' },
          ],
          { span: 12 },
        ),
        timeseries(
          {
            title: 'Collector',
            description: 'otelcol_exporter_send_failed_spans_total, where a collector is scraped; else 0.',
            unit: 'short',
          },
          [{ expr: orZero('sum(rate(otelcol_exporter_send_failed_spans_total[$__rate_interval]))'), legend: 'failed' }],
          { span: 12 },
        ),
      ],
    },
  ],
};
