// Follows the text of one JSON object that comes in pieces and knows how far it is well-formed. What was said so far can
// be handed on at once: whatever follows, it is the beginning of an object.

export interface JsonPrefix {
  push(piece: string): void;
  /** Characters from the start that may begin an object; behind a whole object only white space counts. */
  readonly length: number;
  /** Everything that was pushed is one whole object. */
  readonly isWhole: boolean;
}

/** What may come next, outside of strings, numbers and words. */
type Place = 'start' | 'first-key' | 'key' | 'colon' | 'value' | 'first-item' | 'after-value' | 'end';

/** Inside what; `none` = between tokens. */
type Token = 'none' | 'string' | 'escape' | 'hex' | 'number' | 'word';

const WORDS = ['true', 'false', 'null'];
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** Every beginning of a number. */
const NUMBER_START = /^-?(?:(?:0|[1-9]\d*)(?:\.(?:\d+(?:[eE](?:[+-]?\d*))?)?|[eE](?:[+-]?\d*))?)?$/;
const LONGEST_NUMBER = 1024;

export function createJsonPrefix(): JsonPrefix {
  return new Prefix();
}

class Prefix implements JsonPrefix {
  length = 0;
  #isBroken = false;
  #place: Place = 'start';
  #token: Token = 'none';
  /** The string being read is a key. */
  #isKey = false;
  /** The number or word being read, or the digits of an escape. */
  #said = '';
  readonly #open: Array<'{' | '['> = [];

  get isWhole(): boolean {
    return this.#place === 'end' && !this.#isBroken;
  }

  push(piece: string): void {
    for (let at = 0; at < piece.length && !this.#isBroken; at++) {
      if (this.#take(piece.charAt(at))) this.length++;
      else this.#isBroken = true;
    }
  }

  #take(char: string): boolean {
    switch (this.#token) {
      case 'string':
        return this.#inString(char);
      case 'escape':
        this.#token = char === 'u' ? 'hex' : 'string';
        this.#said = '';
        return '"\\/bfnrtu'.includes(char);
      case 'hex':
        this.#said += char;
        if (this.#said.length === 4) this.#token = 'string';
        return /[0-9a-fA-F]/.test(char);
      case 'word':
        return this.#inWord(char);
      case 'number':
        return this.#inNumber(char);
      case 'none':
        return this.#between(char);
    }
  }

  #inString(char: string): boolean {
    if (char === '\\') this.#token = 'escape';
    else if (char === '"') {
      this.#token = 'none';
      this.#place = this.#isKey ? 'colon' : 'after-value';
    }
    return char >= ' ';
  }

  #inWord(char: string): boolean {
    this.#said += char;
    if (WORDS.includes(this.#said)) this.#endValue();
    return WORDS.some((word) => word.startsWith(this.#said));
  }

  #inNumber(char: string): boolean {
    if (/[-+.eE0-9]/.test(char)) {
      this.#said += char;
      return this.#said.length <= LONGEST_NUMBER && NUMBER_START.test(this.#said);
    }
    if (!NUMBER.test(this.#said)) return false;
    this.#endValue();
    return this.#between(char);
  }

  #endValue(): void {
    this.#token = 'none';
    this.#place = 'after-value';
  }

  #between(char: string): boolean {
    if (char === ' ' || char === '\n' || char === '\r' || char === '\t') return true;
    switch (this.#place) {
      case 'start':
        return char === '{' && this.#enter(char);
      case 'first-key':
        return char === '}' ? this.#leave('{') : this.#key(char);
      case 'key':
        return this.#key(char);
      case 'colon':
        this.#place = 'value';
        return char === ':';
      case 'first-item':
        return char === ']' ? this.#leave('[') : this.#value(char);
      case 'value':
        return this.#value(char);
      case 'after-value':
        return this.#after(char);
      case 'end':
        return false;
    }
  }

  #key(char: string): boolean {
    this.#token = 'string';
    this.#isKey = true;
    return char === '"';
  }

  #value(char: string): boolean {
    if (char === '{' || char === '[') return this.#enter(char);
    if (char === '"') {
      this.#token = 'string';
      this.#isKey = false;
      return true;
    }
    this.#said = char;
    this.#token = /[-0-9]/.test(char) ? 'number' : 'word';
    return this.#token === 'number' || WORDS.some((word) => word.startsWith(char));
  }

  #after(char: string): boolean {
    if (char === '}') return this.#leave('{');
    if (char === ']') return this.#leave('[');
    this.#place = this.#open.at(-1) === '{' ? 'key' : 'value';
    return char === ',';
  }

  #enter(bracket: '{' | '['): boolean {
    this.#open.push(bracket);
    this.#place = bracket === '{' ? 'first-key' : 'first-item';
    return true;
  }

  #leave(bracket: '{' | '['): boolean {
    if (this.#open.pop() !== bracket) return false;
    this.#place = this.#open.length === 0 ? 'end' : 'after-value';
    return true;
  }
}
