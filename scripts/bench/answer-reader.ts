// Reads one HTTP/1.1 answer after the other from a connection and has its body checked. It knows as much of HTTP as the
// answers of a proxy need, content-length and chunked, and is cheap enough for a generator.
import type { BodyCheck } from './check-body.ts';

export interface AnswerListener {
  /** The first byte of the body is there. */
  onFirstByte(): void;
  /** `problem` is null when the answer was complete and right. */
  onEnd(problem: string | null): void;
}

export interface AnswerReader {
  push(data: Buffer): void;
  /** True between an answer's first byte and its end. */
  readonly isInside: boolean;
}

type State = 'head' | 'fixed' | 'size' | 'chunk' | 'after-chunk' | 'trailer';

const LF = 0x0a;
const NO_BYTES = Buffer.alloc(0);

export function createAnswerReader(body: BodyCheck, listener: AnswerListener): AnswerReader {
  let state: State = 'head';
  let head: Buffer = NO_BYTES;
  let problem: string | null = null;
  /** Bytes left of the body or chunk, or of the line end after a chunk. */
  let left = 0;
  let size = 0;
  let isFirst = true;

  const end = (): void => {
    const found = problem ?? body.end();
    state = 'head';
    problem = null;
    listener.onEnd(found);
  };

  const readHead = (data: Buffer): Buffer => {
    head = head.length === 0 ? data : Buffer.concat([head, data]);
    const at = head.indexOf('\r\n\r\n');
    if (at === -1) return NO_BYTES;
    const text = head.toString('latin1', 0, at);
    const rest = head.subarray(at + 4);
    head = NO_BYTES;
    const status = text.slice(9, 12);
    if (status !== '200') problem = `status ${status}`;
    body.begin();
    isFirst = true;
    if (/\r\ntransfer-encoding: *chunked/i.test(text)) {
      state = 'size';
      size = 0;
    } else {
      state = 'fixed';
      left = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
      if (left === 0) end();
    }
    return rest;
  };

  /** Takes what belongs to the current state; returns what is left over. */
  const step = (data: Buffer): Buffer => {
    switch (state) {
      case 'head':
        return readHead(data);
      case 'fixed':
      case 'chunk': {
        const part = data.length > left ? data.subarray(0, left) : data;
        left -= part.length;
        if (isFirst) listener.onFirstByte();
        isFirst = false;
        body.push(part);
        if (left === 0) {
          if (state === 'fixed') end();
          else {
            state = 'after-chunk';
            left = 2;
          }
        }
        return data.subarray(part.length);
      }
      case 'after-chunk': {
        const taken = Math.min(left, data.length);
        left -= taken;
        if (left === 0) {
          state = 'size';
          size = 0;
        }
        return data.subarray(taken);
      }
      case 'size': {
        let at = 0;
        for (; at < data.length && data[at] !== LF; at++) {
          const digit = HEX[data[at] ?? 0] ?? -1;
          if (digit >= 0) size = size * 16 + digit;
        }
        if (at === data.length) return NO_BYTES;
        state = size === 0 ? 'trailer' : 'chunk';
        left = size === 0 ? 2 : size;
        return data.subarray(at + 1);
      }
      case 'trailer': {
        const taken = Math.min(left, data.length);
        left -= taken;
        if (left === 0) end();
        return data.subarray(taken);
      }
    }
  };

  return {
    push: (data) => {
      for (let rest = data; rest.length > 0; ) rest = step(rest);
    },
    get isInside() {
      return state !== 'head' || head.length > 0;
    },
  };
}

const HEX = Array.from({ length: 256 }, (_, code) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase()),
);
