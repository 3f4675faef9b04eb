// How the models behave: latency, tokens, caching, stop reasons and tool calls, by leg and model.
import type { Page } from './dashboard.ts';
import { heatmap, timeseries } from './panels.ts';
import { buckets, increase, OF_GENAI_MODEL, OF_MODEL, quantile, quantiles, rate, ratio } from './queries.ts';

const PRIMARY = `leg="primary",${OF_GENAI_MODEL}`;
const BY_LEG_AND_MODEL = 'leg, gen_ai_request_model';

export const models: Page = {
  uid: 'cc-proxy-models',
  title: 'cc-proxy / LLM performance',
  description: 'Latency, tokens and behaviour of the models, on both legs.',
  rows: [
    {
      title: 'Latency',
      panels: [
        heatmap(
          {
            title: 'Time to first token, primary',
            description: 'gen_ai_server_time_to_first_token_seconds of what clients got; streams only.',
            unit: 's',
          },
          { expr: buckets('gen_ai_server_time_to_first_token_seconds', PRIMARY), legend: '{{le}}' },
        ),
        timeseries(
          {
            title: 'Time to first token, primary',
            description: 'The same as quantiles. A point is one trace: click it to open the trace.',
            unit: 's',
          },
          quantiles('gen_ai_server_time_to_first_token_seconds', PRIMARY, '', true),
          { span: 12 },
        ),
        timeseries(
          {
            title: 'Time to first token p95 by leg and model',
            description: 'gen_ai_server_time_to_first_token_seconds; target is the shadow.',
            unit: 's',
          },
          [
            {
              expr: quantile(0.95, 'gen_ai_server_time_to_first_token_seconds', OF_GENAI_MODEL, BY_LEG_AND_MODEL),
              legend: '{{leg}} {{gen_ai_request_model}}',
            },
          ],
        ),
        timeseries(
          {
            title: 'Time per output token',
            description: 'gen_ai_server_time_per_output_token_seconds, after the first token.',
            unit: 's',
          },
          quantiles('gen_ai_server_time_per_output_token_seconds', OF_GENAI_MODEL, 'leg'),
        ),
        timeseries(
          {
            title: 'Time of a call p95',
            description: 'gen_ai_server_request_duration_seconds by leg and model, failed calls included.',
            unit: 's',
          },
          [
            {
              expr: quantile(0.95, 'gen_ai_server_request_duration_seconds', OF_GENAI_MODEL, BY_LEG_AND_MODEL),
              legend: '{{leg}} {{gen_ai_request_model}}',
              exemplar: true,
            },
          ],
        ),
        timeseries(
          {
            title: 'Longest silence in a stream',
            description: 'ccproxy_stream_inter_chunk_gap_seconds: one value a stream.',
            unit: 's',
          },
          quantiles('ccproxy_stream_inter_chunk_gap_seconds', '', 'leg'),
        ),
        timeseries(
          {
            title: 'Calls that failed',
            description: 'gen_ai_server_request_duration_seconds_count where error_type is set.',
            unit: 'reqps',
          },
          [
            {
              expr: rate(
                'gen_ai_server_request_duration_seconds_count',
                `${OF_GENAI_MODEL},error_type!="",error_type!="none"`,
                'leg, error_type',
              ),
              legend: '{{leg}} {{error_type}}',
            },
          ],
        ),
        timeseries(
          {
            title: 'Streams by their end',
            description: 'ccproxy_stream_terminations_total: only `complete` reached message_stop.',
            unit: 'reqps',
          },
          [{ expr: rate('ccproxy_stream_terminations_total', '', 'leg, reason'), legend: '{{leg}} {{reason}}' }],
        ),
      ],
    },
    {
      title: 'Tokens',
      panels: [
        timeseries(
          {
            title: 'Tokens by type',
            description: 'ccproxy_tokens_total of the primary leg. Reasoning tokens are part of output.',
            unit: 'short',
          },
          [{ expr: rate('ccproxy_tokens_total', `leg="primary",${OF_MODEL}`, 'token_type'), legend: '{{token_type}}' }],
          { stacked: true },
        ),
        timeseries(
          {
            title: 'Tokens by leg and model',
            description: 'ccproxy_tokens_total, input and output together; the shadow costs too.',
            unit: 'short',
          },
          [
            {
              expr: rate('ccproxy_tokens_total', `${OF_MODEL},token_type=~"input|output"`, 'leg, model'),
              legend: '{{leg}} {{model}}',
            },
          ],
        ),
        timeseries(
          {
            title: 'Share of input read from the cache',
            description: 'cache_read / (input + cache_read + cache_write) of ccproxy_tokens_total.',
            unit: 'percentunit',
          },
          [
            {
              expr: ratio(
                rate('ccproxy_tokens_total', `${OF_MODEL},token_type="cache_read"`, 'leg'),
                rate('ccproxy_tokens_total', `${OF_MODEL},token_type=~"input|cache_read|cache_write"`, 'leg'),
              ),
              legend: '{{leg}}',
            },
          ],
        ),
        timeseries(
          {
            title: 'Input tokens of a call',
            description: 'gen_ai_client_token_usage, prompt side; includes what the cache served.',
            unit: 'short',
          },
          quantiles('gen_ai_client_token_usage', `${OF_GENAI_MODEL},gen_ai_token_type="input"`, 'leg'),
          { span: 12 },
        ),
        timeseries(
          {
            title: 'Output tokens of a call',
            description: 'gen_ai_client_token_usage, completion side.',
            unit: 'short',
          },
          quantiles('gen_ai_client_token_usage', `${OF_GENAI_MODEL},gen_ai_token_type="output"`, 'leg'),
          { span: 12 },
        ),
      ],
    },
    {
      title: 'Behaviour',
      panels: [
        timeseries(
          {
            title: 'Stop reasons',
            description: 'ccproxy_stop_reasons_total; max_tokens means a cut answer.',
            unit: 'reqps',
          },
          [
            {
              expr: rate('ccproxy_stop_reasons_total', OF_MODEL, 'leg, stop_reason'),
              legend: '{{leg}} {{stop_reason}}',
            },
          ],
          { span: 12 },
        ),
        timeseries(
          {
            title: 'Tool calls',
            description: 'ccproxy_tool_calls_total: calls that models asked for; the names are in the traces.',
            unit: 'short',
          },
          [{ expr: rate('ccproxy_tool_calls_total', OF_MODEL, 'leg, model'), legend: '{{leg}} {{model}}' }],
          { span: 12 },
        ),
        timeseries(
          {
            title: 'Breaches of the stream protocol',
            description:
              'ccproxy_stream_lint_total by upstream and rule: what an upstream does that a faithful one would not.',
            unit: 'short',
          },
          [{ expr: increase('ccproxy_stream_lint_total', '', 'upstream, rule'), legend: '{{upstream}} {{rule}}' }],
          { span: 12 },
        ),
        timeseries(
          {
            title: 'First sights of something new',
            description: 'ccproxy_drift_total: an unknown field, block, header, beta or model in requests.',
            unit: 'short',
          },
          [{ expr: increase('ccproxy_drift_total', '', 'kind'), legend: '{{kind}}' }],
          { span: 12 },
        ),
        timeseries(
          {
            title: 'Prompts by who counted them',
            description: 'ccproxy_token_counts_total: exactly by the upstream, or estimated here.',
            unit: 'reqps',
          },
          [
            {
              expr: rate('ccproxy_token_counts_total', '', 'upstream, counted_by'),
              legend: '{{upstream}} {{counted_by}}',
            },
          ],
          { span: 24 },
        ),
      ],
    },
    {
      title: 'Cost',
      panels: [
        timeseries(
          {
            title: 'Cost an hour by leg and model',
            description: 'ccproxy_cost_usd_total by the prices known here; the shadow costs too.',
            unit: 'currencyUSD',
          },
          [
            {
              expr: `3600 * ${rate('ccproxy_cost_usd_total', OF_MODEL, 'leg, model')}`,
              legend: '{{leg}} {{model}}',
            },
          ],
          { stacked: true, span: 12 },
        ),
        timeseries(
          {
            title: 'Calls whose cost is not known',
            description: 'ccproxy_cost_unpriced_total: no price, no count of tokens, or an answer that broke off.',
            unit: 'reqps',
          },
          [{ expr: rate('ccproxy_cost_unpriced_total', OF_MODEL, 'leg, model'), legend: '{{leg}} {{model}}' }],
          { span: 12 },
        ),
      ],
    },
  ],
};
