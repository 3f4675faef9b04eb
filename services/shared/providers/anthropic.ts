// Servers that speak the Messages API and deviate from it. A request is repaired before it goes there, the answer is
// read and written anew; a server without a profile is none of these, its bytes pass.

import { PROFILES, type Profile } from './anthropic/profiles.ts';
import { toProfileRequest } from './anthropic/request.ts';
import { createMessagesReader } from './anthropic/stream.ts';
import type { Provider } from './provider.ts';
import { readHttpError } from './read-error.ts';
import { learnRefusedFields } from './refused-fields.ts';

/** A provider for each profile, by the profile's name. */
export const PROFILE_PROVIDERS: ReadonlyMap<string, Provider> = new Map(
  Object.entries(PROFILES).map(([name, profile]) => [name, createProvider(profile)]),
);

function createProvider(profile: Profile): Provider {
  const takes = (is: boolean): 'carried' | 'refused' => (is ? 'carried' : 'refused');
  return {
    type: 'anthropic',
    framing: 'sse',
    keyHeader: profile.keyHeader,
    capabilities: [
      { feature: 'text', support: 'carried', how: 'as it is' },
      { feature: 'images', support: 'carried', how: 'as they are' },
      { feature: 'pdf-input', support: takes(profile.takesDocuments), how: 'documents that are text become text' },
      { feature: 'tools', support: 'carried', how: 'deferred ones once the conversation named them' },
      {
        feature: 'hosted-tools',
        support: takes(profile.takesHostedTools),
        how: profile.takesHostedTools
          ? 'as they are'
          : 'named in the refusal; web search by the gateway (web_search.mode)',
      },
      {
        feature: 'thinking',
        support: 'approximated',
        how: profile.thinking === 'budget' ? 'adaptive becomes a budget' : 'the server decides; it can be switched off',
      },
      { feature: 'thinking-replay', support: 'carried', how: `signatures are ${profile.signatures}` },
      { feature: 'system-messages', support: 'carried', how: `${profile.systemTurns} between the turns` },
      { feature: 'json-schema', support: 'approximated', how: 'as an instruction' },
      { feature: 'context-management', support: 'approximated', how: 'left out' },
      { feature: 'threads', support: 'refused', how: 'the client sends the whole conversation' },
      { feature: 'safeguards', support: 'refused', how: 'the client checks by itself' },
    ],
    searches: () => (profile.takesHostedTools ? 'beside-tools' : 'never'),
    toUpstreamRequest: (request, input) => toProfileRequest(request, input, profile),
    createReader: (writer, memory) => createMessagesReader(writer, memory, profile),
    readError: readHttpError,
    learn: (error) => learnRefusedFields(error, isEssential),
  };
}

/** What is said, and what the model may call; a field of it that the server does not know can go. */
const ESSENTIAL =
  /^(?:model|messages|system|tools|stream|max_tokens)$|^(?:messages|system|tools)\.(?:.*\.)?(?:\*|input_schema|input|id|tool_use_id|source|thinking|data|media_type|url)$|\.(?:input_schema|input)\./;

function isEssential(place: string): boolean {
  return ESSENTIAL.test(place);
}
