// One reading of a token: a command's output or a file's content. What either says is the secret, so no message quotes
// a word of it: neither of its output, nor of what it complains of.
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import type { TokenConfig } from '#shared/config/load.ts';

export interface ReadOptions {
  /** What `~` stands for. */
  home: string;
  /** Ends a command that still runs. */
  signal: AbortSignal;
  /** How long a command gets. */
  timeoutMs?: number;
}

/** Its message holds no secret. */
export class TokenUnread extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TokenUnread';
  }
}

const COMMAND_MS = 10_000;
const MOST_BYTES = 1024 * 1024;
/** More does not go through as a header anywhere. */
const LONGEST_TOKEN = 16_384;

/** @throws TokenUnread */
export async function readToken(settings: TokenConfig, options: ReadOptions): Promise<string> {
  const expand = (argument: string): string => argument.replace(/^~(?=\/|$)/, () => options.home);
  const { file, pointer, command } = settings;
  if (file === null) return toToken(await outputOf(command.map(expand), options), 'the command printed');
  const content = await contentOf(expand(file));
  return pointer === null
    ? toToken(content, 'the file holds')
    : toToken(valueAt(content, pointer), `the file holds at ${pointer}`);
}

function toToken(text: string, where: string): string {
  const token = text.trim();
  if (token === '') throw new TokenUnread(`${where} nothing`);
  if (token.length > LONGEST_TOKEN) throw new TokenUnread(`${where} more than ${LONGEST_TOKEN} characters`);
  if (!/^[\x21-\x7e]+$/.test(token)) throw new TokenUnread(`${where} more than one word, or none that fits a header`);
  return token;
}

/** In a process group of its own, so that whatever it started ends with it. */
function outputOf(
  [program = '', ...args]: readonly string[],
  { signal, timeoutMs = COMMAND_MS }: ReadOptions,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'ignore'], shell: false });
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (trouble: string | null): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      if (trouble === null) resolve(Buffer.concat(chunks).toString('utf8'));
      else reject(new TokenUnread(trouble));
    };
    const kill = (trouble: string): void => {
      const left = killGroup(child.pid);
      // A process that left the group may keep the other end.
      child.stdout.destroy();
      settle(trouble + left);
    };
    const onAbort = (): void => kill('the gateway is stopping');
    const timer = setTimeout(() => kill(`the command did not end within ${timeoutMs / 1000} s`), timeoutMs);
    signal.addEventListener('abort', onAbort, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MOST_BYTES) kill(`the command printed more than ${MOST_BYTES} bytes`);
      else chunks.push(chunk);
    });
    child.on('error', (error: NodeJS.ErrnoException) => settle(`the command cannot be run (${error.code})`));
    child.once('close', (code, ended) => {
      if (code === 0) settle(null);
      else settle(`the command ended with ${ended ?? `exit code ${code}`}; run it by hand to see what it says`);
    });
  });
}

/** What is to be said of it: nothing when it is gone. */
function killGroup(pid: number | undefined): string {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    return '';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ESRCH' ? '' : `, and it cannot be killed (${code})`;
  }
}

async function contentOf(path: string): Promise<string> {
  try {
    const handle = await open(path, 'r');
    try {
      const about = await handle.stat();
      if (!about.isFile()) throw new TokenUnread('the file is no regular file');
      if (about.size > MOST_BYTES) throw new TokenUnread(`the file has more than ${MOST_BYTES} bytes`);
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof TokenUnread) throw error;
    throw new TokenUnread(`the file cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** RFC 6901. The parser's own words would quote the file. */
function valueAt(content: string, pointer: string): string {
  let value = parsed(content);
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const isHolder = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
    value = isHolder ? (value as Record<string, unknown>)[name] : undefined;
  }
  if (typeof value !== 'string') throw new TokenUnread(`the file holds no text at ${pointer}`);
  return value;
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    throw new TokenUnread('the file is not JSON, and a pointer needs that');
  }
}
