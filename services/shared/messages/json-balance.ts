// Follows a JSON text that comes in pieces and knows when its brackets are closed, without parsing it.

export interface JsonBalance {
  push(piece: string): void;
  /** One object or array whose brackets are closed, and nothing around it but space. */
  readonly isWhole: boolean;
  readonly isWholeOrEmpty: boolean;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export function createJsonBalance(): JsonBalance {
  let depth = 0;
  let isInString = false;
  let isEscaped = false;
  let hasOpened = false;
  let hasOther = false;
  const pushCode = (code: number): void => {
    if (isInString) {
      if (isEscaped) isEscaped = false;
      else if (code === BACKSLASH) isEscaped = true;
      else if (code === QUOTE) isInString = false;
      return;
    }
    if (code === 0x20 || (code >= 0x09 && code <= 0x0d)) return;
    const isOpening = code === 0x7b || code === 0x5b;
    if (depth === 0 && (hasOpened || !isOpening)) hasOther = true;
    if (code === QUOTE) isInString = true;
    else if (isOpening) {
      depth++;
      hasOpened = true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  };
  const balance = {
    isWhole: false,
    isWholeOrEmpty: true,
    push: (piece: string): void => {
      for (let at = 0; at < piece.length; at++) pushCode(piece.charCodeAt(at));
      balance.isWhole = hasOpened && depth === 0 && !hasOther && !isInString;
      balance.isWholeOrEmpty = balance.isWhole || (!hasOpened && !hasOther);
    },
  };
  return balance;
}
