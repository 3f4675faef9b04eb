// How far two arms did the same thing: one ladder, the highest rung that holds. Symmetric in its arguments; from
// `canonical` down the order of parallel calls plays no part.
import type { ActionType, Arm, CanonicalCall } from './pair.ts';

/** From the top. */
export const LEVELS = ['identical', 'canonical', 'same_intent', 'same_tool', 'same_type', 'divergent'] as const;
export type Level = (typeof LEVELS)[number];

export function actionLevel(a: Arm, b: Arm): Level {
  if (isIdentical(a, b)) return 'identical';
  const haveCalls = a.calls.length > 0 && b.calls.length > 0;
  if (haveCalls && sameMultiset(a.calls.map(key), b.calls.map(key))) return 'canonical';
  if (sameMultiset(intents(a), intents(b))) return 'same_intent';
  if (haveCalls && sameMultiset(a.calls.map(name), b.calls.map(name))) return 'same_tool';
  return sameType(a, b) ? 'same_type' : 'divergent';
}

/** Whether the level counts as agreement on what to do. */
export function agrees(level: Level): boolean {
  return LEVELS.indexOf(level) <= LEVELS.indexOf('same_intent');
}

export function sameMultiset(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && overlap(a, b) === a.length;
}

/** Size of the common part of two multisets. */
export function overlap(a: readonly string[], b: readonly string[]): number {
  const left = new Map<string, number>();
  for (const item of a) left.set(item, (left.get(item) ?? 0) + 1);
  let common = 0;
  for (const item of b) {
    const count = left.get(item) ?? 0;
    if (count === 0) continue;
    common += 1;
    left.set(item, count - 1);
  }
  return common;
}

const key = (call: CanonicalCall): string => call.key;
const name = (call: CanonicalCall): string => call.name;

function isIdentical(a: Arm, b: Arm): boolean {
  if (a.calls.length !== b.calls.length) return false;
  if (a.calls.length > 0) return a.calls.every((call, index) => call.key === b.calls[index]?.key);
  const [textA, textB] = [a.observation.text.normalize('NFC'), b.observation.text.normalize('NFC')];
  return a.action === b.action && textA === textB && textA !== '';
}

/** A call is its own intent; two answers, two questions to the user and two refusals are alike, whatever they say. */
function intents(arm: Arm): string[] {
  if (arm.action === 'ask_user') return ['ask'];
  if (arm.calls.length > 0) return arm.calls.map(key);
  if (arm.action === 'answer') return ['answer'];
  return arm.observation.outcome === 'refusal' ? ['refuse'] : [];
}

function sameType(a: Arm, b: Arm): boolean {
  return withoutPreface(a.action) === withoutPreface(b.action);
}

/** Words before a tool call do not change what is done. */
function withoutPreface(action: ActionType): ActionType {
  return action === 'answer+tools' ? 'tools' : action;
}
