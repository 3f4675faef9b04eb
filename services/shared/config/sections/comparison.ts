// [compare] and [exchange]: what is shadowed, how much of it, and how long it waits.
import { integer, milliseconds, number, optionalInteger, seconds, strings, text } from '../schema.ts';

const rate = (doc: string, value: number) => number(doc, value, { min: 0, max: 1 });

export const compare = {
  also: strings('Models called in the shadow beside the resolved one.'),
  sample: {
    main: rate('Share of sessions whose main turns are compared.', 1),
    subagent: rate('The same for subagents and workflows.', 1),
    compaction: rate('The same for compactions.', 1),
    auxiliary: rate('The same for titles, probes and classifiers.', 0),
    other: rate('The same for what no rule knows.', 1),
    salt: text('Changing it draws the sessions anew.', 'cc-proxy'),
  },
  call: {
    timeout_secs: seconds('Seconds for a whole answer of the secondary.', 600),
    first_byte_timeout_secs: seconds('Seconds to its first byte.', 120),
    concurrency: integer('Calls in flight to the secondary, a process.', 4, { min: 1 }),
  },
  budget: {
    tokens_per_hour: optionalInteger('Tokens the shadow may use in an hour; unset = no limit.', { min: 1 }),
    turns_per_session: optionalInteger('Turns of one session that are compared; unset = all.', { min: 1 }),
  },
  claim: {
    min_idle_ms: milliseconds('Silence after which another comparator takes an entry over.', 90_000, 100),
    heartbeat_ms: milliseconds('How often a comparator says it still works on an entry.', 30_000, 50),
    max_deliveries: integer('Deliveries before an entry is a dead letter.', 3, { min: 1 }),
  },
};

export const exchange = {
  max_len: integer('Entries kept on the bus.', 5000, { min: 10 }),
  body_ttl_secs: seconds('Seconds a body waits for its readers.', 1800),
  body_max_bytes: integer('Largest request plus answer that is kept.', 16_777_216, { min: 1024 }),
  redis_bytes_max: integer('All bodies on the bus together.', 1_073_741_824, { min: 1024 }),
  plain_share: rate('Share of redis_bytes_max up to which bodies come as they are; 0 = always compressed.', 0.25),
};
