// [target], [passthrough], [providers.<name>], [models.<name>]: where requests may go.
import {
  baseUrl,
  choice,
  flag,
  headers,
  integer,
  optionalBaseUrl,
  optionalFlag,
  optionalHeader,
  optionalInteger,
  optionalNumber,
  optionalSeconds,
  optionalText,
  seconds,
  secret,
  strings,
  text,
  textOr,
} from '../schema.ts';

/** Which protocols there are is the registry's to say; it is checked when the targets are made. */
const protocol = (type: string | null) => ({
  type: textOr('Protocol it speaks (docs/providers.md); a provider that names none speaks openai-chat.', type),
  profile: optionalText('How a server of that protocol deviates from it.'),
  vendor: optionalText('Who hosts it, where its address does not say.'),
  api_version: optionalText('API version, where the protocol has one in its address.'),
  deployment: optionalText('Deployment, where the protocol has one in its address.'),
  vision: choice('What an image becomes for a model without vision.', ['marker', 'strict'], 'marker'),
});

const timeouts = {
  connect_timeout_secs: seconds('Seconds to connect.', 10),
  first_byte_timeout_secs: seconds('Seconds to the first byte of the answer, sending the request included.', 300),
  timeout_secs: seconds('Seconds of silence between two bytes; a stream has no total limit.', 300),
  deadline_secs: optionalSeconds('Seconds for a whole answer; unset = no limit.'),
};

const credential = {
  env_key: optionalText('Environment variable that holds the API key; wins over api_key.'),
  key_file: optionalText('File that holds the API key.'),
  api_key: secret('The API key itself; env_key or key_file are better places.'),
  token: optionalText('Name of a [tokens] entry that gives the credential instead of a key; sent as a bearer token.'),
  auth_header: optionalHeader(
    'Header that carries the key: authorization (as a bearer token), x-api-key or another; unset = the one of its protocol.',
  ),
};

const propagate = choice(
  'Whether requests carry our trace context. A traceparent, tracestate or baggage of the client never goes on.',
  ['never', 'traceparent'],
  'never',
);

const pipeline = (doc: string) =>
  optionalText(`Name of a [pipelines] entry ${doc}; a native upstream is then converted.`);

const seesImages = optionalFlag('Whether the model sees images, where its name and host do not say; see vision.');

export const upstream = {
  http1: choice(
    'Who reads the chunks of answers: own = a short cut past undici’s parser where they are plain; undici = undici alone.',
    ['own', 'undici'],
    'own',
  ),
};

export const target = {
  url: optionalBaseUrl('Base URL of the target; usually given by --target-url.'),
  model: optionalText('Model forced for every request; usually given by --model.'),
  ...protocol('anthropic'),
  sees_images: seesImages,
  temperature: optionalNumber('Temperature of converted requests that name none.', { min: 0, max: 2 }),
  top_p: optionalNumber('top_p of converted requests that name none.', { min: 0, max: 1 }),
  max_tokens: optionalInteger('max_tokens of converted requests that name none.', { min: 1 }),
  ...credential,
  ...timeouts,
  max_concurrent: integer('Requests in flight to the target.', 50, { min: 1 }),
  anthropic_features: optionalFlag('The target is Anthropic: safeguards and thread may go there.'),
  propagate_trace_context: propagate,
};

export const passthrough = {
  url: baseUrl('The upstream of compare and anthropic-only mode.', 'https://api.anthropic.com'),
  passthrough_auth: flag("Forward the client's own credential, to this host only.", true),
  model: optionalText('Name sent in place of one of ours in compare and anthropic-only mode.'),
  ...credential,
  ...timeouts,
  max_concurrent: integer('Requests in flight to the passthrough.', 1024, { min: 1 }),
  anthropic_features: optionalFlag('Safeguards and thread may go there; unset = yes.'),
  propagate_trace_context: propagate,
};

export const provider = {
  ...protocol(null),
  base_url: baseUrl('Base URL of the provider.', ''),
  headers: headers('Headers that each request to this provider carries; never shown.'),
  pipeline: pipeline('for its models'),
  ...credential,
  ...timeouts,
  max_concurrent: integer('Requests in flight to the provider.', 50, { min: 1 }),
  anthropic_features: optionalFlag('The provider is Anthropic: safeguards and thread may go there.'),
  propagate_trace_context: propagate,
};

export const model = {
  provider: text('Name of a [providers] entry.', ''),
  upstream_name: optionalText("The provider's name of the model, where it differs."),
  aliases: strings('Further names clients may use.'),
  display_name: optionalText('Name shown in model lists.'),
  context_window: optionalInteger('Input tokens the model takes.', { min: 1 }),
  max_output: optionalInteger('Output tokens the model gives.', { min: 1 }),
  pipeline: pipeline("instead of the provider's"),
  sees_images: seesImages,
};
