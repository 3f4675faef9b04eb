// Writes docs/providers.md from the providers' own capability data, so that the page and the program cannot differ. Run it
// after changing a provider: node --conditions=source scripts/write-providers.ts (a test fails until then).
import { writeFileSync } from 'node:fs';
import { PROFILE_PROVIDERS } from '#shared/providers/anthropic/anthropic.ts';
import { NATIVE, PROVIDERS } from '#shared/providers/index.ts';
import type { Provider } from '#shared/providers/provider.ts';

export function providersPage(): string {
  const named = PROVIDERS.map((provider): [string, Provider] => [`\`${provider.type}\``, provider]);
  const profiles = [...PROFILE_PROVIDERS].map(([name, provider]): [string, Provider] => [
    `\`${NATIVE}\` with profile \`${name}\``,
    provider,
  ]);
  return [
    '# Providers',
    '',
    `\`type\` of a provider or of the target says which protocol it speaks. \`${NATIVE}\` without a profile is native: bytes`,
    'pass both ways and only the model name changes, so everything is carried. Every other one is converted. What a protocol',
    'cannot carry is refused with a 400 that names the place; what is approximated is listed in `x-ccproxy-route`.',
    '',
    ...[...named, ...profiles].flatMap(([title, provider]) => section(title, provider)),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

function section(title: string, provider: Provider): string[] {
  const rows = provider.capabilities.map(({ feature, support, how }) => `| ${feature} | ${support} | ${how} |`);
  return [`## ${title}`, '', '| feature | | how |', '|---|---|---|', ...rows, ''];
}

if (import.meta.main) writeFileSync(new URL('../docs/providers.md', import.meta.url), providersPage());
