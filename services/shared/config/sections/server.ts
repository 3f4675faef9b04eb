// [server] and the other listeners, [admin], [state].
import { address, flag, integer, optionalText, optionalUrl, seconds, secret } from '../schema.ts';

export const server = {
  listen_address: address('Where the gateway listens.', '127.0.0.1:3080'),
  max_body_mib: integer('Largest request body in MiB; more gets 413.', 32, { min: 1, max: 1024 }),
  max_concurrent_requests: integer('Requests in flight before new ones get 529.', 1024, { min: 1 }),
  workers: integer('Processes that serve, for `cc-proxy gateway` with redis.url; one fills about one core.', 1, {
    min: 1,
    max: 256,
  }),
  drain_secs: seconds('Seconds that running streams get to finish at shutdown.', 300, 0),
  allow_any_key: flag('Accept any client key on an address that is not loopback.', false),
};

export const comparator = { listen_address: address('Where the comparator listens.', '127.0.0.1:3081') };

export const console = {
  listen_address: address('Where the console listens.', '127.0.0.1:3082'),
  public_url: optionalUrl('Address of the console as a browser sees it.'),
};

export const simulator = {
  listen_address: address('Where the simulator listens.', '127.0.0.1:3090'),
  scene: optionalText('Scene played when a request names none.'),
  seed: integer('Seed of everything random.', 1, { min: 0 }),
};

export const ops = { listen_address: address('Metrics and probes of this process.', '127.0.0.1:9464') };

export const admin = {
  token: secret('Bearer token of the admin API and the console.'),
  token_file: optionalText('File that holds the admin token.'),
};
