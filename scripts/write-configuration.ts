// Writes docs/configuration.md from the schemas, so that the page and the program cannot differ. Run it after changing a
// setting: node scripts/write-configuration.ts (a test fails until then).
import { writeFileSync } from 'node:fs';
import { isKey, type SectionSchema } from '#shared/config/schema.ts';
import { LISTS, MAPS, SECTIONS, topLevel } from '#shared/config/sections/index.ts';

export function configurationPage(): string {
  const parts = [
    '# Configuration',
    '',
    'One TOML file. It is looked for at `--config`, then `CC_PROXY_CONFIG`, `./cc-proxy.toml` and',
    '`~/.config/cc-proxy/cc-proxy.toml`; every setting has a default. A flag beats the environment, the environment the',
    'file. Each setting is also an environment variable: `CC_`, then its path in capitals with `__` between the parts, such',
    "as `CC_SERVER__LISTEN_ADDRESS`; tables in double brackets are the file's alone. A wrong key or value ends the start with exit code 2 and a sentence that names it.",
    '',
    '`cc-proxy config check` reads all of it as a start does: every mistake with its line, and warnings of what could be better. It ends',
    'with 1 when there is a mistake, with `--strict` for a warning too.',
    '',
    'Flags: `--config`, `--target-url` (`target.url`), `--model` (`target.model`), `--debug` (`log.level = "debug"`), `--allow-anthropic-only` (flag only).',
    '',
    'Where neither a flag nor a variable of ours nor the file says anything, variables do that other programs know too:',
    '`OTEL_SERVICE_NAME`, `PHOENIX_PROJECT_NAME`, the eleven `OPENINFERENCE_HIDE_…`, `OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH`, and',
    'for the endpoint with its headers either `OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`) and `OTEL_EXPORTER_OTLP_HEADERS`',
    'or `PHOENIX_COLLECTOR_ENDPOINT`, `PHOENIX_API_KEY` and `PHOENIX_CLIENT_HEADERS`. Headers go only to the endpoint named with them.',
    '',
    ...table('Top level', topLevel),
    ...Object.entries(SECTIONS).flatMap(([name, schema]) => table(`[${name}]`, schema)),
    ...Object.entries(MAPS).flatMap(([name, schema]) => table(`[${name}.<name>]`, schema)),
    ...Object.entries(LISTS).flatMap(([name, schema]) => table(`[[${name}]]`, schema)),
  ];
  return `${parts.join('\n').trimEnd()}\n`;
}

function table(title: string, schema: SectionSchema): string[] {
  return [`## ${title}`, '', '| key | default | meaning |', '|---|---|---|', ...rows(schema, ''), ''];
}

function rows(schema: SectionSchema, prefix: string): string[] {
  return Object.entries(schema).flatMap(([name, node]) => {
    if (!isKey(node)) return rows(node, `${prefix}${name}.`);
    const value = node.default === null ? '–' : `\`${JSON.stringify(node.default)}\``;
    return [`| \`${prefix}${name}\` | ${value} | ${node.doc} |`];
  });
}

if (import.meta.main) writeFileSync(new URL('../docs/configuration.md', import.meta.url), configurationPage());
