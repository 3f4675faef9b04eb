// Compiles the byte kernel, which is AssemblyScript, into the module that the services carry.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';

const SOURCE = 'services/shared/simd/assembly/index.ts';
export const KERNEL_FILE = 'services/shared/simd/kernel-bytes.ts';

/** The text of the module that holds it. @throws Error with the compiler's messages */
export async function compileKernel(root: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-kernel-'));
  try {
    const out = join(folder, 'kernel.wasm');
    const flags = ['-O3', '--converge', '--noAssert', '--runtime', 'stub', '--enable', 'simd'];
    const { error, stderr } = await asc.main([SOURCE, '--baseDir', root, '--outFile', out, ...flags]);
    if (error) throw new Error(`the kernel does not compile: ${stderr.toString()}`, { cause: error });
    return toModule(readFileSync(out));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const LINE = 108;

function toModule(wasm: Buffer): string {
  const lines = wasm.toString('base64').match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
  return [
    '// Written by scripts/write-kernel.ts from assembly/: do not edit.',
    '',
    '/** WebAssembly, in base64. */',
    'export const KERNEL_BYTES = [',
    ...lines.map((line) => `  '${line}',`),
    "].join('');",
    '',
  ].join('\n');
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..');
  writeFileSync(join(root, KERNEL_FILE), await compileKernel(root));
}
