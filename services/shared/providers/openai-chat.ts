// OpenAI's Chat Completions, and every server that speaks it: told apart by name or address, as data.
import { chatPath } from './openai-chat/address.ts';
import { createChatProvider } from './openai-chat/create-chat-provider.ts';
import { chatTraits, vendorOf } from './openai-chat/vendors.ts';
import type { Provider } from './provider.ts';

export const openaiChat: Provider = chatProvider('openai-chat');

/** The same under its short name. */
export const openai: Provider = chatProvider('openai');

function chatProvider(type: string): Provider {
  return createChatProvider({
    type,
    toEndpoint: ({ target, model }) => {
      const traits = chatTraits(vendorOf(target), model);
      return { path: chatPath(target, traits.path), model, traits };
    },
  });
}
