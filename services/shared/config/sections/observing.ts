// [tracing], [log], [capture], and the places where things are kept: [redis], [store].
import {
  choice,
  choices,
  flag,
  integer,
  number,
  optionalBaseUrl,
  optionalChoice,
  optionalFlag,
  optionalText,
  optionalUrl,
  stringMap,
  strings,
  text,
} from '../schema.ts';

/** What `tracing.hide` knows: the last part of `OPENINFERENCE_HIDE_…`. */
export const HIDDEN = [
  'inputs',
  'outputs',
  'input_messages',
  'output_messages',
  'input_text',
  'output_text',
  'input_images',
  'llm_tools',
  'llm_invocation_parameters',
  'prompts',
  'choices',
] as const;

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;

export const tracing = {
  service_name: text('service.name of the spans.', 'cc-proxy'),
  endpoint: optionalUrl('OTLP endpoint; unset = no tracing.'),
  protocol: choice(
    'How spans travel; auto = grpc to port 4317, else http/protobuf.',
    ['auto', 'http/protobuf', 'grpc'],
    'auto',
  ),
  headers: stringMap('Headers of the export, e.g. an API key.', true),
  enabled: flag('Start with tracing switched on.', true),
  project: text('Project the traces belong to.', 'default'),
  content: optionalFlag('Put prompts and answers on spans; unset = only for a loopback endpoint.'),
  max_content_bytes: integer('Content bytes on one span; over gRPC at most 2 MiB.', 750_000, { min: 0 }),
  hide: choices('Parts of the content that stay off spans all the same, as OPENINFERENCE_HIDE_… names them.', HIDDEN),
  base64_image_max_length: integer('Characters of a base64 image that is put on a span.', 32_000, { min: 0 }),
  inbound_context: choice(
    "What a client's traceparent does: continue = its trace goes on; link = a trace of our own with a link to it; ignore.",
    ['continue', 'link', 'ignore'],
    'continue',
  ),
  sample: number('Share of our own traces that is kept; compared requests always are.', 1, { min: 0, max: 1 }),
  phoenix_headers: stringMap('Headers for phoenix_url, e.g. an API key; those of the export are not sent there.', true),
  phoenix_url: optionalBaseUrl(
    'Phoenix that scores are sent to; unset = the host of endpoint, if a Phoenix answers there, and nobody over gRPC.',
  ),
  queue_max_bytes: integer('Bytes of spans waiting for export.', 67_108_864, { min: 1024 }),
  instrumentations: strings('Auto-instrumentations to switch on, by short name (http, undici, redis …).'),
};

const levelOf = (what: string) => optionalChoice(`The same for lines of ${what}; unset = level.`, LOG_LEVELS);

export const log = {
  level: choice('Least important line that is written.', LOG_LEVELS, 'info'),
  format: choice('auto = pretty on a terminal, JSON elsewhere.', ['auto', 'json', 'pretty'], 'auto'),
  components: {
    gateway: levelOf('the gateway'),
    comparator: levelOf('the comparator'),
    console: levelOf('the console'),
    bus: levelOf('the bus'),
    control: levelOf('switches and statistics'),
    store: levelOf('the store'),
    tracing: levelOf('the export of spans'),
  },
};

/** No service reads these: the rules of Prometheus are made from them (`npm run rules`). */
export const slo = {
  availability: number('Share of messages requests that must not fail for a reason of ours.', 0.99, { min: 0, max: 1 }),
  ttft: number('Share of streams that must begin in time.', 0.95, { min: 0, max: 1 }),
  ttft_seconds: number('Seconds to the first token that are in time; an edge of its histogram.', 5, { min: 0 }),
  overhead: number('Share of requests to which the gateway may add little.', 0.99, { min: 0, max: 1 }),
  overhead_seconds: number('Seconds that are little; an edge of its histogram.', 0.05, { min: 0 }),
  compare_freshness: number('Share of published turns that must be picked up in time.', 0.99, { min: 0, max: 1 }),
  compare_freshness_seconds: number('Seconds that are in time; an edge of its histogram.', 60, { min: 0 }),
  telemetry: number('Share of spans that must be exported.', 0.999, { min: 0, max: 1 }),
  runbooks_url: text('Where alerts find the pages of docs/runbooks, without a slash at the end.', 'docs/runbooks'),
};

export const capture = {
  level: choice('What history keeps of requests and answers.', ['off', 'metadata', 'redacted', 'full'], 'redacted'),
  dump_dir: optionalText(
    'Folder for wire dumps, relative to the state folder: one folder a request, redacted. For the search for a fault; unset = none.',
  ),
  dump_max_mib: integer('Size of all dumps; the oldest go first.', 256, { min: 1 }),
  dump_max_age_hours: integer('Age at which a dump goes.', 24, { min: 1 }),
};

export const redis = { url: optionalText('redis:// or rediss:// URL; unset = everything in this process.') };

export const store = {
  url: text('sqlite:<file> (relative to the state folder) or postgres:// URL.', 'sqlite:history.db'),
};
