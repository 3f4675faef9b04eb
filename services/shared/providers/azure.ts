// Azure OpenAI: Chat Completions under a deployment's name, at one of two addresses: with a dated version, or the v1 API.
import { createChatProvider } from './openai-chat/create-chat-provider.ts';
import { chatTraits } from './openai-chat/vendors.ts';
import type { Provider } from './provider.ts';
import type { Target } from './target.ts';

/** For a deployment's address that comes without a version. */
const LATEST_DATED = '2024-10-21';

export const azure: Provider = createChatProvider({
  type: 'azure',
  keyHeader: 'api-key',
  toEndpoint: ({ target, model }) => ({
    path: azurePath(target, model),
    model: target.deployment ?? model,
    // A deployment may be called anything: the model's own name says what it can do.
    traits: chatTraits('azure', model),
  }),
  capabilities: [{ feature: 'pdf-input', support: 'refused', how: 'Azure takes no file parts here' }],
});

/** Relative to the base URL, which may be the resource's, the v1 API's, a deployment's or the whole address. */
function azurePath(target: Target, model: string): string {
  const base = new URL(target.baseUrl);
  const path = base.pathname.replace(/\/$/, '');
  const version = target.apiVersion ?? base.searchParams.get('api-version');
  if (path.endsWith('/chat/completions'))
    return path.includes('/deployments/') ? query(version ?? LATEST_DATED) : query(version);
  if (/\/deployments\/[^/]+$/.test(path)) return `/chat/completions${query(version ?? LATEST_DATED)}`;
  if (path.endsWith('/v1')) return `/chat/completions${query(version)}`;
  const root = path.endsWith('/openai') ? '' : '/openai';
  const isDated = version !== null && /^\d{4}-\d{2}-\d{2}/.test(version);
  if (!isDated) return `${root}/v1/chat/completions${query(version)}`;
  const deployment = encodeURIComponent(target.deployment ?? model);
  return `${root}/deployments/${deployment}/chat/completions${query(version)}`;
}

function query(version: string | null): string {
  return version === null || version === 'v1' ? '' : `?api-version=${encodeURIComponent(version)}`;
}
