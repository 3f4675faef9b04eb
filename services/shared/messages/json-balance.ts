// Follows a JSON text that comes in pieces and knows when its brackets are closed, without parsing it.

export interface JsonBalance {
  push(piece: string): void;
  /** One whole object or array, and nothing after it but space. */
  readonly isWhole: boolean;
  readonly isWholeOrEmpty: boolean;
}

export function createJsonBalance(): JsonBalance {
  let depth = 0;
  let isInString = false;
  let isEscaped = false;
  let hasOpened = false;
  let hasMore = false;
  let isEmpty = true;
  return {
    push: (piece) => {
      for (const character of piece) {
        if (isInString) {
          if (isEscaped) isEscaped = false;
          else if (character === '\\') isEscaped = true;
          else if (character === '"') isInString = false;
          continue;
        }
        if (/\s/.test(character)) continue;
        if (hasOpened && depth === 0) hasMore = true;
        isEmpty = false;
        if (character === '"') isInString = true;
        else if (character === '{' || character === '[') {
          depth++;
          hasOpened = true;
        } else if (character === '}' || character === ']') depth--;
      }
    },
    get isWhole() {
      return hasOpened && depth === 0 && !hasMore && !isInString;
    },
    get isWholeOrEmpty() {
      return isEmpty || (hasOpened && depth === 0 && !hasMore && !isInString);
    },
  };
}
