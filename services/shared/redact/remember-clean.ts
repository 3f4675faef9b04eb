// An agent sends its whole conversation with every turn, so most texts were looked through before. Remembers those in which
// nothing was found, and none that held a secret; what is remembered is bounded and forgotten after a while.

export interface CleanMemory {
  /** As the redactor does, but quicker for a text that was clean before. */
  redactText(text: string): string;
  /** Forgets what was not seen again since it was called before. */
  forget(): void;
}

/** Shorter ones are looked through as quickly as they are looked up. */
const SHORTEST = 512;

/** `maxLength`: of all texts together, in characters. */
export function rememberClean(redact: (text: string) => string, maxLength: number): CleanMemory {
  let recent = new Set<string>();
  let earlier = new Set<string>();
  let length = 0;
  const forget = (): void => {
    earlier = recent;
    recent = new Set();
    length = 0;
  };
  return {
    forget,
    redactText: (text) => {
      if (text.length < SHORTEST) return redact(text);
      if (recent.has(text)) return text;
      const clean = earlier.has(text) ? text : redact(text);
      if (clean === text && text.length <= maxLength / 2) {
        if (length + text.length > maxLength / 2) forget();
        recent.add(text);
        length += text.length;
      }
      return clean;
    },
  };
}
