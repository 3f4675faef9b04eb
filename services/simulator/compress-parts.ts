// gzip with a flush after each part, so that a compressed stream still arrives event by event.
import { constants, createGzip, type Gzip } from 'node:zlib';

/** One gzip stream over all lists; the trailer is the last part of the last list that has one. */
export async function compressParts(lists: Buffer[][]): Promise<Buffer[][]> {
  const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
  const collected: Buffer[] = [];
  gzip.on('data', (bytes: Buffer) => collected.push(bytes));
  const packed: Buffer[][] = [];
  for (const list of lists) {
    const out: Buffer[] = [];
    for (const part of list) out.push(await compressOne(gzip, part, collected));
    packed.push(out);
  }
  const trailer = await finish(gzip, collected);
  const last = packed.findLast((list) => list.length > 0) ?? packed[0];
  last?.push(trailer);
  return packed;
}

function compressOne(gzip: Gzip, part: Buffer, collected: Buffer[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gzip.write(part, (error) => {
      if (error) reject(new Error('the simulator could not compress', { cause: error }));
      else setImmediate(() => resolve(Buffer.concat(collected.splice(0))));
    });
  });
}

function finish(gzip: Gzip, collected: Buffer[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gzip.once('error', reject);
    gzip.once('end', () => resolve(Buffer.concat(collected.splice(0))));
    gzip.end();
  });
}
