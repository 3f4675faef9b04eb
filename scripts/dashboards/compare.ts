// What becomes of compared turns, and how the two legs differ. Averages here are unpaired: they say where to look, not
// which model is better; the verdict with its interval is in the console's report.
import type { Page } from './dashboard.ts';
import { heatmap, stat, timeseries } from './panels.ts';
import { buckets, increase, largest, orZero, quantiles, rate, ratio } from './queries.ts';

const CAVEAT = 'Unpaired and not clustered by session: no verdict follows from it.';

export const compare: Page = {
  uid: 'cc-proxy-compare',
  title: 'cc-proxy / Compare',
  description: 'Pairs, their completeness and the differences between the legs.',
  rows: [
    {
      title: 'Completeness',
      panels: [
        stat(
          { title: 'Pairs', description: 'ccproxy_compare_pairs_total per second.', unit: 'reqps' },
          { expr: rate('ccproxy_compare_pairs_total') },
          { span: 4 },
        ),
        stat(
          {
            title: 'Unaccounted',
            description:
              'ccproxy_compare_unaccounted: published pairs that are neither finished nor dead nor pending. Must be 0.',
            unit: 'short',
          },
          { expr: largest('ccproxy_compare_unaccounted') },
          { span: 4, thresholds: [1, 1], decimals: 0 },
        ),
        stat(
          { title: 'Waiting', description: 'ccproxy_compare_pending: published and not settled.', unit: 'short' },
          { expr: largest('ccproxy_compare_pending', 'stream="exchanges"') },
          { span: 4, decimals: 0 },
        ),
        stat(
          { title: 'Oldest waiting', description: 'ccproxy_compare_oldest_pending_age_seconds.', unit: 's' },
          { expr: largest('ccproxy_compare_oldest_pending_age_seconds', 'stream="exchanges"') },
          { span: 4, thresholds: [60, 300] },
        ),
        stat(
          {
            title: 'Dead letters',
            description: 'ccproxy_compare_stream_length of the dead stream: pairs given up and kept for a look.',
            unit: 'short',
          },
          { expr: largest('ccproxy_compare_stream_length', 'stream="dead"') },
          { span: 4, thresholds: [1, 10], decimals: 0 },
        ),
        stat(
          {
            title: 'Target not called',
            description:
              'Share of time in which the shadow was not asked because it kept failing (ccproxy_compare_target_unavailable_seconds_total).',
            unit: 'percentunit',
          },
          { expr: rate('ccproxy_compare_target_unavailable_seconds_total') },
          { span: 4, thresholds: [0.01, 0.1] },
        ),
        timeseries(
          {
            title: 'Hand-over by result',
            description: 'ccproxy_compare_enqueue_total: everything but ok is a pair lost before the bus.',
            unit: 'reqps',
          },
          [{ expr: rate('ccproxy_compare_enqueue_total', '', 'result'), legend: '{{result}}' }],
          { stacked: true },
        ),
        timeseries(
          {
            title: 'Not compared, by reason',
            description: 'ccproxy_compare_skipped_total: each request not compared has exactly one reason.',
            unit: 'reqps',
          },
          [{ expr: rate('ccproxy_compare_skipped_total', '', 'reason'), legend: '{{reason}}' }],
          { stacked: true },
        ),
        timeseries(
          {
            title: 'Deliveries and dead letters',
            description: 'ccproxy_compare_deliveries_total and ccproxy_compare_dead_letter_total.',
            unit: 'reqps',
          },
          [
            { expr: rate('ccproxy_compare_deliveries_total', '', 'result'), legend: '{{result}}' },
            { expr: rate('ccproxy_compare_dead_letter_total', '', 'reason'), legend: 'dead: {{reason}}' },
          ],
        ),
        timeseries(
          {
            title: 'Backlog',
            description: 'ccproxy_compare_stream_length and ccproxy_compare_pending.',
            unit: 'short',
          },
          [
            { expr: largest('ccproxy_compare_stream_length', '', 'stream'), legend: 'length {{stream}}' },
            { expr: largest('ccproxy_compare_pending', '', 'stream'), legend: 'pending {{stream}}' },
          ],
        ),
        timeseries(
          {
            title: 'Wait in the queue',
            description: 'ccproxy_compare_queue_wait_seconds: from publishing an exchange to picking it up.',
            unit: 's',
          },
          quantiles('ccproxy_compare_queue_wait_seconds'),
        ),
        timeseries(
          {
            title: 'Calls made twice',
            description: 'ccproxy_compare_duplicate_calls_total: shadow calls repeated for a pair that was there.',
            unit: 'short',
          },
          [{ expr: orZero(increase('ccproxy_compare_duplicate_calls_total')), legend: 'calls' }],
        ),
      ],
    },
    {
      title: 'Agreement',
      panels: [
        timeseries(
          { title: 'Pairs by verdict', description: `ccproxy_compare_pairs_total. ${CAVEAT}`, unit: 'reqps' },
          [{ expr: rate('ccproxy_compare_pairs_total', '', 'verdict'), legend: '{{verdict}}' }],
          { stacked: true },
        ),
        timeseries(
          {
            title: 'Action agreement',
            description: `ccproxy_compare_action_total by level, from identical to divergent. ${CAVEAT}`,
            unit: 'reqps',
          },
          [{ expr: rate('ccproxy_compare_action_total', '', 'level'), legend: '{{level}}' }],
          { stacked: true },
        ),
        timeseries(
          {
            title: 'Agreement by dimension',
            description: `ccproxy_compare_dimension_total: agree / (agree + differ). ${CAVEAT}`,
            unit: 'percentunit',
          },
          [
            {
              expr: ratio(
                rate('ccproxy_compare_dimension_total', 'result="agree"', 'dimension'),
                rate('ccproxy_compare_dimension_total', 'result=~"agree|differ"', 'dimension'),
              ),
              legend: '{{dimension}}',
            },
          ],
        ),
        timeseries(
          {
            title: 'Similarity',
            description: `ccproxy_compare_similarity of arguments and text, 0 to 1. ${CAVEAT}`,
            unit: 'percentunit',
          },
          quantiles('ccproxy_compare_similarity', '', 'dimension'),
          { span: 12 },
        ),
        timeseries(
          {
            title: 'Stop reasons that differ',
            description: 'ccproxy_compare_stop_reason_pairs_total, the pairs whose two sides are not alike.',
            unit: 'reqps',
          },
          [
            {
              expr: `${rate('ccproxy_compare_stop_reason_pairs_total', 'target!="end_turn",primary="end_turn"', 'primary, target')} or ${rate('ccproxy_compare_stop_reason_pairs_total', 'target!="tool_use",primary="tool_use"', 'primary, target')}`,
              legend: '{{primary}} / {{target}}',
            },
          ],
          { span: 12 },
        ),
      ],
    },
    {
      title: 'Latency and length',
      panels: [
        heatmap(
          {
            title: 'Duration, target over primary',
            description: 'ccproxy_compare_latency_ratio of each pair; 1 = as fast as the primary.',
            unit: 'short',
          },
          { expr: buckets('ccproxy_compare_latency_ratio'), legend: '{{le}}' },
        ),
        timeseries(
          {
            title: 'Duration, target over primary',
            description:
              'ccproxy_compare_latency_ratio; a point opens the trace of a pair. The worst pairs: /api/pairs?sort=latency_ratio of the console.',
            unit: 'short',
          },
          quantiles('ccproxy_compare_latency_ratio', '', '', true),
          { span: 12 },
        ),
        timeseries(
          { title: 'First token, target over primary', description: 'ccproxy_compare_ttft_ratio.', unit: 'short' },
          quantiles('ccproxy_compare_ttft_ratio'),
          { span: 12 },
        ),
        timeseries(
          {
            title: 'Output tokens, target over primary',
            description: 'ccproxy_compare_output_tokens_ratio: a longer answer explains a longer duration.',
            unit: 'short',
          },
          quantiles('ccproxy_compare_output_tokens_ratio'),
          { span: 12 },
        ),
        timeseries(
          {
            title: 'Tokens of the shadow',
            description: 'ccproxy_tokens_total of the target leg, per second.',
            unit: 'short',
          },
          [{ expr: rate('ccproxy_tokens_total', 'leg="target"', 'token_type'), legend: '{{token_type}}' }],
          { span: 24 },
        ),
      ],
    },
  ],
};
