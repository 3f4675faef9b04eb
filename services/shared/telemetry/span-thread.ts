// The thread that exports spans of services that make all of them themselves.
import { parentPort, workerData } from 'node:worker_threads';
import { type SpanThreadOptions, serveSpans } from './serve-spans.ts';

if (parentPort !== null) serveSpans(parentPort, workerData as SpanThreadOptions, {});
