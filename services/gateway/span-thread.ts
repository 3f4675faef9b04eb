// The thread that exports the gateway's spans and reads the text of calls for them.
import { parentPort, workerData } from 'node:worker_threads';
import { type SpanThreadOptions, serveSpans } from '#shared/telemetry/serve-spans.ts';
import { CALL_SPANS, createMakeCallSpans } from './make-call-spans.ts';

if (parentPort !== null)
  serveSpans(parentPort, workerData as SpanThreadOptions, { [CALL_SPANS]: createMakeCallSpans() });
