// What the doctor says: one line each, with what to do about it.
export interface Finding {
  /** `fault`: does not work; `note`: works, and could do better; `good`: looked at. */
  level: 'good' | 'note' | 'fault';
  what: string;
  /** What to do; '' where there is nothing to do. */
  fix: string;
}

export function good(what: string): Finding {
  return { level: 'good', what, fix: '' };
}

export function note(what: string, fix: string): Finding {
  return { level: 'note', what, fix };
}

export function fault(what: string, fix: string): Finding {
  return { level: 'fault', what, fix };
}

const MARKS = { good: 'ok   ', note: 'note ', fault: 'FAULT' };

export function toLine({ level, what, fix }: Finding): string {
  return `${MARKS[level]}  ${oneLine(what)}${fix === '' ? '' : ` -> ${oneLine(fix)}`}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}
