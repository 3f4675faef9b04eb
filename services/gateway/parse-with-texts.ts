// JSON whose long texts somebody else reads, who may know them by their bytes: the rest is parsed with a mark for each.
import type { Span } from '#shared/messages/scan-top-level.ts';

export interface WithTexts {
  /** Where long strings stand, quotes included, in their order. */
  readonly strings: readonly Span[];
  /** What stands for a text, with its number behind it. No other text may begin so. */
  readonly mark: string;
  /** @throws SyntaxError */
  readText(json: Buffer): string;
}

const COLON = 0x3a;
const SPACE = 0x20;
const FIELD = { writable: true, enumerable: true, configurable: true } as const;

/** What `JSON.parse` makes of it. @throws SyntaxError */
export function parseWithTexts(json: Buffer, { strings, mark, readText }: WithTexts): unknown {
  const spans = strings.filter((span) => !isKey(json, span));
  if (spans.length === 0) return JSON.parse(json.toString('utf8'));
  const texts = spans.map(({ start, end }) => readText(json.subarray(start, end)));
  return putBack(JSON.parse(withMarks(json, spans, mark)), texts, mark);
}

function isKey(json: Buffer, { end }: Span): boolean {
  let at = end;
  while (at < json.length && (json[at] ?? 0) <= SPACE) at++;
  return json[at] === COLON;
}

function withMarks(json: Buffer, spans: readonly Span[], mark: string): string {
  let marked = '';
  let at = 0;
  for (const [index, { start, end }] of spans.entries()) {
    marked += `${json.toString('utf8', at, start)}"${mark}${index}"`;
    at = end;
  }
  return marked + json.toString('utf8', at);
}

/** Without recursion: JSON may be nested deeper than calls can be. */
function putBack(value: unknown, texts: readonly string[], mark: string): unknown {
  const textOf = (marked: string): string | undefined =>
    marked.startsWith(mark) ? texts[Number(marked.slice(mark.length))] : undefined;
  if (typeof value === 'string') return textOf(value) ?? value;
  let left = texts.length;
  const open: unknown[] = [value];
  while (open.length > 0 && left > 0) {
    const container = open.pop();
    if (typeof container !== 'object' || container === null) continue;
    const fields = container as Record<string, unknown>;
    for (const key of Object.keys(fields)) {
      const inner = fields[key];
      if (typeof inner !== 'string') open.push(inner);
      const text = typeof inner === 'string' ? textOf(inner) : undefined;
      if (text === undefined) continue;
      // JSON may have a key __proto__: by assignment its value would be the prototype.
      if (key === '__proto__') Object.defineProperty(fields, key, { ...FIELD, value: text });
      else fields[key] = text;
      left -= 1;
    }
  }
  return value;
}
