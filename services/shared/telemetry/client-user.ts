// Who sent a request, as its `metadata.user_id` says. Claude Code has used two forms: `user_…_account_…_session_<uuid>`, and
// JSON with `session_id`. The session may be shown; all the rest says who somebody is, and is only hashed.
import { createHash } from 'node:crypto';
import { isObject } from './attribute-values.ts';
import { compactJson } from './compact-json.ts';
import { scrubText } from './secret-shapes.ts';

export interface NamedSession {
  readonly sessionId: string;
  readonly sessionSource: 'metadata' | 'legacy';
}

const LEGACY_SESSION = /_session_([0-9a-f-]{36})$/;
const LEGACY_USER = /^(.*)_session_.+$/s;

/** null where it names none. */
export function sessionOfUser(userId: unknown): NamedSession | null {
  if (typeof userId !== 'string') return null;
  const named = parseObject(userId)?.session_id;
  if (typeof named === 'string' && named !== '') return { sessionId: boundedSession(named), sessionSource: 'metadata' };
  const legacy = LEGACY_SESSION.exec(userId)?.[1];
  return legacy === undefined ? null : { sessionId: legacy, sessionSource: 'legacy' };
}

/** The same over all sessions of a user; null where nothing is said but the session. */
export function hashOfUser(userId: unknown): string | null {
  if (typeof userId !== 'string') return null;
  const parsed = parseObject(userId);
  if (parsed === null) {
    const user = LEGACY_USER.exec(userId)?.[1] ?? userId;
    return user === '' ? null : shortHash(user);
  }
  const { session_id: _session, ...rest } = parsed;
  const isSaid = Object.values(rest).some((value) => value !== null && value !== '');
  return isSaid ? shortHash(compactJson(rest)) : null;
}

const LONGEST_ID_BYTES = 128;

/** Ids come from clients: what is longer than any real one, or holds a secret, is known everywhere by its hash. */
export function boundedSession(id: string): string {
  return Buffer.byteLength(id) <= LONGEST_ID_BYTES && scrubText(id) === id ? id : hashOfText(id);
}

/** SHA-256 over the text with its length ahead, as hex. */
export function hashOfText(text: string): string {
  return createHash('sha256').update(`${text.length}:`).update(text).digest('hex');
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** A user id may look like anything. */
function parseObject(text: string): Record<string, unknown> | null {
  if (!text.startsWith('{')) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
