// Scenes that answer well: text, tools, thinking, and the shapes a client must be able to show.
import { type AskTool, isFields, SUB_TASKS } from '../read-ask.ts';
import { type Scene, text, thinking, toolUse } from '../script.ts';
import { sampleOf } from './sample-of.ts';
import type { Scenario } from './scenario.ts';

const DONE: Scene = { content: [text('Done. The command ran and printed what you asked for.')] };

export const answers: Record<string, Scenario> = {
  text: () => ({ content: [text('Hello! How can I help you with this project today?')] }),
  'tool-bash': (ask) =>
    ask.toolResults.length > 0
      ? DONE
      : {
          content: [
            thinking('The user wants me to run it. One Bash call is enough.'),
            text('Running.'),
            toolUse('Bash', { command: 'echo hello', description: 'Print a greeting' }),
          ],
        },
  'tool-any': (ask) => {
    const tool = ask.tools[0];
    if (ask.toolResults.length > 0 || tool === undefined) return DONE;
    return { content: [toolUse(tool.name, sampleInput(tool))] };
  },
  'tool-read-parallel': (ask) =>
    ask.toolResults.length > 0
      ? { content: [text('Both files are short: the first has two lines, the second one.')] }
      : {
          content: [
            toolUse('Read', { file_path: '/home/dev/project1/docs/a.txt' }),
            toolUse('Read', { file_path: '/home/dev/project1/docs/b.txt' }),
          ],
        },
  subagent: (ask) => {
    if (ask.toolResults.length > 0 || ask.isNotified)
      return { content: [text(ask.isSubagent ? 'sub done' : 'main done')] };
    if (ask.isSubagent) {
      return { content: [toolUse('Bash', { command: 'echo in-sub', description: 'Work of the subagent' })] };
    }
    const input = { description: 'do sub work', prompt: SUB_TASKS.usual, subagent_type: 'general-purpose' };
    return { content: [toolUse('Agent', input)] };
  },
  thinking: () => ({ content: [thinking('Two steps: read the question, answer it.'), text('The answer is 42.')] }),
  'thinking-tool': (ask) =>
    ask.toolResults.length > 0
      ? DONE
      : {
          content: [
            thinking('I have to look at the file before I say anything about it.'),
            { type: 'redacted_thinking', data: 'cmVkYWN0ZWQgYnkgdGhlIHNpbXVsYXRvcg==' },
            toolUse('Read', { file_path: '/home/dev/project1/README.md' }),
          ],
        },
  refusal: () => ({
    content: [text('I cannot help with that.')],
    stopReason: 'refusal',
    deltaFields: { stop_details: { type: 'refusal', category: null, explanation: null } },
  }),
  'max-tokens': () => ({ content: [text('This answer was longer than it was allowed to')], stopReason: 'max_tokens' }),
  'long-output': () => ({ content: [text(longText())], pings: 'once' }),
  utf8: () => ({ content: [text('Grüße, 世界! 👩‍👩‍👧 ½ € — naïve café 🇩🇪 \u2028 e\u0301')], deltaChars: 3 }),
  'empty-text': () => ({ content: [] }),
  /** The client's own tool, whose request for the search itself is answered in turn. */
  'web-search-tool': (ask, context) => {
    if (ask.tools.some((tool) => tool.name === 'web_search')) return answers['web-search']?.(ask, context) ?? DONE;
    if (ask.toolResults.length > 0 || ask.isNotified) return DONE;
    return { content: [text('Searching.'), toolUse('WebSearch', { query: 'model gateway' })] };
  },
  'web-search': () => ({
    content: [
      text('I will search for that.'),
      { type: 'server_tool_use', name: 'web_search', input: { query: 'model gateway' }, id: 'srvtoolu_simulated1' },
      { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_simulated1', content: [SEARCH_RESULT] },
      { type: 'text', text: 'A gateway sits between client and model.', citations: [CITATION] },
    ],
    stopReason: 'end_turn',
    usage: { server_tool_use: { web_search_requests: 1 } },
  }),
  'unknown-parts': () => ({
    content: [text('Known text. '), { type: 'future_block', payload: { deep: [1, 2, 3] } }, text('More text.')],
    messageFields: { future_field: { kept: true } },
    extraEvents: [{ at: 3, event: 'future_event', data: { type: 'future_event', value: 7 } }],
  }),
};

const SEARCH_RESULT = {
  type: 'web_search_result',
  title: 'Gateways',
  url: 'https://example.com/gateways',
  encrypted_content: 'c2ltdWxhdGVk',
  page_age: null,
};

const CITATION = {
  type: 'web_search_result_location',
  url: 'https://example.com/gateways',
  title: 'Gateways',
  encrypted_index: 'c2ltdWxhdGVk',
  cited_text: 'A gateway sits between client and model.',
};

/** About 40 KB, as a long file or report. */
function longText(): string {
  const lines = Array.from(
    { length: 500 },
    (_, index) => `${index + 1}. Line ${index + 1} of a long answer, with a few words on – well – nothing much.`,
  );
  return lines.join('\n');
}

function sampleInput(tool: AskTool): unknown {
  const sample = sampleOf(tool.inputSchema);
  return isFields(sample) ? sample : {};
}
