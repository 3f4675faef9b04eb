// Lines of several processes → one stream. Each goes out whole: processes that write to one pipe themselves cut into each
// other's lines as soon as its reader is slow.
import type { Readable } from 'node:stream';

/** A stream, as far as it is used. */
export interface LineSink {
  write(text: Buffer, done: (error?: Error | null) => void): unknown;
}

const LF = 10;

/** Reads on when `to` has taken what came before. `onLost` is told of lines that it did not take. */
export function passLines(from: Readable, to: LineSink, onLost: (lines: number) => void): void {
  let rest: Buffer[] = [];
  let lost = 0;
  const write = (text: Buffer): void => {
    from.pause();
    to.write(text, (error) => {
      if (error) lost += text.toString('latin1').split('\n').length - 1;
      else if (lost > 0) onLost(lost);
      if (!error) lost = 0;
      from.resume();
    });
  };
  from.on('data', (chunk: Buffer) => {
    const end = chunk.lastIndexOf(LF) + 1;
    const whole = end === 0 ? [] : [...rest, chunk.subarray(0, end)];
    rest = end === 0 ? [...rest, chunk] : [chunk.subarray(end)];
    if (whole.length > 0) write(Buffer.concat(whole));
  });
  // Of a process that died while it wrote.
  from.on('end', () => {
    const cut = Buffer.concat(rest);
    if (cut.length > 0) write(Buffer.concat([cut, Buffer.from('\n')]));
  });
}
