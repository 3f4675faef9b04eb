// OpenRouter: Chat Completions for models of every vendor, whose cache marks and reasoning state it carries.
import { chatPath } from './openai-chat/address.ts';
import { createChatProvider } from './openai-chat/create-chat-provider.ts';
import { chatTraits } from './openai-chat/vendors.ts';
import type { Provider } from './provider.ts';

export const openrouter: Provider = createChatProvider({
  type: 'openrouter',
  toEndpoint: ({ target, model }) => {
    const traits = chatTraits('openrouter', model);
    return { path: chatPath(target, traits.path), model, traits };
  },
  capabilities: [
    { feature: 'cache-control', support: 'carried', how: 'on texts, for models that need the marks' },
    {
      feature: 'thinking-replay',
      support: 'carried',
      how: 'reasoning_details travel in the signature and go back unchanged',
    },
    {
      feature: 'server-tools',
      support: 'approximated',
      how: 'web search as the web plugin; others are left out and noted',
    },
  ],
});
