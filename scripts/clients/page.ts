// docs/evidence/clients.md: a table for each client, and in words what is not a pass.
import type { Outcome } from './judge.ts';
import type { CaseResult } from './run-case.ts';
import { SCENE_NAMES, type SceneName } from './scenes.ts';

export interface PageFacts {
  command: string;
  date: string;
  node: string;
  results: CaseResult[];
}

export function writePage({ command, date, node, results }: PageFacts): string {
  const clients = [...new Set(results.map(({ client }) => client.name))];
  const seconds = results.reduce((sum, { tookMs }) => sum + tookMs, 0) / 1000;
  return `${[
    '# Clients',
    '',
    `Unmodified clients through the gateway in mode target, before a simulator that answers as each kind of server does. Made by \`${command}\`, ${date}.`,
    '',
    `- **Clients:** ${clients.join(', ')}; Node ${node}.`,
    `- **Cases:** ${results.length}, ${Math.round(seconds)} s from their starts to their verdicts: ${count(results)}.`,
    '- **pass:** the client ended well; the words of a file, a page or a summary that only the tool turns can have carried are in its last answer; each of its requests and each to the server was made once and answered 200, none without a stream, every stream keeps the rules of the protocol, and a web search came as `server_tool_use` with `web_search_tool_result`.',
    '- **web-search:** where the server has no search of its own the gateway asks a search engine, in `web_search.mode = "emulate"`.',
    '- **refused:** nobody can search the web there, and the client is told so. No pass, but the model knows.',
    '- **–:** the client has no such turn.',
    '',
    ...clients.flatMap((name) => tableOf(name, results)),
    ...sayings(results),
  ].join('\n')}\n`;
}

export function count(results: CaseResult[]): string {
  const of = (outcome: string): number => results.filter(({ verdict }) => verdict.outcome === outcome).length;
  return `${of('pass')} passed, ${of('refused')} refused, ${of('fail')} failed`;
}

const CELLS: Readonly<Record<Outcome, string>> = {
  pass: 'pass',
  refused: 'refused',
  fail: '**fail**',
};

export function cell({ verdict }: CaseResult): string {
  return CELLS[verdict.outcome];
}

function tableOf(client: string, results: CaseResult[]): string[] {
  const own = results.filter((result) => result.client.name === client);
  const providers = [...new Set(own.map(({ provider }) => provider))];
  const at = (provider: string, scene: SceneName): string => {
    const result = own.find((each) => each.provider === provider && each.scene === scene);
    return result === undefined ? '–' : cell(result);
  };
  return [
    `## ${client}`,
    '',
    `| provider | ${SCENE_NAMES.join(' | ')} |`,
    `|---|${SCENE_NAMES.map(() => '---').join('|')}|`,
    ...providers.map((provider) => `| ${provider} | ${SCENE_NAMES.map((scene) => at(provider, scene)).join(' | ')} |`),
    '',
  ];
}

/** Alike cases are told once. */
function sayings(results: CaseResult[]): string[] {
  const told = results.filter(({ verdict }) => verdict.outcome !== 'pass');
  if (told.length === 0) return [];
  const groups = Map.groupBy(told, ({ scene, verdict }) => `${scene}: ${verdict.reasons.join('; ')}`);
  return [
    '## What is not a pass',
    '',
    ...[...groups].map(([saying, members]) => `- ${saying}\n  (${placesOf(members)})`),
  ];
}

function placesOf(members: CaseResult[]): string {
  const byClient = Map.groupBy(members, ({ client }) => client.name);
  return [...byClient].map(([name, own]) => `${name}: ${own.map(({ provider }) => provider).join(', ')}`).join('; ');
}
