// From a conversation in any protocol's words to what a simulated model can tell from it.
import { type Ask, type AskTool, isFromSubagent } from './read-ask.ts';
import type { SeenRequest } from './seen.ts';

export interface Turn {
  role: 'system' | 'user' | 'assistant' | 'tool';
  texts: string[];
  /** Results that a turn carries, as text. */
  results?: string[];
}

export interface Conversation {
  model: string;
  stream: boolean;
  turns: Turn[];
  tools: AskTool[];
  outputSchema: unknown;
  stopSequences: string[];
}

export function buildAsk(conversation: Conversation, request: SeenRequest): Ask {
  const { model, stream, turns, tools, outputSchema, stopSequences } = conversation;
  const lastAnswer = turns.findLastIndex((turn) => turn.role === 'assistant');
  const prompt = findPrompt(turns);
  const newest = turns.slice(lastAnswer + 1);
  const toolResults = newest.flatMap((turn) => turn.results ?? []);
  const isNews = newest.some((turn) => turn.role === 'user');
  return {
    model,
    stream,
    prompt,
    toolResults,
    tools,
    outputSchema,
    stopSequences,
    // Where a protocol has no stop sequences, the prompt is all that tells.
    isClassifier: stopSequences.includes('</block>') || (tools.length === 0 && request.raw.includes('<block>')),
    isSubagent: isFromSubagent(request, prompt),
    isLaterTurn: lastAnswer >= 0,
    isNotified: lastAnswer >= 0 && toolResults.length === 0 && isNews && findPrompt(newest) === '',
    hasSafeguards: false,
    marksCache: false,
  };
}

const REMINDER = /^\s*<system-reminder>[\s\S]*?<\/system-reminder>\s*/;

/** The newest text a person wrote; reminders may stand before it in the same text. */
function findPrompt(turns: Turn[]): string {
  for (const turn of turns.toReversed()) {
    if (turn.role !== 'user') continue;
    const prompt = turn.texts.map(withoutReminders).findLast((candidate) => candidate !== '');
    if (prompt !== undefined) return prompt;
  }
  return '';
}

function withoutReminders(text: string): string {
  let rest = text;
  while (REMINDER.test(rest)) rest = rest.replace(REMINDER, '');
  return rest.startsWith('<system-reminder>') ? '' : rest.trim();
}
