// A plausible model for a coding session. What it does follows from the request; each seed is a different model that
// mostly agrees with the others and now and then chooses another argument, another tool or another wording.
import { createRandom, type Random } from '../random.ts';
import { type Ask, SUB_TASKS } from '../read-ask.ts';
import { type Delays, type Scene, type SceneBlock, text, thinking, toolUse } from '../script.ts';
import { answers } from './answers.ts';
import type { Scenario, ScenarioContext } from './scenario.ts';
import { structured } from './structured.ts';

/** How often one seed leaves the common choice, by how far it goes. */
const OTHER_ARGUMENT = 0.12;
const OTHER_TOOL = 0.08;
const OTHER_WORDING = 0.15;

export const agent: Scenario = (ask, context) => {
  // Choices hang on seed and conversation, not on the order of arrival: the same question gets the same answer.
  const own = createRandom('agent', context.seed, ask.prompt, ask.toolResults.length, ask.isSubagent ? 1 : 0);
  return { ...chooseScene(ask, context, own), delays: paceOf(ask, own), answersSafeguards: true };
};

function chooseScene(ask: Ask, context: ScenarioContext, own: Random): Scene {
  if (ask.isClassifier && structured.classifier) return structured.classifier(ask, context);
  if (ask.outputSchema !== undefined && structured['title-json']) return structured['title-json'](ask, context);
  const offered = new Set(ask.tools.map((tool) => tool.name));
  if (offered.has('StructuredOutput') && structured['structured-output']) {
    return structured['structured-output'](ask, context);
  }
  const searchesWeb = ask.tools.some((tool) => tool.name === 'web_search' && tool.inputSchema === undefined);
  if (searchesWeb && answers['web-search']) return answers['web-search'](ask, context);
  if (ask.toolResults.length > 0 || ask.isNotified) return { content: [text(reportOn(ask.toolResults, own))] };
  const calls = chooseCalls(ask, offered, own);
  if (calls.length === 0) return { content: [text(answerTo(ask.prompt, own))] };
  const thought = `The request is: "${ask.prompt.slice(0, 120)}". ${own.pick(THOUGHTS)}`;
  return { content: [thinking(thought, own.id('', 64)), text(own.pick(LEADS)), ...calls] };
}

const THOUGHTS = ['One call will tell.', 'I should look before I answer.', 'A tool call is the quickest way.'];
const LEADS = ["I'll take a look.", 'Let me check that.', 'Looking into it now.'];

function chooseCalls(ask: Ask, offered: ReadonlySet<string>, own: Random): SceneBlock[] {
  const intent = intentOf(ask.prompt, ask.isSubagent);
  const usual = intent === undefined ? [] : callsFor(intent, ask.prompt, offered, false);
  if (usual.length === 0) return [];
  const turn = own.next();
  if (turn < OTHER_TOOL) return otherTool(intent, ask.prompt, offered) ?? [];
  if (turn < OTHER_TOOL + OTHER_ARGUMENT && intent !== undefined) return callsFor(intent, ask.prompt, offered, true);
  return usual;
}

type Intent = 'run' | 'read' | 'search' | 'edit' | 'delegate';

const INTENTS: ReadonlyArray<readonly [Intent, RegExp]> = [
  ['delegate', /\b(subagent|delegate)\b/i],
  ['run', /\b(run|execute|build|test|install|start|list|count)\b/i],
  ['search', /\b(find|search|grep|where|which)\b/i],
  ['edit', /\b(fix|change|edit|rename|add|write|create|refactor)\b/i],
  ['read', /\b(read|show|open|explain|look|what does)\b/i],
];

function intentOf(prompt: string, isSubagent: boolean): Intent | undefined {
  if (isSubagent) return 'run';
  return INTENTS.find(([, pattern]) => pattern.test(prompt))?.[0];
}

/** The calls most models would make; with `differs` the same tools with other arguments. */
function callsFor(intent: Intent, prompt: string, offered: ReadonlySet<string>, differs: boolean): SceneBlock[] {
  const file = fileIn(prompt);
  const call = (name: string, input: Record<string, unknown>): SceneBlock[] =>
    offered.has(name) ? [toolUse(name, input)] : [];
  switch (intent) {
    case 'delegate': {
      const task = differs ? SUB_TASKS.detailed : SUB_TASKS.usual;
      const input = { description: 'Do the sub task', prompt: task, subagent_type: 'general-purpose' };
      return call(offered.has('Agent') ? 'Agent' : 'Task', input);
    }
    case 'run': {
      const command = commandIn(prompt);
      return call('Bash', { command: differs ? `${command} 2>&1 | head -50` : command, description: 'Run it' });
    }
    case 'search': {
      const pattern = wordIn(prompt);
      if (offered.has('Grep')) return call('Grep', { pattern, path: differs ? './src' : '.' });
      const command = differs ? `grep -rl ${pattern} src` : `grep -rn ${pattern} .`;
      return call('Bash', { command, description: 'Search the project' });
    }
    case 'edit':
    case 'read': {
      if (/\bboth\b/i.test(prompt)) {
        const names = differs ? ['b.txt', 'a.txt', 'c.txt'] : ['a.txt', 'b.txt'];
        return names.flatMap((name) => call('Read', { file_path: `/home/dev/project1/docs/${name}` }));
      }
      return call('Read', { file_path: file, ...(differs ? { limit: 200 } : {}) });
    }
  }
}

function otherTool(intent: Intent | undefined, prompt: string, offered: ReadonlySet<string>): SceneBlock[] | undefined {
  const file = fileIn(prompt);
  if (intent === 'run' && offered.has('Read')) return [toolUse('Read', { file_path: file })];
  if (offered.has('Bash')) return [toolUse('Bash', { command: 'ls -la', description: 'List the files' })];
  return undefined;
}

function commandIn(prompt: string): string {
  const quoted = /`([^`]+)`/.exec(prompt)?.[1];
  if (quoted !== undefined) return quoted;
  if (/\btests?\b/i.test(prompt)) return 'npm test';
  if (/\bbuild\b/i.test(prompt)) return 'npm run build';
  if (/\binstall\b/i.test(prompt)) return 'npm install';
  const said = /\b(?:run|execute)\s+(?:the command\s+)?([a-z][\w./-]*(?:\s+[\w./:=-]+){0,4})/i.exec(prompt)?.[1];
  if (said !== undefined && !/^(it|this|that|the|something)\b/i.test(said)) return said;
  if (/\b(list|count)\b/i.test(prompt)) return /\bcount\b/i.test(prompt) ? 'ls | wc -l' : 'ls';
  return 'echo hello';
}

function fileIn(prompt: string): string {
  const name = /[\w./-]*\w\.[a-z]{1,5}\b/i.exec(prompt)?.[0] ?? 'README.md';
  return name.startsWith('/') ? name : `/home/dev/project1/${name}`;
}

function wordIn(prompt: string): string {
  const quoted = /["'`]([\w.-]+)["'`]/.exec(prompt)?.[1];
  return quoted ?? prompt.match(/[A-Za-z_]{4,}/g)?.at(-1) ?? 'TODO';
}

function reportOn(results: string[], own: Random): string {
  const shown = results.join('\n').trim().slice(0, 400);
  const summary = shown === '' ? 'It finished without printing anything.' : `It printed:\n\n${shown}`;
  return own.chance(OTHER_WORDING)
    ? `${summary}\n\nNothing looks wrong. Tell me if you want me to go on from here.`
    : `Done. ${summary}`;
}

function answerTo(prompt: string, own: Random): string {
  const topic = prompt.trim().split(/\s+/).slice(0, 12).join(' ');
  if (own.chance(OTHER_WORDING)) {
    return `Could you tell me a little more about "${topic}"? Which part of the project do you mean?`;
  }
  return `About "${topic}": the short answer is yes. The longer one depends on how the project is laid out, and I can look at the files if you like.`;
}

function paceOf(ask: Ask, own: Random): Delays {
  const isShort = ask.isClassifier || ask.outputSchema !== undefined;
  return {
    headersMs: own.integer(15, 60),
    firstByteMs: isShort ? own.integer(20, 80) : own.integer(80, 350),
    betweenMs: own.integer(2, 9),
  };
}
