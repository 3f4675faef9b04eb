import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { byteKernel } from '#shared/simd/byte-kernel.ts';
import { compileKernel, KERNEL_FILE } from '../../../scripts/write-kernel.ts';

const ROOT = join(import.meta.dirname, '../../..');

describe('the byte kernel', () => {
  it('is what its source compiles to', async function () {
    this.timeout(60_000);
    expect(readFileSync(join(ROOT, KERNEL_FILE), 'utf8')).to.equal(await compileKernel(ROOT));
  });

  it('keeps what it reads apart from what it writes', () => {
    const { input, output, inputAt, outputAt } = byteKernel;
    // Four vectors may be loaded where the last byte stands, and as much compared.
    expect(outputAt).to.be.at.least(inputAt + input.length + 64);
    expect(output.buffer.byteLength).to.be.at.least(outputAt + output.length + 64);
  });
});
