// Everybody who can be measured, by name, and in groups.

export const PEERS = {
  direct: 'the generator on the upstream, nothing between: shows that the generator is not the limit',
  bare: 'node:http in front, undici `dispatch` behind, nothing else: the measure',
  express: 'Express and http-proxy-middleware with kept-alive connections',
  nginx: 'nginx as a proxy, one process, no buffering of answers',
  haproxy: 'HAProxy as a proxy, one thread',
  portkey: 'the Portkey gateway, Anthropic to Anthropic',
  'claude-code-router': 'claude-code-router 2, Anthropic from Chat Completions',
  litellm: 'the LiteLLM proxy, Anthropic to Anthropic',
  target: '`cc-proxy gateway` as built, mode target, the model replaced in each request; metrics and log lines on',
  history: '`target` on Redis, every exchange published for the history; nobody reads there',
  features: '`history` at level `metadata`, and spans without content: all that a request can have',
  spans: '`target` with spans without content exported to a receiver that takes everything',
  tracing: '`target` with spans and content exported to a receiver that takes everything',
  compare: 'mode compare, no history: every exchange is published to Redis; nobody reads there',
  everything: '`compare` with history, and spans with content exported',
  converted: '`target` before a Chat Completions server: every request and answer is converted',
  'one-process': '`target`, bound to no core',
  'two-workers': '`target` with `server.workers = 2`, bound to no core',
} as const;

export type PeerName = keyof typeof PEERS;

export const PEER_NAMES = Object.keys(PEERS) as PeerName[];

const FOREIGN = ['bare', 'express', 'nginx', 'haproxy', 'portkey', 'claude-code-router', 'litellm'] as const;
export type ForeignName = (typeof FOREIGN)[number];
export type GatewayName = Exclude<PeerName, 'direct' | ForeignName>;

export function isForeign(name: PeerName): name is ForeignName {
  return FOREIGN.some((known) => known === name);
}

/** Those that need a core for a few requests a second. */
export const SLOW_PEERS: readonly PeerName[] = ['portkey', 'claude-code-router', 'litellm'];

/** Whom the others are compared with. */
export const BASES: readonly PeerName[] = ['bare', 'target'];

/** Of Node's processes one may cost a tenth more than another that runs the same code: these can have several. */
const SEVERAL: readonly PeerName[] = [
  'bare',
  'target',
  'features',
  'spans',
  'tracing',
  'compare',
  'everything',
  'converted',
];

export function processesOf(name: PeerName, most: number): number {
  return SEVERAL.includes(name) ? most : 1;
}

/** No goal speaks of them: a few figures are enough. */
export const SELDOM_PEERS: readonly PeerName[] = [
  'express',
  'nginx',
  'haproxy',
  'history',
  'one-process',
  'two-workers',
];

/** Takes minutes to install, to start and to measure. */
const ON_DEMAND: readonly PeerName[] = ['litellm'];
export const USUAL_PEERS = PEER_NAMES.filter((name) => !ON_DEMAND.includes(name));

/** Nothing of these has to be installed. */
export const QUICK_PEERS: readonly PeerName[] = [
  'direct',
  'bare',
  'nginx',
  'target',
  'features',
  'compare',
  'converted',
];
