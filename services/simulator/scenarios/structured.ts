// Scenes whose answer a program reads: titles, structured output, the safety classifier.
import { text, toolUse } from '../script.ts';
import { sampleOf } from './sample-of.ts';
import type { Scenario } from './scenario.ts';

export const structured: Record<string, Scenario> = {
  'title-json': (ask) => {
    const sample = sampleOf(ask.outputSchema ?? TITLE_SCHEMA, titleOf(ask.prompt));
    return { content: [text(JSON.stringify(sample))] };
  },
  'structured-output': (ask) => {
    const tool = ask.tools.find((candidate) => candidate.name === 'StructuredOutput');
    if (ask.toolResults.length > 0) return { content: [text('The structured answer was accepted.')] };
    return { content: [toolUse('StructuredOutput', sampleOf(tool?.inputSchema, 'simulated'))] };
  },
  classifier: () => ({ content: [text('<block>no')], stopReason: 'stop_sequence', stopSequence: '</block>' }),
};

const TITLE_SCHEMA = { type: 'object', properties: { title: { type: 'string' } }, required: ['title'] };

function titleOf(prompt: string): string {
  const words = prompt.match(/[\p{L}\p{N}]+/gu)?.slice(0, 5) ?? [];
  const title = words.join(' ').slice(0, 40);
  return title === '' ? 'New session' : title.charAt(0).toUpperCase() + title.slice(1);
}
