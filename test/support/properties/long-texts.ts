// Whatever a client says at length: what is converted beside the long texts says the same as what is converted whole.
import { expect } from 'chai';
import fc from 'fast-check';
import { parseRequest } from '#shared/exchange/read-exchange.ts';
import { parseBesideTexts } from '#shared/messages/long-texts.ts';
import { scanTopLevel } from '#shared/messages/scan-top-level.ts';
import { isSoundText } from '#shared/messages/sound-text.ts';
import { convertFor, type Variant } from '../provider-fixtures.ts';
import { type FuzzProperty, fuzzProperty } from './fuzz-property.ts';
import { anyRequest } from './request-shapes.ts';

const LONG = 3000;
const fillers = fc.oneof(
  fc.constantFrom(
    'word ',
    'line\n',
    '"quoted" \\path\\user ',
    'größe ',
    '中文',
    '😀',
    '\ud800',
    '\u0000',
    ' ',
    'https:\\/\\/',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 9 }),
);

/** The same request with some of its texts made long. */
function lengthen(value: unknown, next: () => string): unknown {
  if (Array.isArray(value)) return value.map((item) => lengthen(item, next));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => {
    if (typeof item !== 'string' || (key !== 'text' && key !== 'content')) return [key, lengthen(item, next)];
    const filler = next();
    return [key, filler === '' ? item : item + filler.repeat(Math.ceil(LONG / filler.length))];
  });
  return Object.fromEntries(entries);
}

/** JSON is written with and without white space, and by some with every character beyond ASCII as a number. */
function write(request: unknown, style: number): Buffer {
  const json = JSON.stringify(request, null, style === 1 ? 2 : undefined);
  const byNumber = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return Buffer.from(style === 2 ? json.replace(/[\u0080-\uffff]/g, byNumber) : json);
}

function partsOf(bytes: Buffer) {
  const spans = scanTopLevel(bytes, 512, new Set());
  return ['system', 'messages'].flatMap((name) => spans.get(name) ?? []);
}

export function longTextProperties(servers: ReadonlyMap<string, Variant>): FuzzProperty[] {
  return [
    fuzzProperty(
      'a request is the same to its server whether its long texts are parsed or stay where they stand',
      4,
      fc.property(
        fc.constantFrom(...servers.keys()),
        anyRequest,
        fc.array(fc.oneof(fillers, fc.constant('')), { minLength: 1, maxLength: 4 }),
        fc.nat(2),
        (name, request, texts, style) => {
          const server = servers.get(name);
          if (!server) throw new Error(`there is no server ${name}`);
          let at = 0;
          const bytes = write(
            lengthen(request, () => texts[at++ % texts.length] ?? ''),
            style,
          );
          const whole = parseRequest(bytes);
          const beside = parseBesideTexts(bytes, partsOf(bytes));
          if (whole === null || beside === null) throw new Error('a request is no JSON object');
          const restored = convertFor(server, beside.request, beside.texts?.restore);
          expect(restored.outcome).to.deep.equal(convertFor(server, whole).outcome);
        },
      ),
    ),
    fuzzProperty(
      'the inside of a string is sound when JSON.parse reads it and no half of a character is in it',
      2,
      fc.property(
        fc.array(
          fc.oneof(fillers, fc.constantFrom('\\', '"', '\\n', '\\u00e9', '\\ud83d', '\\ude00', '\n', '\\x', '\x7f')),
        ),
        fc.nat(3),
        (parts, shift) => {
          const inside = parts.join('').toWellFormed();
          const bytes = Buffer.from(`${'x'.repeat(shift)}${inside}"`);
          // A quote would have ended the string before.
          fc.pre(!/(?<!\\)(?:\\\\)*"/.test(inside));
          const span = { start: shift, end: bytes.length - 1 };
          expect(isSoundText(bytes, span)).to.equal(isReadable(inside) && !/(?<!\\)(?:\\\\)*\\ud[89a-f]/i.test(inside));
        },
      ),
    ),
  ];
}

function isReadable(inside: string): boolean {
  try {
    JSON.parse(`"${inside}"`);
    return true;
  } catch {
    return false;
  }
}
