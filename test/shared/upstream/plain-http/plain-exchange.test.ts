import { expect } from 'chai';
import { byteKernel } from '#shared/simd/byte-kernel.ts';
import { type Carrier, PlainExchange, type ReplyHandler } from '#shared/upstream/plain-http/plain-exchange.ts';
import type { PlainRequest } from '#shared/upstream/plain-http/plain-heads.ts';

const REQUEST: PlainRequest = {
  origin: 'http://upstream',
  path: '/',
  method: 'POST',
  headers: [],
  body: null,
  headersTimeout: 0,
  bodyTimeout: 0,
};
const CARRIER: Carrier = {
  host: 'upstream',
  send: () => {},
  pause: () => {},
  resume: () => {},
  allow: () => {},
  release: () => true,
  destroy: () => {},
};
const noJudge = (): never => {
  throw new Error('the reply is plain');
};

/** As another reply would. */
function useKernel(): void {
  byteKernel.input.fill('1');
  byteKernel.output.fill('!');
  byteKernel.run.joinChunks(9, 0, 7, 0);
}

/** What its handler holds of a reply after the last of its reads, all of which come in the same memory. */
function heldOf(reads: readonly string[]): string[] {
  const held: Buffer[] = [];
  const told: string[] = [];
  const handler: ReplyHandler = {
    onRequestStart: () => {},
    onResponseStart: () => {},
    onResponseData: (_controller, chunk) => {
      held.push(chunk);
      useKernel();
    },
    onResponseEnd: () => told.push('the end'),
    onResponseError: (_controller, error) => told.push(error.message),
  };
  const exchange = new PlainExchange(REQUEST, handler, noJudge);
  exchange.begin(CARRIER);
  const memory = Buffer.alloc(1000);
  for (const read of reads) {
    exchange.read(memory.subarray(0, memory.write(read)));
    useKernel();
    memory.fill('?');
  }
  return [...held.map(String), ...told];
}

describe('a plain reply', () => {
  it('is held in bytes that no later read and no other use of the kernel changes', () => {
    const head = 'HTTP/1.1 200 OK\r\n';
    const counted = [`${head}content-length: 9\r\n\r\none`, ' two', ' 3'];
    expect(heldOf(counted)).to.deep.equal(['one', ' two', ' 3', 'the end']);
    const chunked = [`${head}transfer-encoding: chunked\r\n\r\n3\r\none\r\n4\r\n t`, 'wo\r', '\n1', '2\r\n three and'];
    const more = [' 4', '. five\r\n0', '\r\n\r\n'];
    expect(heldOf([...chunked, ...more])).to.deep.equal(['one t', 'wo', ' three and', ' 4', '. five', 'the end']);
  });
});
