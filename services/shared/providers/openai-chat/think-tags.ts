// Reasoning that stands in tags at the very start of the text, where servers do not tell it apart. A tag may come in
// pieces.

export interface ThinkTags {
  push(text: string): Array<{ kind: 'text' | 'thinking'; text: string }>;
  /** What was held when the text has ended. */
  flush(): Array<{ kind: 'text' | 'thinking'; text: string }>;
}

const OPEN = '<think>';
const CLOSE = '</think>';

export function createThinkTags(): ThinkTags {
  let state: 'start' | 'inside' | 'after' = 'start';
  let held = '';
  const step = (isLast: boolean): Array<{ kind: 'text' | 'thinking'; text: string }> => {
    if (state === 'start') {
      const text = held.trimStart();
      if (text.startsWith(OPEN)) {
        state = 'inside';
        held = text.slice(OPEN.length).replace(/^\n/, '');
      } else if (isLast || !OPEN.startsWith(text)) state = 'after';
      else return [];
    }
    if (state === 'inside') return inside(isLast);
    const text = held;
    held = '';
    return text === '' ? [] : [{ kind: 'text', text }];
  };
  const inside = (isLast: boolean): Array<{ kind: 'text' | 'thinking'; text: string }> => {
    const end = held.indexOf(CLOSE);
    const keep = end !== -1 ? held.length - end : isLast ? 0 : tagStart(held);
    const thinking = held.slice(0, held.length - keep);
    held = held.slice(held.length - keep);
    const shown = thinking === '' ? [] : [{ kind: 'thinking' as const, text: thinking }];
    if (end === -1) return shown;
    state = 'after';
    held = held.slice(CLOSE.length).trimStart();
    return [...shown, ...step(isLast)];
  };
  return {
    push: (text) => {
      held += text;
      return step(false);
    },
    flush: () => step(true),
  };
}

/** Length of the end that may begin the closing tag. */
function tagStart(text: string): number {
  for (let length = Math.min(CLOSE.length - 1, text.length); length > 0; length--) {
    if (CLOSE.startsWith(text.slice(text.length - length))) return length;
  }
  return 0;
}
