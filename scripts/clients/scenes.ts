// What a client is tried with: the prompts it is given, what the simulated model answers to each of its requests, and
// the words that can only stand in the last answer when every step reached the model.
import type { Ask } from '#services/simulator/read-ask.ts';
import { type Scene as Answer, type SceneBlock, text, thinking, toolUse } from '#services/simulator/script.ts';

export const SCENE_NAMES = ['tool', 'parallel', 'subagent', 'web-search', 'compact'] as const;
export type SceneName = (typeof SCENE_NAMES)[number];

export function isSceneName(name: string): name is SceneName {
  return (SCENE_NAMES as readonly string[]).includes(name);
}

/** Words that occur in one place only: in a file, on a page, in a summary. */
export interface Secrets {
  fileA: string;
  fileB: string;
  page: string;
  summary: string;
}

export interface Asked {
  ask: Ask;
  /** The request as the model got it. */
  raw: string;
  /** The client's folder, where a.txt and b.txt are. */
  folder: string;
  secrets: Secrets;
}

export interface Scene {
  name: SceneName;
  /** One after the other in one session. */
  prompts: string[];
  /** What the client may use without asking. */
  allowedTools: string[];
  answer(asked: Asked): Answer;
  /** All of them are in what the client printed last. */
  expected(secrets: Secrets): string[];
}

const TOOL: Scene = {
  name: 'tool',
  prompts: ['Run `cat a.txt` in Bash and tell me what it printed'],
  allowedTools: ['Bash'],
  answer: (asked) => (hasNews(asked) ? report(asked) : call('One call will tell.', bash('cat a.txt'))),
  expected: ({ fileA }) => [fileA],
};

const PARALLEL: Scene = {
  name: 'parallel',
  prompts: ['Read both a.txt and b.txt and tell me what they say'],
  allowedTools: ['Read'],
  answer: (asked) =>
    hasNews(asked)
      ? report(asked)
      : call('Two calls at once.', ...['a.txt', 'b.txt'].map((file) => read(`${asked.folder}/${file}`))),
  expected: ({ fileA, fileB }) => [fileA, fileB],
};

const SUB_TASK = 'Look around and report';

const SUBAGENT: Scene = {
  name: 'subagent',
  prompts: ['Let a subagent find out what a.txt says'],
  allowedTools: ['Agent', 'Task', 'Bash'],
  answer: (asked) => {
    const { ask } = asked;
    if (hasNews(asked)) return report(asked);
    if (ask.isSubagent) return call('My task is clear.', bash('cat a.txt'));
    const tool = ask.tools.some(({ name }) => name === 'Agent') ? 'Agent' : 'Task';
    const input = { description: 'Read a.txt', prompt: SUB_TASK, subagent_type: 'general-purpose' };
    return call('Somebody else can do that.', toolUse(tool, input));
  },
  expected: ({ fileA }) => [fileA],
};

const WEB_SEARCH: Scene = {
  name: 'web-search',
  prompts: ['Search the web for model gateways'],
  allowedTools: ['WebSearch', 'ToolSearch'],
  answer: (asked) => {
    const { ask, secrets } = asked;
    const offers = (tool: string): boolean => ask.tools.some(({ name }) => name === tool);
    // A function of that name is the gateway's, which searches for this model.
    if (offers('web_search') && !offersSearch(ask))
      return hasNews(asked) ? report(asked) : call('Searching.', toolUse('web_search', { query: SEARCH_QUERY }));
    if (isSearch(ask))
      return offersSearch(ask) ? searchAnswer(secrets) : { content: [text('I cannot search the web.')] };
    // A client that defers the tool shows it once it was asked for.
    if (!offers('WebSearch') && offers('ToolSearch')) {
      return call(
        'The tool has to be found first.',
        toolUse('ToolSearch', { query: 'select:WebSearch', max_results: 5 }),
      );
    }
    const hasSearched = asked.raw.includes(SEARCH_QUERY);
    if (offers('WebSearch') && !hasSearched) return call('Searching.', toolUse('WebSearch', { query: SEARCH_QUERY }));
    if (offersSearch(ask)) return searchAnswer(secrets);
    return report(asked);
  },
  expected: ({ page }) => [page],
};

const COMPACT: Scene = {
  name: 'compact',
  prompts: [...TOOL.prompts, '/compact', 'What do you remember?'],
  allowedTools: ['Bash'],
  answer: (asked) => {
    const { ask, raw, secrets } = asked;
    if (isCompaction(ask))
      return { content: [text(`<summary>\nThe user had a file read. ${secrets.summary}\n</summary>`)] };
    if (raw.includes(secrets.summary)) return report(asked);
    return TOOL.answer(asked);
  },
  expected: ({ summary }) => [summary],
};

export const SCENES: Readonly<Record<SceneName, Scene>> = {
  tool: TOOL,
  parallel: PARALLEL,
  subagent: SUBAGENT,
  'web-search': WEB_SEARCH,
  compact: COMPACT,
};

/** What every scene answers to requests that are not part of its own story. */
export function answerAside({ ask }: Asked): Answer | undefined {
  if (ask.isClassifier) return { content: [text('<block>no')], stopReason: 'stop_sequence', stopSequence: '</block>' };
  if (ask.outputSchema !== undefined)
    return { content: [text(JSON.stringify({ title: 'A trial', isNewTopic: false }))] };
  if (ask.tools.length > 0 || isSearch(ask) || isCompaction(ask)) return undefined;
  // Older clients ask a small model about each command: what its prefix is, which files it reads.
  if (/<filepaths>|is_displaying_contents/.test(ask.prompt)) {
    return { content: [text('<is_displaying_contents>\nfalse\n</is_displaying_contents>\n<filepaths>\n</filepaths>')] };
  }
  return /^Command: /m.test(ask.prompt) ? { content: [text('cat')] } : undefined;
}

const SEARCH_QUERY = 'model gateway of the trial';

function isSearch(ask: Ask): boolean {
  return /perform a web search/i.test(ask.prompt);
}

/** The model was given a search of its server's own. */
function offersSearch(ask: Ask): boolean {
  return ask.tools.some(({ name, inputSchema }) => name === 'web_search' && inputSchema === undefined);
}

function isCompaction(ask: Ask): boolean {
  return /create a detailed summary|summary of (?:the|this) conversation/i.test(ask.prompt);
}

function hasNews({ ask }: Asked): boolean {
  return ask.toolResults.length > 0 || ask.isNotified;
}

/** Says every secret that came along. */
function report({ raw, secrets }: Asked): Answer {
  const known = Object.values(secrets).filter((secret) => raw.includes(secret));
  return { content: [text(known.length === 0 ? 'Nothing yet.' : `Known by now: ${known.join(', ')}.`)] };
}

function call(thought: string, ...calls: SceneBlock[]): Answer {
  return { content: [thinking(thought), text('Let me see.'), ...calls] };
}

function bash(command: string): SceneBlock {
  return toolUse('Bash', { command, description: 'Look' });
}

function read(path: string): SceneBlock {
  return toolUse('Read', { file_path: path });
}

/** What a search engine finds. */
export function searchResults({ page }: Secrets): Answer {
  return { search: { results: [{ ...pageOf(page), content: 'A gateway sits between client and model.' }] } };
}

function pageOf(page: string): { url: string; title: string } {
  return { url: `https://example.com/${page}`, title: `Page ${page}` };
}

function searchAnswer({ page }: Secrets): Answer {
  const { url, title } = pageOf(page);
  const result = { type: 'web_search_result', title, url, encrypted_content: 'c2ltdWxhdGVk', page_age: null };
  const citation = {
    type: 'web_search_result_location',
    url,
    title,
    encrypted_index: 'c2lt',
    cited_text: 'A gateway.',
  };
  return {
    content: [
      { type: 'server_tool_use', name: 'web_search', input: { query: SEARCH_QUERY }, id: 'srvtoolu_trial1' },
      { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_trial1', content: [result] },
      { type: 'text', text: 'A gateway sits between client and model.', citations: [citation] },
    ],
    stopReason: 'end_turn',
    usage: { server_tool_use: { web_search_requests: 1 } },
  };
}
