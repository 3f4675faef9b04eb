// Writes docs/providers.md from the providers' own capability data, so that the page and the program cannot differ. Run it
// after changing a provider: node --conditions=source scripts/write-providers.ts (a test fails until then).
import { writeFileSync } from 'node:fs';
import { PROFILE_PROVIDERS } from '#shared/providers/anthropic.ts';
import { NATIVE, PROVIDERS } from '#shared/providers/index.ts';
import type { Provider } from '#shared/providers/provider.ts';

export function providersPage(): string {
  return [
    '# Providers',
    '',
    `\`type\` of a provider or of the target says which protocol it speaks. \`${NATIVE}\` without a profile is native: bytes`,
    'pass both ways and only the model name changes, so everything is carried. Every other one is converted. What a protocol',
    'cannot carry is refused with a 400 that names the place. `x-ccproxy-route` lists what is left out of a request, and what is',
    'changed where the upstream or its model takes less than its protocol.',
    '',
    'A field that an upstream refuses by name is left out and the request sent once more. When that helped, the field is left',
    'out of the requests that follow for some hours, by provider and model; a value that is refused, or a field that is',
    'refused beside another one, stays the matter of that one request.',
    '',
    '`count_tokens` asks Responses and Gemini, and native upstreams. For all others system prompt, tools, results and images are',
    'counted here with the tokenizer o200k, and 5 to 10 % more are told, so that clients compact early; a model with another',
    'tokenizer may be off by more. `message_start` holds a quicker estimate; the count of the upstream comes at the end.',
    '',
    ...PROVIDERS.flatMap((provider) => [`## \`${provider.type}\``, '', ...table(provider), '']),
    `## \`${NATIVE}\` with a profile`,
    '',
    'Servers that speak the Messages API and deviate from it. `profile` names the server; where profiles differ, a line says so.',
    '',
    ...profilesTable(),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

function table(provider: Provider): string[] {
  const rows = provider.capabilities.map(({ feature, support, how }) => `| ${feature} | ${support} | ${how} |`);
  return ['| feature | | how |', '|---|---|---|', ...rows];
}

/** One row for each way in which profiles do a thing. */
function profilesTable(): string[] {
  const ways = new Map<string, string[]>();
  for (const [name, { capabilities }] of PROFILE_PROVIDERS) {
    for (const { feature, support, how } of capabilities) {
      const way = `| ${feature} | ${support} | ${how} |`;
      ways.set(way, [...(ways.get(way) ?? []), name]);
    }
  }
  const everyone = PROFILE_PROVIDERS.size;
  const rows = [...ways].map(([way, names]) => `${way} ${names.length === everyone ? 'all' : names.join(', ')} |`);
  return ['| feature | | how | profiles |', '|---|---|---|---|', ...rows.sort()];
}

if (import.meta.main) writeFileSync(new URL('../docs/providers.md', import.meta.url), providersPage());
