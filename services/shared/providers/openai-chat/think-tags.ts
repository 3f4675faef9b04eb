// Reasoning that stands in tags at the very start of the text, where servers do not tell it apart. A tag may come in
// pieces; white space at the seams belongs to neither side.
import type { ContentPiece } from './reasoning.ts';

export interface ThinkTags {
  push(text: string): ContentPiece[];
  /** What was held when the text has ended. */
  flush(): ContentPiece[];
}

const OPEN = '<think>';
const CLOSE = '</think>';

export function createThinkTags(): ThinkTags {
  let state: 'start' | 'inside' | 'after' = 'start';
  let held = '';
  let isSeam = false;
  /** Nothing but white space so far, which some servers send without end. */
  let isBlank = true;
  const take = (kind: ContentPiece['kind'], length: number): ContentPiece[] => {
    const text = isSeam ? held.slice(0, length).trimStart() : held.slice(0, length);
    held = held.slice(length);
    if (text !== '') isSeam = false;
    return text === '' ? [] : [{ kind, text }];
  };
  const enter = (next: 'inside' | 'after', skipped: number): void => {
    state = next;
    held = held.slice(skipped);
    isSeam = true;
  };
  const step = (isLast: boolean): ContentPiece[] => {
    if (state === 'start') {
      const text = held.trimStart();
      if (text.startsWith(OPEN)) enter('inside', held.length - text.length + OPEN.length);
      else if (isLast || !OPEN.startsWith(text)) state = 'after';
      else return [];
    }
    if (state === 'after') return take('text', held.length);
    const end = held.indexOf(CLOSE);
    if (end === -1) return take('thinking', held.length - (isLast ? 0 : tagStart(held)));
    const thoughts = take('thinking', end);
    enter('after', CLOSE.length);
    return [...thoughts, ...take('text', held.length)];
  };
  return {
    push: (text) => {
      held += text;
      isBlank &&= text.trim() === '';
      return isBlank && state === 'start' ? [] : step(false);
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
