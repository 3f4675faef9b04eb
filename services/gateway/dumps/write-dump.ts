// A dump → one folder with a file for each stage, redacted. Old folders go when there are too many bytes of them, or when
// their time is over; what is not a folder of ours is never touched. Runs in a thread: it waits for the disk.
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateChunks } from '#shared/exchange/inflate-chunks.ts';
import { headerValue } from '#shared/messages/answer-headers.ts';
import { createRedactor, type Redactor, type RedactorOptions } from '#shared/redact/redact.ts';
import { isSecretName, REDACTED, scrubText } from '#shared/telemetry/secret-shapes.ts';
import { looksLikeCredential } from '#shared/upstream/credentials.ts';
import type { Dump, DumpStage } from './dump.ts';
import { redactWire } from './redact-wire.ts';

/** Plain data: it crosses to the thread. */
export interface DumpSettings {
  folder: string;
  maxBytes: number;
  maxAgeMs: number;
  redaction: RedactorOptions;
}

export type WriteDump = (dump: Dump) => Promise<void>;

export function createDumpWriter({ folder, redaction, ...limits }: DumpSettings): WriteDump {
  const redactor = createRedactor(redaction);
  return async (dump) => {
    const name = folderName(dump);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Whoever looks sees whole dumps only.
    const draft = join(folder, `.${name}.draft`);
    try {
      mkdirSync(draft, { mode: 0o700 });
      for (const [index, stage] of dump.stages.entries()) {
        const text = await showStage(stage, dump, redactor);
        writeFileSync(join(draft, `${index + 1}-${stage.name}.txt`), text, { mode: 0o600 });
      }
      renameSync(draft, join(folder, name));
    } catch (error) {
      rmSync(draft, { recursive: true, force: true });
      throw error;
    }
    prune(folder, dump.startedAtMs, limits);
  };
}

/** Sorts by time. */
function folderName({ requestId, startedAtMs }: Dump): string {
  return `${new Date(startedAtMs).toISOString().replaceAll(':', '-')}-${requestId}`;
}

const OWN_NAME =
  /^\.?(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d\.\d{3}Z)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:\.draft)?$/;

function prune(
  folder: string,
  nowMs: number,
  { maxBytes, maxAgeMs }: Pick<DumpSettings, 'maxBytes' | 'maxAgeMs'>,
): void {
  let bytes = 0;
  // The newest first: of them as many stay as there is room for.
  for (const name of readdirSync(folder).sort().reverse()) {
    const [, date, hours, minutes, seconds] = OWN_NAME.exec(name) ?? [];
    if (date === undefined) continue;
    const isOld = nowMs - Date.parse(`${date}${hours}:${minutes}:${seconds}`) > maxAgeMs;
    const path = join(folder, name);
    bytes += isOld ? 0 : sizeOf(path);
    if (isOld || bytes > maxBytes) rmSync(path, { recursive: true, force: true });
  }
}

/** 0 for what another process removed meanwhile. */
function sizeOf(path: string): number {
  const files = readdirSync(path, { withFileTypes: true });
  return files.reduce((sum, { name }) => sum + (statSync(join(path, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

async function showStage(
  stage: DumpStage,
  { secretHeaders, keys }: Pick<Dump, 'secretHeaders' | 'keys'>,
  redactor: Redactor,
): Promise<string> {
  const hideKeys = (text: string): string => keys.reduce((hidden, key) => withoutKey(hidden, key), text);
  const clean = (text: string): string => redactor.redactText(scrubText(hideKeys(text)));
  const lines = [clean(stage.startLine)];
  for (let index = 0; index < stage.headers.length; index += 2) {
    const name = stage.headers[index] ?? '';
    const lower = name.toLowerCase();
    const isSecret = isSecretName(name) || looksLikeCredential(lower) || secretHeaders.includes(lower);
    lines.push(`${clean(name)}: ${isSecret ? REDACTED : clean(stage.headers[index + 1] ?? '')}`);
  }
  const body = redactWire(hideKeys(await readBody(stage)), redactor);
  const rest = stage.leftOut > 0 ? `\n[${stage.leftOut} more bytes were not kept]` : '';
  return `${lines.join('\n')}\n\n${body}${rest}`;
}

/** As it is, and as JSON writes it. */
function withoutKey(text: string, key: string): string {
  if (key === '') return text;
  return text.replaceAll(key, REDACTED).replaceAll(JSON.stringify(key).slice(1, -1), REDACTED);
}

async function readBody({ headers, body }: DumpStage): Promise<string> {
  const encoding = headerValue(headers, 'content-encoding');
  const { chunks } = await inflateChunks([{ atMs: 0, bytes: Buffer.from(body.buffer) }], encoding);
  return Buffer.concat(chunks.map(({ bytes }) => bytes)).toString('utf8');
}
