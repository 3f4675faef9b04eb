// Undici with the short cut for chunks and without, given the same replies.
import { createAgent } from '#shared/upstream/agent.ts';
import { createRelayAgent } from '#shared/upstream/relay-agent.ts';
import type { Outcome, Reply, ReplyPlayer } from './play-replies.ts';

const CONNECT_TIMEOUT_MS = 5000;

/** Plays the replies one after the other, each to both legs. */
export async function askBoth(
  player: ReplyPlayer,
  replies: readonly Reply[],
  onOutcome: (own: Outcome, undicis: Outcome, reply: Reply) => void,
): Promise<void> {
  const undici = createAgent(CONNECT_TIMEOUT_MS);
  const own = createRelayAgent({ connectTimeoutMs: CONNECT_TIMEOUT_MS });
  try {
    for (const reply of replies) {
      const [ours, theirs] = await Promise.all([player.ask(own, reply), player.ask(undici, reply)]);
      onOutcome(ours, theirs, reply);
    }
  } finally {
    await Promise.all([own.destroy(), undici.destroy()]);
  }
}

/** What differs, for whoever has to mend it; null = nothing. */
export function difference(own: Outcome, undicis: Outcome, reply: Reply): string | null {
  if (JSON.stringify(own) === JSON.stringify(undicis)) return null;
  const show = (value: unknown): string => JSON.stringify(value).slice(0, 2000);
  const pieces = reply.pieces.map((piece) => piece.toString('latin1'));
  return `ours ${show(own)}\nundici's ${show(undicis)}\nof ${show({ pieces, ending: reply.ending })}`;
}
