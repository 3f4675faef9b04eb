// `cc-proxy traces export`: the spans of a project in Phoenix as one JSON file, page by page. A record has the columns of
// Phoenix's own data frame, so that notebooks take it as it is.
import { open } from 'node:fs/promises';
import type { Config } from '#shared/config/load.ts';
import { ConfigError, errorMessage } from '#shared/errors.ts';
import { parseOtlpEndpoint } from '#shared/telemetry/otlp-endpoint.ts';

export interface TracesExportOptions {
  /** Only spans of this name. */
  name?: string;
  /** The file; else standard output. */
  out?: string;
  /** Phoenix's address; else the configuration's. */
  url?: string;
  project?: string;
  /** Only spans that began then or later, ISO 8601. */
  since?: string;
}

const PAGE = 1000;
const LOCAL = 'http://127.0.0.1:6006';

/** @throws ConfigError when Phoenix cannot be read, or the file not be written */
export async function runTracesExport(options: TracesExportOptions, config: Config): Promise<void> {
  const phoenix = phoenixOf(options, config);
  const project = options.project ?? config.tracing.project;
  const file = options.out === undefined ? null : await openFile(options.out);
  const write = async (text: string): Promise<void> => {
    if (file === null) process.stdout.write(text);
    else await file.write(text);
  };
  let count = 0;
  try {
    await write('[');
    for await (const span of readSpans(phoenix, project, options)) {
      await write(`${count === 0 ? '' : ','}\n${JSON.stringify(toRecord(span))}`);
      count += 1;
    }
    await write('\n]\n');
  } finally {
    await file?.close();
  }
  process.stderr.write(`cc-proxy: exported ${count} spans of project ${project}\n`);
}

interface Phoenix {
  url: string;
  headers: Readonly<Record<string, string>>;
}

/** Where the configuration sends scores; the key of an address goes to no other. */
function phoenixOf({ url }: TracesExportOptions, { tracing }: Config): Phoenix {
  const configured = configuredPhoenix(tracing);
  const wanted = (url ?? configured?.url)?.replace(/\/+$/, '');
  if (wanted === undefined) {
    throw new ConfigError(
      'spans travel over gRPC, and where Phoenix is to be read nothing says: give its address with --url, or as ' +
        'tracing.phoenix_url',
    );
  }
  return { url: wanted, headers: wanted === configured?.url.replace(/\/+$/, '') ? configured.headers : {} };
}

function configuredPhoenix(tracing: Config['tracing']): Phoenix | null {
  const { endpoint, protocol, headers, phoenix_url, phoenix_headers } = tracing;
  if (phoenix_url !== null) return { url: phoenix_url, headers: phoenix_headers };
  if (endpoint === null) return { url: LOCAL, headers: {} };
  const { base } = parseOtlpEndpoint(endpoint, protocol);
  return base === null ? null : { url: base, headers };
}

type Span = Record<string, unknown>;

async function* readSpans(
  { url, headers }: Phoenix,
  project: string,
  { name, since }: TracesExportOptions,
): AsyncGenerator<Span> {
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (name !== undefined) query.set('name', name);
    if (since !== undefined) query.set('start_time', isoTime(since));
    if (cursor !== null) query.set('cursor', cursor);
    const page: Page = await readPage(`${url}/v1/projects/${encodeURIComponent(project)}/spans?${query}`, headers);
    // Older ones know no filter by name.
    for (const span of page.data) if (name === undefined || span.name === name) yield span;
    cursor = page.next_cursor;
  } while (cursor !== null);
}

interface Page {
  data: Span[];
  next_cursor: string | null;
}

async function readPage(url: string, headers: Phoenix['headers']): Promise<Page> {
  const { origin } = new URL(url);
  const answer = await fetch(url, { headers }).catch((error: unknown) => {
    throw new ConfigError(`no Phoenix answers at ${origin}; is it running? (--url names another one)`, error);
  });
  if (!answer.ok) {
    const why = answer.status === 404 ? 'it has no such project (--project names another one)' : 'see its log';
    throw new ConfigError(`Phoenix at ${origin} answered ${answer.status}: ${why}`);
  }
  const page = (await answer.json()) as Partial<Page>;
  return { data: Array.isArray(page.data) ? page.data : [], next_cursor: page.next_cursor ?? null };
}

/** @throws ConfigError */
function isoTime(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw new ConfigError(`--since ${text}: no time that can be read, e.g. 2026-01-31`);
  return time.toISOString();
}

/** The columns of Phoenix's data frame: names with dots instead of objects. */
function toRecord({ context, attributes, ...span }: Span): Span {
  const record: Span = { ...span };
  for (const [prefix, fields] of Object.entries({ context, attributes })) {
    if (typeof fields !== 'object' || fields === null) continue;
    for (const [name, value] of Object.entries(fields)) record[`${prefix}.${name}`] = value;
  }
  return record;
}

async function openFile(path: string): Promise<Awaited<ReturnType<typeof open>>> {
  try {
    return await open(path, 'w');
  } catch (error) {
    throw new ConfigError(`--out ${path}: ${errorMessage(error)}`, error);
  }
}
