// Every scene that can be asked for by name.
import { agent } from './agent.ts';
import { answers } from './answers.ts';
import { chatQuirks } from './chat-quirks.ts';
import { dialects } from './dialects.ts';
import { failures } from './failures.ts';
import { geminiQuirks } from './gemini-quirks.ts';
import { ollamaQuirks } from './ollama-quirks.ts';
import { refusals } from './refusals.ts';
import { responsesQuirks } from './responses-quirks.ts';
import type { Scenario } from './scenario.ts';
import { structured } from './structured.ts';

export const SCENARIOS: ReadonlyMap<string, Scenario> = new Map(
  Object.entries({
    agent,
    ...answers,
    ...structured,
    ...failures,
    ...chatQuirks,
    ...responsesQuirks,
    ...geminiQuirks,
    ...ollamaQuirks,
    ...dialects,
    ...refusals,
  }),
);
