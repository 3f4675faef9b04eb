// A client that notices everything: status, headers in order, bytes, the time of each, and how the answer ended.
import { request as httpRequest } from 'node:http';

export interface RawAnswer {
  status: number;
  rawHeaders: string[];
  body: Buffer;
  /** `complete`: the HTTP message ended in order; `broken`: it was cut; `none`: no answer began. */
  end: 'complete' | 'broken' | 'none';
}

export interface RawRequest {
  method: string;
  path: string;
  headers: string[];
  body: Buffer;
}

/** Never rejects: a broken answer is an answer. */
export function send(baseUrl: string, raw: RawRequest): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(baseUrl);
    const chunks: Buffer[] = [];
    let status = 0;
    let rawHeaders: string[] = [];
    let isSettled = false;
    const settle = (end: RawAnswer['end']): void => {
      if (isSettled) return;
      isSettled = true;
      resolve({ status, rawHeaders, body: Buffer.concat(chunks), end });
    };
    const hasHost = raw.headers.some((value, index) => index % 2 === 0 && value.toLowerCase() === 'host');
    const headers = hasHost ? raw.headers : ['host', `${hostname}:${port}`, ...raw.headers];
    const request = httpRequest(
      { hostname, port, path: raw.path, method: raw.method, headers, agent: false },
      (response) => {
        status = response.statusCode ?? 0;
        rawHeaders = response.rawHeaders;
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => settle('broken'));
        response.on('close', () => settle(response.complete ? 'complete' : 'broken'));
      },
    );
    request.on('error', () => settle(status === 0 ? 'none' : 'broken'));
    request.end(raw.body);
  });
}

export interface MessageRequest {
  stream?: boolean;
  headers?: string[];
  body?: Record<string, unknown>;
}

/** A small `POST /v1/messages` on a connection of its own. */
export function messagesRequest({ stream = true, headers = [], body = {} }: MessageRequest = {}): RawRequest {
  const whole = { model: 'claude-test', max_tokens: 64, messages: [{ role: 'user', content: 'hi' }], stream, ...body };
  const bytes = Buffer.from(JSON.stringify(whole));
  return {
    method: 'POST',
    path: '/v1/messages?beta=true',
    headers: [
      'content-type',
      'application/json',
      'x-api-key',
      'client-key',
      'content-length',
      String(bytes.length),
      ...headers,
    ],
    body: bytes,
  };
}

/** The value of a header, undefined when absent. */
export function header(answer: RawAnswer, name: string): string | undefined {
  const index = answer.rawHeaders.findIndex((value, at) => at % 2 === 0 && value.toLowerCase() === name);
  return index === -1 ? undefined : answer.rawHeaders[index + 1];
}

export function json(answer: RawAnswer): Record<string, unknown> {
  return JSON.parse(answer.body.toString('utf8')) as Record<string, unknown>;
}
