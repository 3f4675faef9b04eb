// Takes secrets out of what was on the wire: JSON, event streams, lines of JSON, or any other text. A secret that a stream
// brings in pieces is found as well. What holds none stays as it was, byte for byte. Pure.
import type { Redactor } from '#shared/redact/redact.ts';

const NOT_KEPT = '[[not kept: nested too deep]]';

export function redactWire(text: string, redactor: Redactor): string {
  try {
    const whole = parse(text);
    if (whole !== undefined) return rewrite(text, whole, redactor);
    return redactLines(text, redactor);
  } catch (error) {
    if (error instanceof RangeError) return NOT_KEPT;
    throw error;
  }
}

interface JsonLine {
  /** What stands before the JSON, as `data: `. */
  prefix: string;
  text: string;
  value: unknown;
}

const LINE = /^((?:data:)?[ \t]*)([[{].*)$/s;

function redactLines(text: string, redactor: Redactor): string {
  const lines = text.split('\n').map((line) => readLine(line) ?? line);
  joinPieces(
    lines.filter((line) => typeof line !== 'string'),
    redactor,
  );
  const shown = lines.map((line) =>
    typeof line === 'string' ? line : line.prefix + rewrite(line.text, line.value, redactor),
  );
  // Once more over all: what is no JSON may hold something across its lines.
  return redactor.redactText(shown.join('\n'));
}

function readLine(line: string): JsonLine | null {
  const [, prefix = '', text = ''] = LINE.exec(line) ?? [];
  const value = text === '' ? undefined : parse(text);
  return value === undefined ? null : { prefix, text, value };
}

interface Piece {
  holder: Record<string, unknown>;
  key: string;
  text: string;
}

/**
 * Strings that stand at the same place of one event after another are one text. Where that text holds a secret, all of it
 * goes into the first piece, redacted.
 */
function joinPieces(lines: readonly JsonLine[], redactor: Redactor): void {
  const places = new Map<string, Piece[]>();
  for (const { value } of lines) collect(value, '', places);
  for (const pieces of places.values()) {
    const joined = pieces.map(({ text }) => text).join('');
    const clean = redactor.redactText(joined);
    if (clean === joined) continue;
    for (const [index, { holder, key }] of pieces.entries()) holder[key] = index === 0 ? clean : '';
  }
}

function collect(value: unknown, path: string, places: Map<string, Piece[]>): void {
  if (typeof value !== 'object' || value === null) return;
  const holder = value as Record<string, unknown>;
  for (const [key, item] of Object.entries(holder)) {
    const place = `${path}/${key}`;
    if (typeof item !== 'string') collect(item, place, places);
    else if (!places.get(place)?.push({ holder, key, text: item })) places.set(place, [{ holder, key, text: item }]);
  }
}

/** The text itself where nothing of it had to go. */
function rewrite(text: string, value: unknown, redactor: Redactor): string {
  const clean = JSON.stringify(redactor.redactJson(value));
  return clean === JSON.stringify(parse(text)) ? text : clean;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // it is no JSON: taken as text
  }
}
