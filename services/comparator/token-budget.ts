// Tokens a target may use in an hour of the clock: reserved before a call by an estimate, settled after it by what was
// used. Counted in this process.
import type { Clock } from '#shared/clock.ts';
import { promptTokens } from '#shared/messages/usage.ts';
import type { Usage } from '#shared/wire/anthropic.ts';

export interface Reservation {
  /** Puts what was used in the place of the estimate; `null` = not known, the estimate stays. Only the first call counts. */
  settle(used: number | null): void;
}

export interface TokenBudget {
  /** null when the estimate does not fit into the hour any more. */
  reserve(target: string, estimate: number): Reservation | null;
  status(): Array<{ target: string; tokensUsed: number; tokensPerHour: number | null }>;
}

const HOUR_MS = 3_600_000;
const LEAST_OUTPUT_TOKENS = 1024;

export function createTokenBudget(tokensPerHour: number | null, clock: Clock): TokenBudget {
  const windows = new Map<string, { hour: number; tokens: number }>();
  function window(target: string): { hour: number; tokens: number } {
    const hour = Math.floor(clock.nowMs() / HOUR_MS);
    const known = windows.get(target);
    if (known?.hour === hour) return known;
    const fresh = { hour, tokens: 0 };
    windows.set(target, fresh);
    return fresh;
  }
  return {
    reserve(target, estimate) {
      const current = window(target);
      if (tokensPerHour !== null && current.tokens + estimate > tokensPerHour) return null;
      current.tokens += estimate;
      let isSettled = false;
      return {
        settle(used) {
          if (isSettled) return;
          isSettled = true;
          if (used !== null) current.tokens = Math.max(0, current.tokens + used - estimate);
        },
      };
    },
    status: () => [...windows.keys()].map((target) => ({ target, tokensUsed: window(target).tokens, tokensPerHour })),
  };
}

/** What the secondary will need, judged by what the primary used. */
export function estimateTokens(primary: Usage | null): number {
  return (promptTokens(primary) ?? 0) + Math.max(2 * (primary?.output_tokens ?? 0), LEAST_OUTPUT_TOKENS);
}

export function usedTokens(usage: Usage | null): number | null {
  const prompt = promptTokens(usage);
  return prompt === null ? null : prompt + (usage?.output_tokens ?? 0);
}
