// [tokens] → credentials that are read again and again in the background. A request takes what is there and never waits;
// a source that fails keeps its last value and is tried again soon.
import { homedir } from 'node:os';
import type { Config, TokenConfig } from '#shared/config/load.ts';
import { ConfigError, createProblems, errorMessage } from '#shared/errors.ts';
import type { TokenSource } from '#shared/providers/target.ts';
import { readToken, TokenUnread } from './read-token.ts';

export interface TokenSources {
  /** @throws ConfigError when there is none of this name, or it is not for that host; `setting` is who asks for it */
  find(name: string, url: string, setting: string): TokenSource;
  /** Begins to read all, again and again; resolves when each was read once, with a value or not. */
  start(): Promise<void>;
  /** Ends what runs. Values stay. */
  stop(): void;
}

export interface TokenSourceParts {
  /** A source gives a value after it gave none, or another one than before. */
  onRead?(source: string): void;
  /** Told once for each new trouble. */
  onTrouble?(source: string, trouble: string): void;
}

const RETRY_MS = 10_000;
/** Requests that are under way may carry the value before the newest. */
const KEPT_VALUES = 2;

/** Nothing is read before `start`. @throws ConfigError that names every mistake */
export function createTokenSources(config: Config, parts: TokenSourceParts = {}): TokenSources {
  const stopping = new AbortController();
  const home = config.environment('HOME') ?? homedir();
  const read = (settings: TokenConfig) => readToken(settings, { home, signal: stopping.signal });
  const problems = createProblems();
  const sources = Object.entries(config.tokens).map(([name, settings]) => {
    for (const mistake of mistakesOf(settings)) {
      const section = `tokens.${name}`;
      problems.keep(`${config.placeOf(section)}: ${section}${mistake}`);
    }
    return [name, createSource(name, settings, () => read(settings), parts)] as const;
  });
  problems.raiseAny();
  const byName = new Map(sources);
  return {
    find(name, url, setting) {
      const source = byName.get(name);
      const place = config.placeOf(`${setting}.token`);
      if (source === undefined) {
        const known = byName.size === 0 ? 'there is none' : `there are ${[...byName.keys()].join(', ')}`;
        // Some write the token itself there.
        const shown = /^[\w.]{1,24}$/.test(name) ? `"${name}"` : '(hidden)';
        throw new ConfigError(`${place}: ${setting}.token = ${shown} is no entry of [tokens]; ${known}`);
      }
      const host = bareHost(new URL(url).hostname);
      const { hosts } = source;
      if (hosts.includes(host)) return source;
      throw new ConfigError(
        `${place}: ${setting}.token = "${name}" may not go to ${host}: tokens.${name}.hosts = ${JSON.stringify(hosts)}; add "${host}" there if it may`,
      );
    },
    start: async () => {
      await Promise.all(sources.map(([, source]) => source.start()));
    },
    stop: () => {
      stopping.abort();
      for (const [, source] of sources) source.stop();
    },
  };
}

interface RunningSource extends TokenSource {
  readonly hosts: readonly string[];
  start(): Promise<void>;
  stop(): void;
}

function createSource(
  name: string,
  { hosts, user_agent, refresh_secs }: TokenConfig,
  read: () => Promise<string>,
  { onRead, onTrouble }: TokenSourceParts,
): RunningSource {
  const refreshMs = refresh_secs * 1000;
  let values: readonly string[] = [];
  let trouble: string | null = null;
  let refused: string | undefined;
  let reading: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  const renew = async (): Promise<void> => {
    try {
      const value = await read();
      if (value !== values[0]) {
        values = [value, ...values].slice(0, KEPT_VALUES);
        onRead?.(name);
      }
      trouble = null;
    } catch (error) {
      const said = error instanceof TokenUnread ? error.message : `it could not be read: ${errorMessage(error)}`;
      if (said !== trouble && !isStopped) onTrouble?.(name, said);
      trouble = said;
    }
    reading = null;
    if (isStopped) return;
    timer = setTimeout(begin, trouble === null ? refreshMs : Math.min(refreshMs, RETRY_MS));
    timer.unref();
  };
  const begin = (): Promise<void> => {
    clearTimeout(timer);
    reading ??= renew();
    return reading;
  };

  return {
    name,
    hosts: hosts.map(bareHost),
    userAgent: user_agent,
    values: () => values,
    trouble: () => trouble,
    refuse: () => {
      const [value] = values;
      if (value !== refused && !isStopped) {
        refused = value;
        void begin();
      }
      return reading !== null;
    },
    start: begin,
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

function bareHost(host: string): string {
  return host.toLowerCase().replace(/^\[|\]$/g, '');
}

/** Each as it goes on after the section's name. */
function mistakesOf({ command, file, pointer, hosts, user_agent }: TokenConfig): string[] {
  const odd = hosts.find((host) => !isHostName(host));
  const mistakes: Array<string | false> = [
    command.length > 0 === (file !== null) && ': give either command or file, to say where the token is from',
    pointer !== null && file === null && '.pointer is for a file: give file instead of command, or leave it out',
    pointer !== null &&
      !/^(?:\/(?:[^~]|~[01])*)$/.test(pointer) &&
      `.pointer = "${pointer}" is no JSON pointer, e.g. "/claudeAiOauth/accessToken"`,
    hosts.length === 0 && '.hosts is missing: name the hosts that may be sent the token, e.g. ["api.example.com"]',
    odd !== undefined && `.hosts: "${odd}" is no host name: write it without scheme, port and path`,
    user_agent !== null && !/^[\x20-\x7e]+$/.test(user_agent) && '.user_agent must be one line of ASCII text',
  ];
  return mistakes.filter((mistake) => mistake !== false);
}

/** Without scheme, user, port and path, and of no pattern. IPv6 with or without brackets. */
function isHostName(host: string): boolean {
  const bare = bareHost(host);
  const url = `http://${bare.includes(':') ? `[${bare}]` : bare}`;
  return !host.includes('*') && URL.canParse(url) && bareHost(new URL(url).hostname) === bare;
}
