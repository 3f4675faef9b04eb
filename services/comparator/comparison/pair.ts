// Two observations of one turn, cleaned by the same function: what scorers compare.
import type { Observation, ToolCall } from '#shared/exchange/observation.ts';
import { canonicalJson } from '#shared/messages/canonical-json.ts';

export type ActionType = 'answer' | 'tools' | 'answer+tools' | 'ask_user' | 'none';

/** A tool call in one spelling. */
export interface CanonicalCall {
  readonly name: string;
  /** Arguments by name, each as canonical JSON. */
  readonly args: ReadonlyMap<string, string>;
  /** Name and arguments as one text: equal texts, equal calls. */
  readonly key: string;
}

export interface Arm {
  readonly observation: Observation;
  readonly action: ActionType;
  readonly calls: readonly CanonicalCall[];
}

export interface Pair {
  readonly primary: Arm;
  readonly secondary: Arm;
}

export function pair(primary: Observation, secondary: Observation): Pair {
  return Object.freeze({ primary: toArm(primary), secondary: toArm(secondary) });
}

export function toArm(observation: Observation): Arm {
  return Object.freeze({
    observation,
    action: toAction(observation),
    calls: Object.freeze(observation.toolCalls.map(toCanonicalCall)),
  });
}

/** The client's tool that puts a question to the user. */
const ASK_TOOL = 'AskUserQuestion';

function toAction({ toolCalls, text, outcome }: Observation): ActionType {
  const speaks = text.trim() !== '';
  if (toolCalls.some((call) => call.name === ASK_TOOL)) return 'ask_user';
  if (toolCalls.length > 0) return speaks ? 'answer+tools' : 'tools';
  return speaks && outcome !== 'refusal' ? 'answer' : 'none';
}

/** Broken JSON equals only the same broken JSON. */
function toCanonicalCall(call: ToolCall): CanonicalCall {
  const { name } = call;
  try {
    if (!call.jsonOk) throw new SyntaxError('input is not JSON');
    const args = toArguments(call.input);
    return { name, args, key: JSON.stringify([name, canonicalJson(call.input)]) };
  } catch {
    return { name, args: new Map([['', call.rawInput]]), key: JSON.stringify([name, 'broken', call.rawInput]) };
  }
}

function toArguments(input: unknown): Map<string, string> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return new Map([['', canonicalJson(input)]]);
  return new Map(Object.entries(input).map(([key, value]) => [key, canonicalJson(value)]));
}
