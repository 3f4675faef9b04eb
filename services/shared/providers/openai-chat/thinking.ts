// The wish to think, in the field a server takes it in.
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { addNote } from '../content.ts';
import { chooseEffort, type Effort, readThinkingWish } from '../effort.ts';
import type { Fields } from '../fields.ts';
import type { ChatTraits } from './traits.ts';

export function thinkingFields(
  request: MessagesRequest,
  traits: ChatTraits,
  hasTools: boolean,
  notes: string[],
): Fields {
  const wish = readThinkingWish(request);
  if (traits.isQuietWithTools && hasTools) {
    const isWanted = wish.mode === 'enabled' || wish.mode === 'adaptive';
    if (isWanted) addNote(notes, 'effort:none');
    return { reasoning_effort: 'none' };
  }
  const effort = chooseEffort(wish, { legal: traits.efforts, isOnByDefault: traits.reasonsByDefault });
  if (effort === null) return {};
  if (wish.effort !== null && wish.effort !== effort) addNote(notes, `effort:${effort}`);
  return inField(effort, traits.reasoningIn, wish.mode === 'enabled' ? wish.budgetTokens : null);
}

function inField(effort: Effort, field: ChatTraits['reasoningIn'], budget: number | null): Fields {
  const isOn = effort !== 'none';
  switch (field) {
    case 'none':
      return {};
    case 'effort':
      return { reasoning_effort: effort };
    case 'reasoning':
      return { reasoning: isOn ? (budget === null ? { effort } : { max_tokens: budget }) : { enabled: false } };
    case 'thinking':
      return { thinking: { type: isOn ? 'enabled' : 'disabled' } };
    case 'enable_thinking':
      return { enable_thinking: isOn, ...(isOn && budget !== null ? { thinking_budget: budget } : {}) };
    case 'template':
      return { chat_template_kwargs: { enable_thinking: isOn } };
  }
}
