// [tracing], [log], [capture], and the places where things are kept: [redis], [store].
import { choice, flag, integer, optionalFlag, optionalText, optionalUrl, stringMap, strings, text } from '../schema.ts';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;

export const tracing = {
  service_name: text('service.name of the spans.', 'cc-proxy'),
  endpoint: optionalUrl('OTLP endpoint; unset = no tracing.'),
  protocol: choice('How spans travel.', ['http/protobuf'], 'http/protobuf'),
  headers: stringMap('Headers of the export, e.g. an API key.', true),
  enabled: flag('Start with tracing switched on.', true),
  project: text('Project the traces belong to.', 'default'),
  content: optionalFlag('Put prompts and answers on spans; unset = only for a loopback endpoint.'),
  max_content_bytes: integer('Content bytes on one span.', 750_000, { min: 0 }),
  queue_max_bytes: integer('Bytes of spans waiting for export.', 67_108_864, { min: 1024 }),
  instrumentations: strings('Auto-instrumentations to switch on, by short name (http, undici, redis …).'),
};

export const log = {
  level: choice('Least important line that is written.', LOG_LEVELS, 'info'),
  format: choice('auto = pretty on a terminal, JSON elsewhere.', ['auto', 'json', 'pretty'], 'auto'),
};

export const capture = {
  level: choice('What history keeps of requests and answers.', ['off', 'metadata', 'redacted', 'full'], 'redacted'),
};

export const redis = { url: optionalText('redis:// or rediss:// URL; unset = everything in this process.') };

export const store = {
  url: text('sqlite:<file> (relative to the state folder) or postgres:// URL.', 'sqlite:history.db'),
};
