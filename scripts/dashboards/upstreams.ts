// The upstreams, by utilisation, saturation and errors.
import type { Page } from './dashboard.ts';
import { timeseries } from './panels.ts';
import { increase, largest, quantiles, rate, ratio, total } from './queries.ts';

export const upstreams: Page = {
  uid: 'cc-proxy-upstreams',
  title: 'cc-proxy / Upstreams and saturation',
  description: 'Attempts, failures, connections and limits, by upstream.',
  rows: [
    {
      title: 'Attempts',
      panels: [
        timeseries(
          { title: 'Attempts by outcome', description: 'ccproxy_upstream_attempts_total.', unit: 'reqps' },
          [
            {
              expr: rate('ccproxy_upstream_attempts_total', '', 'upstream, outcome'),
              legend: '{{upstream}} {{outcome}}',
            },
          ],
          { stacked: true },
        ),
        timeseries(
          {
            title: 'Failures by type',
            description:
              'ccproxy_upstream_attempts_total where error_type is not none; credential_refused is the gateway’s own key.',
            unit: 'reqps',
          },
          [
            {
              expr: rate('ccproxy_upstream_attempts_total', 'error_type!="none"', 'upstream, error_type'),
              legend: '{{upstream}} {{error_type}}',
            },
          ],
        ),
        timeseries(
          {
            title: 'Share of attempts that failed',
            description: 'ccproxy_upstream_attempts_total, faults of the upstream only.',
            unit: 'percentunit',
          },
          [
            {
              expr: ratio(
                rate('ccproxy_upstream_attempts_total', 'outcome=~"upstream_error|timeout|stream_error"', 'upstream'),
                rate('ccproxy_upstream_attempts_total', '', 'upstream'),
              ),
              legend: '{{upstream}}',
            },
          ],
        ),
      ],
    },
    {
      title: 'Saturation',
      panels: [
        timeseries(
          {
            title: 'In flight, share of the limit',
            description: 'ccproxy_gateway_requests_in_flight over ccproxy_gateway_concurrency_limit.',
            unit: 'percentunit',
          },
          [
            {
              expr: ratio(
                total('ccproxy_gateway_requests_in_flight', '', 'upstream'),
                total('ccproxy_gateway_concurrency_limit', '', 'upstream'),
              ),
              legend: '{{upstream}}',
            },
          ],
          { span: 12 },
        ),
        timeseries(
          {
            title: 'Refused for want of a slot',
            description: 'ccproxy_gateway_requests_total with outcome rejected.',
            unit: 'reqps',
          },
          [{ expr: rate('ccproxy_gateway_requests_total', 'outcome="rejected"', 'route'), legend: '{{route}}' }],
          { span: 12 },
        ),
      ],
    },
    {
      title: 'Connections',
      panels: [
        timeseries(
          {
            title: 'Connections by what they do',
            description:
              'ccproxy_upstream_pool_running, ccproxy_upstream_pool_free and ccproxy_upstream_pool_pending: those that wait.',
            unit: 'short',
          },
          [
            { expr: total('ccproxy_upstream_pool_running', '', 'upstream'), legend: '{{upstream}} running' },
            { expr: total('ccproxy_upstream_pool_free', '', 'upstream'), legend: '{{upstream}} free' },
            { expr: total('ccproxy_upstream_pool_pending', '', 'upstream'), legend: '{{upstream}} waiting' },
          ],
          { span: 12 },
        ),
        timeseries(
          {
            title: 'Time to connect',
            description: 'ccproxy_upstream_connect_seconds, TLS included; kept connections are not opened again.',
            unit: 's',
          },
          quantiles('ccproxy_upstream_connect_seconds', '', 'upstream'),
          { span: 12 },
        ),
      ],
    },
    {
      title: 'What comes over the wire',
      panels: [
        timeseries(
          {
            title: 'Streams that did not end well',
            description: 'ccproxy_stream_terminations_total without complete and client_abort.',
            unit: 'short',
          },
          [
            {
              expr: increase('ccproxy_stream_terminations_total', 'reason!~"complete|client_abort"', 'leg, reason'),
              legend: '{{leg}} {{reason}}',
            },
          ],
          { span: 12 },
        ),
        timeseries(
          {
            title: 'Requests read for drift',
            description: 'ccproxy_request_inspections_total: read whole, or left because many like them were read.',
            unit: 'reqps',
          },
          [{ expr: rate('ccproxy_request_inspections_total', '', 'result'), legend: '{{result}}' }],
          { span: 12 },
        ),
        timeseries(
          { title: 'Limits in force', description: 'ccproxy_gateway_concurrency_limit by upstream.', unit: 'short' },
          [{ expr: largest('ccproxy_gateway_concurrency_limit', '', 'upstream'), legend: '{{upstream}}' }],
          { span: 24 },
        ),
      ],
    },
  ],
};
