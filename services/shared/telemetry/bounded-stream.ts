// In front of a stream that may fail (a closed pipe, a full disk) or not be read: what it does not take is counted and
// left out, and told in a line of its own as soon as it takes lines again. Nothing of it reaches the writer.
import { Writable } from 'node:stream';

export interface BoundedStreamOptions {
  /** More than this may not wait in the stream. */
  maxBytes: number;
  /** The line that says how many were left out. */
  notice(lines: number): string;
  onDropped(lines: number): void;
}

/** Each write is one line or more. It never fails and never waits. */
export function boundedStream(stream: Writable, options: BoundedStreamOptions): Writable {
  // Without a listener an 'error' ends the process. Streams such as stdout are shared: one listener is enough.
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
  let untold = 0;

  function drop(text: string): void {
    const lines = text.split('\n').length - 1;
    untold += lines;
    options.onDropped(lines);
  }

  function tell(): void {
    if (untold === 0 || stream.writableLength > options.maxBytes) return;
    const lines = untold;
    untold = 0;
    stream.write(options.notice(lines), (error) => {
      if (error) untold += lines;
    });
  }

  return new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      if (stream.writableLength > options.maxBytes) drop(text);
      else stream.write(text, (error) => (error ? drop(text) : tell()));
      done();
    },
  });
}

/** The callback of the write that failed has counted it. */
function ignore(): void {}
