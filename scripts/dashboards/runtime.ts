// The Node processes themselves.
import type { Page } from './dashboard.ts';
import { timeseries } from './panels.ts';
import { series } from './queries.ts';

const EACH = '{{job}} {{instance}}';

export const runtime: Page = {
  uid: 'cc-proxy-runtime',
  title: 'cc-proxy / Runtime',
  description: 'Event loop, memory, garbage collection and CPU of each process.',
  rows: [
    {
      title: 'Event loop and CPU',
      panels: [
        timeseries(
          {
            title: 'Event-loop delay p99',
            description: 'nodejs_eventloop_lag_p99_seconds; about 10 ms when idle, and reset by every scrape.',
            unit: 's',
          },
          [{ expr: series('nodejs_eventloop_lag_p99_seconds'), legend: EACH }],
        ),
        timeseries(
          { title: 'CPU', description: 'process_cpu_seconds_total of all threads, in cores.', unit: 'short' },
          [{ expr: `rate(${series('process_cpu_seconds_total')}[$__rate_interval])`, legend: EACH }],
        ),
        timeseries(
          {
            title: 'Time in garbage collection',
            description: 'nodejs_gc_duration_seconds by kind, share of time.',
            unit: 'percentunit',
          },
          [
            {
              expr: `sum by (kind) (rate(${series('nodejs_gc_duration_seconds_sum')}[$__rate_interval]))`,
              legend: '{{kind}}',
            },
          ],
        ),
      ],
    },
    {
      title: 'Memory and handles',
      panels: [
        timeseries(
          {
            title: 'Resident memory',
            description: 'process_resident_memory_bytes beside ccproxy_memory_limit_bytes (0 = no limit).',
            unit: 'bytes',
          },
          [
            { expr: series('process_resident_memory_bytes'), legend: EACH },
            { expr: `max by (job) (${series('ccproxy_memory_limit_bytes')} > 0)`, legend: 'limit {{job}}' },
          ],
        ),
        timeseries({ title: 'Heap', description: 'nodejs_heap_size_used_bytes of the main thread.', unit: 'bytes' }, [
          { expr: series('nodejs_heap_size_used_bytes'), legend: EACH },
        ]),
        timeseries(
          {
            title: 'External memory',
            description: 'nodejs_external_memory_bytes: buffers outside the heap, such as bodies on their way.',
            unit: 'bytes',
          },
          [{ expr: series('nodejs_external_memory_bytes'), legend: EACH }],
        ),
        timeseries(
          {
            title: 'Handles',
            description: 'nodejs_active_handles by type: sockets, timers and the rest.',
            unit: 'short',
          },
          [{ expr: `sum by (type) (${series('nodejs_active_handles')})`, legend: '{{type}}' }],
          { span: 12 },
        ),
        timeseries(
          { title: 'Open files', description: 'process_open_fds beside process_max_fds.', unit: 'short' },
          [
            { expr: series('process_open_fds'), legend: EACH },
            { expr: `min(${series('process_max_fds')})`, legend: 'limit' },
          ],
          { span: 12 },
        ),
      ],
    },
  ],
};
