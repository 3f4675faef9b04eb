// How servers of Chat Completions differ, as data. The defaults are those of a plain open-source server, which takes the
// least; a vendor and a family of models each say only what is different there.
import type { Effort } from '../effort.ts';
import { OPENAI_TOOL_NAMES, type ToolIdRule, type ToolNameRule } from '../tool-names.ts';

export interface ChatTraits {
  /** Where requests go when the base URL names no version of the API. */
  path: string;
  maxTokensField: 'max_tokens' | 'max_completion_tokens';
  /** Output tokens the model gives at most, where the server refuses more. */
  maxOutput: number | null;
  systemRole: 'system' | 'developer' | 'user';
  /** One system message, at the start; later ones become a user's. */
  isSystemFirstOnly: boolean;
  mergesSameRole: boolean;
  /** Texts stay apart as parts of a list, or are joined. */
  texts: 'parts' | 'joined';
  hasVision: boolean;
  takesDocuments: boolean;
  /** How the wish to think is said. */
  reasoningIn: 'none' | 'effort' | 'reasoning' | 'thinking' | 'enable_thinking' | 'template';
  efforts: readonly Effort[];
  reasonsByDefault: boolean;
  /** The wish to think cannot be said beside tools. */
  isQuietWithTools: boolean;
  /** What of its reasoning the server wants back with the history. */
  reasoningReplay: 'none' | 'reasoning_content' | 'reasoning_details';
  toolNames: ToolNameRule;
  toolIds: ToolIdRule;
  maxTools: number | null;
  takesRequiredChoice: boolean;
  takesNamedChoice: boolean;
  takesParallelFlag: boolean;
  /** Refuses calls in the history of a request without tools. */
  needsToolsForHistory: boolean;
  sampling: 'all' | 'none';
  takesTopK: boolean;
  /** Stop sequences it takes at most. */
  maxStops: number;
  /** Is asked for its token counts, or sends them anyway. */
  asksForUsage: boolean;
  keepsCacheMarks: boolean;
  takesCacheKey: boolean;
  takesUserHash: boolean;
  takesServiceTier: boolean;
  jsonAnswers: 'schema' | 'object';
  webSearch: 'none' | 'plugin' | 'options' | 'always';
  /** Models fill optional arguments with nothing; what the tool would refuse is taken out. */
  dropsEmptyArguments: boolean;
  /** Never says why an answer ended. */
  isFinishless: boolean;
  /** Reasoning may stand in `<think>` at the start of the text. */
  hasThinkTags: boolean;
}

export const PLAIN_SERVER: ChatTraits = {
  path: '/v1/chat/completions',
  maxTokensField: 'max_tokens',
  maxOutput: null,
  systemRole: 'system',
  isSystemFirstOnly: false,
  mergesSameRole: false,
  texts: 'joined',
  hasVision: true,
  takesDocuments: false,
  reasoningIn: 'none',
  efforts: [],
  reasonsByDefault: true,
  isQuietWithTools: false,
  reasoningReplay: 'none',
  toolNames: OPENAI_TOOL_NAMES,
  toolIds: { max: 40, illegal: /[^a-zA-Z0-9_-]/g },
  maxTools: null,
  takesRequiredChoice: true,
  takesNamedChoice: true,
  takesParallelFlag: true,
  needsToolsForHistory: false,
  sampling: 'all',
  takesTopK: true,
  maxStops: 4,
  asksForUsage: true,
  keepsCacheMarks: false,
  takesCacheKey: false,
  takesUserHash: false,
  takesServiceTier: false,
  jsonAnswers: 'schema',
  webSearch: 'none',
  dropsEmptyArguments: false,
  isFinishless: false,
  hasThinkTags: false,
};
