// Where requests go: is somebody there, and is there a key for them? No key is sent: only whether one is set is looked at.
import { type Config, processEnvironment } from '#shared/config/load.ts';
import { isLoopback } from '#shared/config/schema.ts';
import { errorMessage } from '#shared/errors.ts';
import { windowVariables } from '../client-variables.ts';
import { type TargetView, viewTargets } from '../parts.ts';
import { type Finding, fault, good, note } from './finding.ts';
import { probe } from './probe.ts';

export async function checkProviders(config: Config): Promise<Finding[]> {
  let targets: TargetView[];
  try {
    targets = viewTargets(config);
  } catch (error) {
    return [fault(`providers: ${errorMessage(error)}`, 'correct the setting it names')];
  }
  const places = new Map(targets.map((target) => [`${target.provider} ${target.baseUrl}`, target]));
  const found = await Promise.all([...places.values()].map(checkPlace));
  const passthrough = config.default_mode === 'target' ? [] : [checkPassthrough(config)];
  return [
    ...refuseNone(targets, config),
    ...found.flat(),
    ...(await Promise.all(passthrough)),
    ...targets.flatMap(checkWindow),
  ];
}

function refuseNone(targets: readonly TargetView[], config: Config): Finding[] {
  if (targets.length > 0 || config.default_mode === 'anthropic-only') return [];
  return [fault('providers: no model to send to', 'give --target-url and --model, or [providers] and [models]')];
}

async function checkPlace({ provider, baseUrl, hasKey }: TargetView): Promise<Finding[]> {
  const { hostname, host } = new URL(baseUrl);
  const setting = provider === 'target' ? 'target' : `providers.${provider}`;
  const key = hasKey || isLoopback(hostname.replace(/^\[|\]$/g, ''));
  const trouble = await probe(baseUrl);
  return [
    trouble === null
      ? good(`${setting}: ${host} answers`)
      : fault(
          `${setting}: ${host} does not answer (${trouble})`,
          'check its base URL, the network and whether it runs',
        ),
    ...(key
      ? []
      : [note(`${setting}: no key is set for ${host}`, `set ${setting}.env_key to the variable that holds it`)]),
  ];
}

async function checkPassthrough({ passthrough }: Config): Promise<Finding> {
  const trouble = await probe(passthrough.url);
  const { host } = new URL(passthrough.url);
  return trouble === null
    ? good(`passthrough: ${host} answers`)
    : fault(`passthrough: ${host} does not answer (${trouble})`, 'check passthrough.url and the network');
}

/** Clients take an unknown model's window for another one and never compact, or far too early. */
function checkWindow({ name, isForced, contextWindow, maxOutput }: TargetView): Finding[] {
  if (contextWindow === null) {
    const entry = isForced
      ? 'name the model under [models] with its context_window instead of by --model'
      : `set models."${name}".context_window`;
    return [note(`window: that of ${name} is not known`, `${entry}, or CLAUDE_CODE_MAX_CONTEXT_TOKENS at the client`)];
  }
  const { env } = processEnvironment();
  const wanted = windowVariables({ id: name, max_input_tokens: contextWindow, max_tokens: maxOutput });
  const missing = wanted.filter((variable) => env[variable.name] !== variable.value);
  const what = `window: ${name} takes ${contextWindow} tokens`;
  if (missing.length === 0) return [good(what)];
  const words = missing.map((variable) => `${variable.name}=${variable.value}`).join(' ');
  return [note(what, `at the client: ${words} (cc-proxy run sets them)`)];
}
