// Who asks, for upstreams that want to tell users apart: a hash that stays the same over a user's sessions.
import { createHash } from 'node:crypto';

/** `userId`: `metadata.user_id`, plain, as JSON or with the session at its end. */
export function hashUser(userId: string): string {
  const lasting = userId.replace(/_session_.*$/, '').replace(/"session_id"\s*:\s*"[^"]*"/, '');
  return createHash('sha256').update(lasting).digest('hex');
}
