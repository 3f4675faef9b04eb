// [target], [passthrough], [providers.<name>], [models.<name>]: where requests may go.
import {
  choice,
  flag,
  integer,
  optionalFlag,
  optionalInteger,
  optionalText,
  optionalUrl,
  secret,
  strings,
  text,
  url,
} from '../schema.ts';

const PROVIDER_TYPES = ['anthropic'] as const;

const timeouts = {
  connect_timeout_secs: integer('Seconds to connect.', 10, { min: 1 }),
  first_byte_timeout_secs: integer('Seconds to the first byte of the answer.', 300, { min: 1 }),
  timeout_secs: integer('Seconds of silence between two bytes; a stream has no total limit.', 300, { min: 1 }),
  deadline_secs: optionalInteger('Seconds for a whole answer; unset = no limit.', { min: 1 }),
};

const credential = {
  env_key: optionalText('Environment variable that holds the API key; wins over api_key.'),
  key_file: optionalText('File that holds the API key.'),
  api_key: secret('The API key itself; env_key or key_file are better places.'),
  auth_header: choice('Header that carries the key.', ['x-api-key', 'authorization'], 'x-api-key'),
};

export const target = {
  url: optionalUrl('Base URL of the target; usually given by --target-url.'),
  model: optionalText('Model forced for every request; usually given by --model.'),
  type: choice('Protocol the target speaks.', PROVIDER_TYPES, 'anthropic'),
  ...credential,
  ...timeouts,
  max_concurrent: integer('Requests in flight to the target.', 50, { min: 1 }),
  anthropic_features: optionalFlag('The target is Anthropic: safeguards and thread may go there.'),
};

export const passthrough = {
  url: url('The upstream of compare and anthropic-only mode.', 'https://api.anthropic.com'),
  passthrough_auth: flag("Forward the client's own credential, to this host only.", true),
  model: optionalText('Name sent in place of one of ours in compare and anthropic-only mode.'),
  ...credential,
  ...timeouts,
  max_concurrent: integer('Requests in flight to the passthrough.', 1024, { min: 1 }),
  anthropic_features: optionalFlag('Safeguards and thread may go there; unset = yes.'),
};

export const provider = {
  type: choice('Protocol the provider speaks.', PROVIDER_TYPES, 'anthropic'),
  base_url: url('Base URL of the provider.', ''),
  ...credential,
  ...timeouts,
  max_concurrent: integer('Requests in flight to the provider.', 50, { min: 1 }),
  anthropic_features: optionalFlag('The provider is Anthropic: safeguards and thread may go there.'),
};

export const model = {
  provider: text('Name of a [providers] entry.', ''),
  upstream_name: optionalText("The provider's name of the model, where it differs."),
  aliases: strings('Further names clients may use.'),
  display_name: optionalText('Name shown in model lists.'),
  context_window: optionalInteger('Input tokens the model takes.', { min: 1 }),
  max_output: optionalInteger('Output tokens the model gives.', { min: 1 }),
};
