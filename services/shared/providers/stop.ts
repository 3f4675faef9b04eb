// Ends text at a stop sequence where the upstream cannot: what might be the beginning of one is held until it is clear.

export interface StopWatch {
  /** The text that may be shown, and the sequence that came after it; nothing is shown after that. */
  push(text: string): { text: string; matched: string | null };
  /** What was held, when the text has ended. */
  flush(): string;
}

export function createStopWatch(sequences: readonly string[]): StopWatch {
  const wanted = sequences.filter((sequence) => sequence !== '');
  let held = '';
  let matched: string | null = null;
  return {
    push: (text) => {
      if (matched !== null) return { text: '', matched };
      held += text;
      const found = firstOf(held, wanted);
      if (found) {
        matched = found.sequence;
        return { text: held.slice(0, found.at), matched };
      }
      const keep = possibleStart(held, wanted);
      const shown = held.slice(0, held.length - keep);
      held = held.slice(held.length - keep);
      return { text: shown, matched: null };
    },
    flush: () => {
      const rest = matched === null ? held : '';
      held = '';
      return rest;
    },
  };
}

function firstOf(text: string, sequences: readonly string[]): { at: number; sequence: string } | null {
  const found = sequences
    .map((sequence) => ({ at: text.indexOf(sequence), sequence }))
    .filter(({ at }) => at !== -1)
    .sort((a, b) => a.at - b.at);
  return found[0] ?? null;
}

/** Length of the longest end of the text that begins a sequence. */
function possibleStart(text: string, sequences: readonly string[]): number {
  const longest = Math.max(0, ...sequences.map((sequence) => sequence.length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(text.length - length);
    if (sequences.some((sequence) => sequence.startsWith(end))) return length;
  }
  return 0;
}
