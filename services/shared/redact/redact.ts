// Takes credentials and e-mail addresses out of what is kept. The same secret always becomes the same tag, so that two
// redacted texts are equal exactly when the originals were, and the tag says nothing about the secret without the key.
import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { ConfigError } from '#shared/errors.ts';
import { findSecrets, mergeSpans, type Span } from './find-secrets.ts';

export interface RedactorOptions {
  /** Regular expressions of the operator, beside the built-in rules. Their running time is the operator's. */
  extraPatterns?: readonly string[];
  /** Makes tags comparable between processes; a random one by default. */
  hmacKey?: string | Uint8Array;
}

/** The options with a key of their own, for redactors in several threads that must agree on their tags. */
export function withHmacKey(options: RedactorOptions = {}): RedactorOptions {
  return { ...options, hmacKey: options.hmacKey ?? randomBytes(32) };
}

export interface Redactor {
  redactText(text: string): string;
  /** A copy with every string and every key redacted. What is nested deeper than 500 levels is left out by name. */
  redactJson(value: unknown): unknown;
}

const TAG = /\[\[secret:[0-9a-f]{8}\]\]/;
const TAG_START = '[[secret:';
const MAX_DEPTH = 500;
const TOO_DEEP = '[[nested too deep]]';
/** A tag beside a text may complete a match; this many rounds settle all but contrived patterns. */
const MAX_ROUNDS = 8;

/** @throws ConfigError when an extra pattern is not a regular expression. */
export function createRedactor(options: RedactorOptions = {}): Redactor {
  const extraPatterns = (options.extraPatterns ?? []).map(compile);
  const key = createSecretKey(toBytes(options.hmacKey ?? randomBytes(32)));

  /** Tags for one call: a secret is mostly there many times. Kept no longer, as secrets should not be. */
  function createTags(): (secret: string) => string {
    const known = new Map<string, string>();
    return (secret) => {
      const found = known.get(secret);
      if (found !== undefined) return found;
      const made = `[[secret:${createHmac('sha256', key).update(secret).digest('hex').slice(0, 8)}]]`;
      known.set(secret, made);
      return made;
    };
  }

  function clean(text: string, known?: (secret: string) => string): string {
    let last = text;
    let tag = known;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const spans = findAll(last, extraPatterns);
      // Most texts are clean, and most of those are names: nothing is made for them.
      if (spans.length === 0) break;
      tag ??= createTags();
      const next = replaceSpans(last, spans, tag);
      if (next === last) break;
      last = next;
    }
    return last;
  }

  return {
    redactText: (text) => clean(text),
    redactJson: (value) => {
      const tag = createTags();
      return mapStrings(value, (text) => clean(text, tag), 0);
    },
  };
}

/** A copy with every string and key replaced. */
function mapStrings(value: unknown, replace: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return replace(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return TOO_DEEP;
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, replace, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [replace(name), mapStrings(item, replace, depth + 1)]),
  );
}

function toBytes(key: string | Uint8Array): Uint8Array {
  return typeof key === 'string' ? Buffer.from(key, 'utf8') : key;
}

function compile(source: string): RegExp {
  try {
    return new RegExp(source, 'g');
  } catch (error) {
    throw new ConfigError(`redaction pattern ${JSON.stringify(source)} is not a regular expression`, error);
  }
}

function findAll(text: string, extraPatterns: readonly RegExp[]): Span[] {
  const spans = findSecrets(text);
  if (extraPatterns.length === 0) return spans;
  const pieces = piecesBetween(text, tagSpans(text));
  for (const pattern of extraPatterns) {
    for (const [start, end] of pieces) {
      const piece = text.slice(start, end);
      if (piece.search(pattern) === -1) continue;
      for (const match of piece.matchAll(pattern)) {
        if (match[0] !== '') spans.push([start + match.index, start + match.index + match[0].length]);
      }
    }
  }
  return mergeSpans(spans);
}

function tagSpans(text: string): Span[] {
  if (!text.includes(TAG_START)) return [];
  return Array.from(text.matchAll(new RegExp(TAG, 'g')), (match) => [match.index, match.index + match[0].length]);
}

/** What lies outside the spans. */
function piecesBetween(text: string, spans: readonly Span[]): Span[] {
  const starts = [0, ...spans.map(([, end]) => end)];
  const ends = [...spans.map(([start]) => start), text.length];
  return starts.map((start, index) => [start, ends[index] ?? text.length]);
}

function replaceSpans(text: string, spans: readonly Span[], replacement: (part: string) => string): string {
  let clean = '';
  let done = 0;
  for (const [start, end] of spans) {
    clean += text.slice(done, start) + replacement(text.slice(start, end));
    done = end;
  }
  return clean + text.slice(done);
}
