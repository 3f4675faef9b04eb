// The recorded requests of real clients, ready to be sent again, and the simulator scene that answers each as it was
// answered when it was recorded.
import { readdirSync, readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';

export interface RecordedRequest {
  file: string;
  seq: number;
  method: string;
  url: string;
  /** As recorded, but for the length of the body. */
  rawHeaders: string[];
  body: Buffer;
  /** The status the client got then. */
  resStatus: number;
}

export interface Replayed {
  status: number;
  rawHeaders: string[];
  body: Buffer;
}

interface RecordedLine {
  seq: number;
  method: string;
  url: string;
  rawHeaders: string[];
  body?: unknown;
  bodyText?: string;
  resStatus: number;
}

const FOLDER = new URL('../fixtures/recordings/', import.meta.url);

/** File names without ending, in alphabetical order. */
export function recordingNames(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => name.slice(0, -'.jsonl'.length))
    .sort();
}

/** Every request of every recording. */
export function loadRecordings(): RecordedRequest[] {
  return recordingNames().flatMap(requestsOf);
}

/** The requests of one recording, e.g. `cc-tool-bash`. @throws when a line refers to a line that is not there. */
export function requestsOf(file: string): RecordedRequest[] {
  const lines = readFileSync(new URL(`${file}.jsonl`, FOLDER), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RecordedLine);
  return lines.map((line) => {
    const { seq, method, url, resStatus } = line;
    const body = bodyOf(line, lines);
    return { file, seq, method, url, resStatus, body, rawHeaders: withLength(line.rawHeaders, body.length) };
  });
}

function bodyOf(line: RecordedLine, lines: RecordedLine[]): Buffer {
  if (line.bodyText !== undefined) return Buffer.from(line.bodyText);
  if (line.body === undefined) return Buffer.alloc(0);
  const same = (line.body as { $sameBodyAsSeq?: number }).$sameBodyAsSeq;
  if (same === undefined) return Buffer.from(JSON.stringify(line.body));
  const original = lines.find((candidate) => candidate.seq === same);
  if (!original) throw new Error(`recording refers to line ${same}, which is not there`);
  return bodyOf(original, lines);
}

function withLength(rawHeaders: string[], length: number): string[] {
  return rawHeaders.map((value, index) => {
    const name = index % 2 === 1 ? rawHeaders[index - 1] : undefined;
    return name?.toLowerCase() === 'content-length' ? String(length) : value;
  });
}

const SCENES: Record<string, string | Record<number, string>> = {
  'cc-tool-bash': 'tool-bash',
  'cc-tool-read-parallel': 'tool-read-parallel',
  'cc-subagent': 'subagent',
  'cc-am-glm': { 2: 'tool-bash', 3: 'classifier' },
  'cc-hint-headers': 'tool-bash',
  'cc-json-schema': 'structured-output',
  'cc-err-400-system-role': { 2: 'error-400-role' },
  'cc-mid-error-overloaded': { 2: 'mid-error' },
  'cc-tty-plain': { 2: 'title-json' },
  'old-1.0.120-tool': { 1: 'tool-bash' },
  'old-2.1.197-tool': { 2: 'title-json', 3: 'tool-bash' },
  'sdk-tool-runner': { 1: 'tool-any' },
  'sdk-thread-400-code': { 1: 'error-400-thread', 2: 'tool-any' },
  'sdk-err-529x': 'error-529',
};

/** Name of the simulator scene that answers as the recording was answered. */
export function sceneFor(file: string, seq: number): string {
  const scene = SCENES[file];
  return (typeof scene === 'object' ? scene[seq] : scene) ?? 'text';
}

/** Sends a recorded request as it was, on a connection of its own. */
export function replay(baseUrl: string, recorded: RecordedRequest, extraHeaders: string[] = []): Promise<Replayed> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(baseUrl);
    const { method, url: path } = recorded;
    const headers = [...recorded.rawHeaders, ...extraHeaders];
    const request = httpRequest({ hostname, port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode = 0, rawHeaders } = response;
        resolve({ status: statusCode, rawHeaders, body: Buffer.concat(chunks) });
      });
    });
    request.on('error', reject);
    request.end(recorded.body);
  });
}
