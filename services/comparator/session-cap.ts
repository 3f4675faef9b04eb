// How many turns of one session a target is asked. Turns that are being asked now count like those that are kept, so that
// a session whose turns come at once stays below its cap, too.
import type { Store } from '#shared/store/store.ts';

export interface SessionCap {
  turn(sessionId: string, target: string): SessionTurn;
}

export interface SessionTurn {
  /** False when the cap is reached. */
  take(): Promise<boolean>;
  /** To be called when the pair is kept or given up, also where nothing was taken. */
  release(): void;
}

const UNCAPPED: SessionTurn = { take: async () => true, release: () => {} };

export function createSessionCap(turnsPerSession: number | null, store: Pick<Store, 'countSessionPairs'>): SessionCap {
  if (turnsPerSession === null) return { turn: () => UNCAPPED };
  const asking = new Map<string, number>();
  const change = (key: string, by: number): number => {
    const now = (asking.get(key) ?? 0) + by;
    if (now === 0) asking.delete(key);
    else asking.set(key, now);
    return now;
  };
  return {
    turn(sessionId, target) {
      const key = JSON.stringify([sessionId, target]);
      let isTaken = false;
      const release = (): void => {
        if (isTaken) change(key, -1);
        isTaken = false;
      };
      return {
        async take() {
          isTaken = true;
          const place = change(key, 1);
          const kept = await store.countSessionPairs(sessionId, target);
          if (kept + place > turnsPerSession) release();
          return isTaken;
        },
        release,
      };
    },
  };
}
