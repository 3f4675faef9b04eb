// The loops over bytes that JavaScript is too slow for, sixteen bytes at a time: WebAssembly, whose source is in
// assembly/. Each thread has its own. A call ends before the next begins and leaves nothing that another needs, but for a
// walk, which goes on from call to call, and a stream whose deltas are joined.
import { KERNEL_BYTES } from './kernel-bytes.ts';

/** The little of the language's own that is used; `lib.dom` would bring a browser with it. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module);
    readonly exports: unknown;
  }
}

/** Places are addresses in the kernel's memory. */
interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly INPUT_SIZE: { readonly value: number };
  readonly OUTPUT_SIZE: { readonly value: number };
  inputAt(): number;
  outputAt(): number;
  written(): number;
  copyPieces(head: number, tail: number, newHead: number, newTail: number, events: number, keepsEmpty: boolean): number;
  piecesLength(): number;
  joinDeltas(head: number, from: number, end: number): number;
  joinChunks(length: number, next: number, left: number, sizeDigits: number): number;
  chunkNext(): number;
  chunkLeft(): number;
  chunkDigits(): number;
  soundEnd(from: number, end: number): number;
  stringEnd(from: number, end: number): number;
  beginWalk(maxDepth: number, watched: number): void;
  walk(from: number, end: number, place: number): number;
  weighJson(from: number, end: number): number;
}

export interface ByteKernel {
  /** What is to be read is copied to its beginning. */
  readonly input: Buffer;
  readonly output: Buffer;
  /** The same, as whole numbers of four bytes. */
  readonly numbers: Int32Array;
  readonly inputAt: number;
  readonly outputAt: number;
  readonly run: Omit<KernelExports, 'memory' | 'INPUT_SIZE' | 'OUTPUT_SIZE' | 'inputAt' | 'outputAt'>;
}

export const byteKernel: ByteKernel = instantiate();

function instantiate(): ByteKernel {
  const module = new WebAssembly.Module(Buffer.from(KERNEL_BYTES, 'base64'));
  const exports = new WebAssembly.Instance(module).exports as KernelExports;
  const inputAt = exports.inputAt();
  const outputAt = exports.outputAt();
  const { buffer } = exports.memory;
  return {
    input: Buffer.from(buffer, inputAt, exports.INPUT_SIZE.value),
    output: Buffer.from(buffer, outputAt, exports.OUTPUT_SIZE.value),
    numbers: new Int32Array(buffer, outputAt, exports.OUTPUT_SIZE.value / 4),
    inputAt,
    outputAt,
    run: exports,
  };
}
