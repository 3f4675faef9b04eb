// The conversation that scenes about quirks hold: two calls with a thought before them, then a word on the results. It
// takes the tools it was given, so that a real client can go through it.

import type { Quirks } from '../quirks.ts';
import { type Ask, type Fields, isFields } from '../read-ask.ts';
import { type Scene, type SceneBlock, text, thinking, toolUse } from '../script.ts';
import { sampleOf } from './sample-of.ts';
import type { Scenario } from './scenario.ts';

const REPORT: Scene = { content: [text('Both calls came back. There is nothing more to do.')] };

export function quirky(quirks: Quirks, change: (scene: Scene, ask: Ask) => Partial<Scene> = () => ({})): Scenario {
  return (ask) => {
    const scene = ask.toolResults.length > 0 || ask.isNotified ? REPORT : { content: openingOf(ask) };
    return { ...scene, quirks, ...change(scene, ask) };
  };
}

/** A quirk of answers without tools. */
export function quirkyText(quirks: Quirks, rest: Partial<Scene> = {}): Scenario {
  return () => ({
    content: [thinking('A short answer will do.'), text('Hello! How can I help you?')],
    quirks,
    ...rest,
  });
}

function openingOf(ask: Ask): SceneBlock[] {
  return [thinking('Two calls tell more than one.'), text('Looking at both.'), ...twoCalls(ask)];
}

export function twoCalls(ask: Ask): SceneBlock[] {
  const offered = new Map(ask.tools.map((tool) => [tool.name, tool.inputSchema]));
  const first = ask.tools.find((tool) => tool.inputSchema !== undefined);
  if (offered.has('Read') || first === undefined) {
    return ['a.txt', 'b.txt'].map((name) => toolUse('Read', { file_path: `/home/dev/project1/docs/${name}` }));
  }
  if (offered.has('Bash'))
    return ['one', 'two'].map((word) => toolUse('Bash', { command: `echo ${word}`, description: word }));
  const input = (word: string): Fields => {
    const sample = sampleOf(first.inputSchema, word);
    return isFields(sample) ? sample : {};
  };
  return [toolUse(first.name, input('one')), toolUse(first.name, input('two'))];
}
