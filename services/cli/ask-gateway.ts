// A running gateway, asked over HTTP as any client of it would.
import type { Config } from '#shared/config/load.ts';
import type { ListedModel } from './client-variables.ts';

const WAIT_MS = 3000;

/** Where this machine's clients find the gateway of a configuration. */
export function gatewayUrl({ server }: Pick<Config, 'server'>): string {
  return `http://${server.listen_address.replace(/^(0\.0\.0\.0|\[::\])/, '127.0.0.1')}`;
}

/** null = no gateway of ours answers there. */
export async function listModels(baseUrl: string): Promise<ListedModel[] | null> {
  const health = await get(`${baseUrl}/health`);
  if (health === null || !health.ok || (await health.text()) !== 'ok') return null;
  const answer = await get(`${baseUrl}/v1/models?limit=1000`);
  if (answer === null || !answer.ok) return [];
  const listed = (await answer.json()) as { data?: unknown };
  return Array.isArray(listed.data) ? listed.data.filter(isListed) : [];
}

/** null = it does not tell. */
export async function askMode(baseUrl: string, token: string | null): Promise<string | null> {
  const answer = await get(`${baseUrl}/api/mode`, token === null ? {} : { authorization: `Bearer ${token}` });
  if (answer === null || !answer.ok) return null;
  const { mode } = (await answer.json()) as { mode?: unknown };
  return typeof mode === 'string' ? mode : null;
}

async function get(url: string, headers: Record<string, string> = {}): Promise<Response | null> {
  // Nobody there, or somebody who does not answer: to its clients that is the same.
  return fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(WAIT_MS) }).catch(() => null);
}

function isListed(value: unknown): value is ListedModel {
  return typeof value === 'object' && value !== null && typeof (value as { id?: unknown }).id === 'string';
}
