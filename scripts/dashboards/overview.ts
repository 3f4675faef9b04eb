// Is it well, and is the objective kept? Rate, errors and duration first, then the error budgets.
import type { Page } from './dashboard.ts';
import { stat, timeseries } from './panels.ts';
import { increase, largest, orZero, quantile, quantiles, rate, ratio, series, total } from './queries.ts';

const MESSAGES = 'route="messages"';
const BAD = 'outcome=~"upstream_error|timeout|stream_error|rejected"';
const COUNTED = 'outcome!~"client_error|client_abort"';
const SLIS = ['availability', 'ttft', 'overhead', 'compare_freshness', 'telemetry'];

export const overview: Page = {
  uid: 'cc-proxy-overview',
  title: 'cc-proxy / Overview',
  description: 'Rate, errors, duration and error budgets of the gateway. Start here.',
  rows: [
    {
      title: 'Now',
      panels: [
        stat(
          {
            title: 'Requests',
            description: 'Messages requests per second. ccproxy_gateway_requests_total.',
            unit: 'reqps',
          },
          { expr: rate('ccproxy_gateway_requests_total', MESSAGES) },
        ),
        stat(
          {
            title: 'Failed',
            description: 'Share of messages requests that failed for a reason that is not the client’s.',
            unit: 'percentunit',
          },
          {
            expr: ratio(
              rate('ccproxy_gateway_requests_total', `${MESSAGES},${BAD}`),
              rate('ccproxy_gateway_requests_total', `${MESSAGES},${COUNTED}`),
            ),
          },
          { thresholds: [0.005, 0.01] },
        ),
        stat(
          {
            title: 'Input tokens',
            description: 'Input tokens per second, cache reads and writes not included.',
            unit: 'short',
          },
          { expr: rate('ccproxy_tokens_total', 'leg="primary",token_type="input"') },
        ),
        stat(
          {
            title: 'Output tokens',
            description: 'Output tokens per second of the answers that clients got.',
            unit: 'short',
          },
          { expr: rate('ccproxy_tokens_total', 'leg="primary",token_type="output"') },
        ),
        stat(
          {
            title: 'First token p95',
            description: 'From the request to the first content delta; streams only.',
            unit: 's',
          },
          { expr: quantile(0.95, 'gen_ai_server_time_to_first_token_seconds', 'leg="primary"') },
          { thresholds: [3, 5] },
        ),
        stat(
          { title: 'Per token p95', description: 'Time per output token after the first.', unit: 's' },
          { expr: quantile(0.95, 'gen_ai_server_time_per_output_token_seconds', 'leg="primary"') },
        ),
        stat(
          {
            title: 'Duration p95',
            description: 'From the arrival of a request to the last byte for the client.',
            unit: 's',
          },
          { expr: quantile(0.95, 'ccproxy_gateway_request_duration_seconds') },
        ),
        stat(
          {
            title: 'Processes down',
            description: 'Targets of the chosen jobs that Prometheus could not scrape.',
            unit: 'short',
          },
          { expr: 'count(up{job=~"$job",instance=~"$instance"} == 0) or vector(0)' },
          { thresholds: [1, 1], decimals: 0 },
        ),
      ],
    },
    {
      title: 'Traffic',
      panels: [
        timeseries(
          { title: 'Requests by outcome', description: 'ccproxy_gateway_requests_total; every route.', unit: 'reqps' },
          [{ expr: rate('ccproxy_gateway_requests_total', '', 'outcome'), legend: '{{outcome}}' }],
          { stacked: true },
        ),
        timeseries(
          { title: 'Requests by route', description: 'ccproxy_gateway_requests_total.', unit: 'reqps' },
          [{ expr: rate('ccproxy_gateway_requests_total', '', 'route'), legend: '{{route}}' }],
          { stacked: true },
        ),
        timeseries(
          {
            title: 'Answers by HTTP status',
            description: 'ccproxy_gateway_responses_total, what clients were told.',
            unit: 'reqps',
          },
          [{ expr: rate('ccproxy_gateway_responses_total', '', 'code'), legend: '{{code}}' }],
          { stacked: true },
        ),
        timeseries(
          {
            title: 'Request duration',
            description: 'ccproxy_gateway_request_duration_seconds; long streams dominate the upper quantiles.',
            unit: 's',
          },
          quantiles('ccproxy_gateway_request_duration_seconds'),
        ),
        timeseries(
          {
            title: 'Time the gateway added',
            description: 'ccproxy_gateway_overhead_seconds: the whole request less the upstream’s part.',
            unit: 's',
          },
          quantiles('ccproxy_gateway_overhead_seconds'),
        ),
        timeseries(
          {
            title: 'In flight and limit',
            description:
              'ccproxy_gateway_requests_in_flight beside ccproxy_gateway_concurrency_limit, by upstream, both summed over processes.',
            unit: 'short',
          },
          [
            { expr: total('ccproxy_gateway_requests_in_flight', '', 'upstream'), legend: 'in flight {{upstream}}' },
            { expr: total('ccproxy_gateway_concurrency_limit', '', 'upstream'), legend: 'limit {{upstream}}' },
          ],
        ),
      ],
    },
    {
      title: 'Cost',
      panels: [
        timeseries(
          {
            title: 'Cost an hour',
            description: 'ccproxy_cost_usd_total by the prices known here; the shadow costs too.',
            unit: 'currencyUSD',
          },
          [{ expr: `3600 * ${rate('ccproxy_cost_usd_total', '', 'leg')}`, legend: '{{leg}}' }],
          { span: 12, stacked: true },
        ),
        timeseries(
          {
            title: 'Calls whose cost is not known',
            description: 'ccproxy_cost_unpriced_total: no price, no count of tokens, or an answer that broke off.',
            unit: 'reqps',
          },
          [{ expr: rate('ccproxy_cost_unpriced_total', '', 'leg'), legend: '{{leg}}' }],
          { span: 12 },
        ),
      ],
    },
    {
      title: 'Objectives',
      panels: [
        timeseries(
          {
            title: 'Bad share over an hour',
            description: 'Recorded by the rules that come with the dashboards; empty without them.',
            unit: 'percentunit',
          },
          SLIS.map((sli) => ({ expr: `ccproxy:${sli}:ratio_rate1h`, legend: sli })),
          { span: 12 },
        ),
        timeseries(
          {
            title: 'Error budget left of thirty days',
            description:
              'One less the mean bad share of the five minutes with traffic, of thirty days or of what Prometheus keeps, over what the objective allows; below 0 the budget is spent.',
            unit: 'percentunit',
          },
          SLIS.map((sli) => ({
            expr: `1 - avg_over_time(ccproxy:${sli}:ratio_rate5m[30d]) / ccproxy:${sli}:budget`,
            legend: sli,
          })),
          { span: 12, belowZero: true },
        ),
        timeseries(
          {
            title: 'Burn rate over an hour',
            description: 'How many times faster than allowed the budget is spent; 14.4 pages.',
            unit: 'short',
          },
          SLIS.map((sli) => ({ expr: `ccproxy:${sli}:ratio_rate1h / ccproxy:${sli}:budget`, legend: sli })),
          { span: 12 },
        ),
        timeseries(
          { title: 'Mode', description: 'ccproxy_mode_info: 1 for the mode each process is in.', unit: 'short' },
          [{ expr: largest('ccproxy_mode_info', '', 'mode'), legend: '{{mode}}' }],
          { span: 6 },
        ),
        timeseries(
          { title: 'Mode changes', description: 'ccproxy_mode_changes_total, by where to.', unit: 'short' },
          [{ expr: orZero(increase('ccproxy_mode_changes_total')), legend: 'changes' }],
          { span: 6 },
        ),
      ],
    },
    {
      title: 'Versions',
      panels: [
        timeseries(
          {
            title: 'Processes by version',
            description: 'ccproxy_build_info; two lines while a release rolls out.',
            unit: 'short',
          },
          [
            {
              expr: `count by (version, revision, node_version) (${series('ccproxy_build_info')})`,
              legend: '{{version}} {{revision}} node {{node_version}}',
            },
          ],
          { span: 12 },
        ),
        timeseries(
          {
            title: 'Request body size',
            description: 'ccproxy_request_body_bytes of messages requests.',
            unit: 'bytes',
          },
          quantiles('ccproxy_request_body_bytes', MESSAGES),
          { span: 12 },
        ),
      ],
    },
  ],
};
