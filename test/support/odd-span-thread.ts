// A thread that exports spans and makes some in odd ways.
import { parentPort, workerData } from 'node:worker_threads';
import { type SpanThreadOptions, serveSpans } from '#shared/telemetry/serve-spans.ts';
import type { SpanRecord } from '#shared/telemetry/tracing.ts';

if (parentPort !== null) {
  serveSpans(parentPort, workerData as SpanThreadOptions, {
    given: async (input) => input as SpanRecord[],
    throws: async () => {
      throw new Error('nothing can be made of it');
    },
    exits: async () => process.exit(1),
  });
}
