// Where a request may go: provider, model and endpoint under one name.
import type { Pipeline } from './pipeline.ts';

/** A header that carries a key, in lower case; `authorization` as a bearer token. */
export type KeyHeader = string;

/** Where a credential comes from that changes. */
export interface TokenSource {
  /** As in `[tokens.<name>]`. */
  readonly name: string;
  /** Sent in place of the client's; null = nothing is. */
  readonly userAgent: string | null;
  /** The newest first, then those that requests under way may carry; none until it has given one. */
  values(): readonly string[];
  /** Why it gave none when it was last read, in words that hold no secret; null = it gave one, or was never read. */
  trouble(): string | null;
  /** An upstream does not take its newest value. True while another is being read, which is once for each value. */
  refuse(): boolean;
}

export interface TokenCredential {
  readonly kind: 'token';
  readonly header: KeyHeader;
  readonly source: TokenSource;
  /** Whose it is, for who has to be told that there is none. */
  readonly provider: string;
}

/**
 * What a target's host is given to know who calls. `client` = the caller's own credential travels on, and where it sent
 * none, the spare one.
 */
export type Credential =
  | { kind: 'none' }
  | { kind: 'client'; spare?: TokenCredential }
  | { kind: 'key'; header: KeyHeader; secret: string }
  | TokenCredential;

export interface Timeouts {
  connectMs: number;
  /** To the answer's headers. */
  firstByteMs: number;
  /** Silence between two bytes of the answer. */
  idleMs: number;
  /** The whole answer; null = no limit. */
  deadlineMs: number | null;
}

/** By the names of the request's fields; null = nothing is added. */
export interface RequestDefaults {
  readonly temperature: number | null;
  readonly top_p: number | null;
  readonly max_tokens: number | null;
}

export interface Target {
  /** The `[models]` key, else `--model`, else `target`. Pair ids, span ids and labels hold it. */
  readonly name: string;
  readonly provider: string;
  /** The protocol, a name of the registry. */
  readonly type: string;
  /** How a server of that protocol deviates; null = it is faithful. */
  readonly profile: string | null;
  /** Who hosts it, where that decides what it can do; null = told by its address. */
  readonly vendor: string | null;
  /** Azure: the API version and the deployment. */
  readonly apiVersion: string | null;
  readonly deployment: string | null;
  /** What a block that a model without vision cannot see becomes: a text marker, or a 400. */
  readonly vision: 'marker' | 'strict';
  /** Does the model see images? null = told by who hosts it and by its name, else yes. */
  readonly seesImages: boolean | null;
  /** For a request that is converted and does not say them. */
  readonly defaults: RequestDefaults;
  /** In the normal form of URLs, without a trailing slash. */
  readonly baseUrl: string;
  /** The name to send; null = the client's. */
  readonly model: string | null;
  readonly credential: Credential;
  /** Flat `[name, value, …]`; each request carries them. Values may be secrets. */
  readonly headers: readonly string[];
  /** Steps around its conversion; a native upstream with any is converted. */
  readonly pipeline: Pipeline | null;
  readonly timeouts: Timeouts;
  readonly maxConcurrent: number;
  /** Top-level `safeguards` and `thread` may go there. */
  readonly anthropicFeatures: boolean;
  /** It is told which span its request is. */
  readonly propagatesTrace: boolean;
  readonly aliases: readonly string[];
  readonly displayName: string;
  readonly contextWindow: number | null;
  readonly maxOutput: number | null;
}

export interface Targets {
  /** `--target-url`: answers every model name. */
  readonly forced: Target | null;
  readonly passthrough: Target;
  /** By `[models]` key, in the order of the file. */
  readonly models: ReadonlyMap<string, Target>;
}

/** The target of a name used by pairs and config: forced, which goes first wherever names are resolved, or a model. */
export function findTarget(targets: Targets, name: string): Target | undefined {
  return targets.forced?.name === name ? targets.forced : targets.models.get(name);
}
