// Whatever a client says at length: what is converted beside the long texts says the same as what is converted whole.
import { expect } from 'chai';
import fc from 'fast-check';
import { GatewayError } from '#shared/errors.ts';
import { parseRequest } from '#shared/exchange/read-exchange.ts';
import { keepMade } from '#shared/made-once.ts';
import { createKnownTools, type KnownTools } from '#shared/messages/known-tools.ts';
import { type LongTexts, parseBesideTexts, type ToolsBeside } from '#shared/messages/long-texts.ts';
import { NO_OUTLINE, scanTopLevel } from '#shared/messages/scan-top-level.ts';
import { isSoundText } from '#shared/messages/sound-text.ts';
import type { LearnedTraits } from '#shared/providers/provider.ts';
import type { Target } from '#shared/providers/target.ts';
import { createTraitMemory, type TraitMemory } from '#shared/upstream/learned-traits.ts';
import type { SearchPolicy } from '#shared/upstream/search-backend.ts';
import { startConversion } from '#shared/upstream/start-conversion.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { loadScenario, scenarioNames, type Variant } from '../provider-fixtures.ts';
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
    // As a mark looks, to who does not know which one it is.
    '~"0f8fad5b-d9cb-469f-a165-70867728950e:0~',
    '~\\"',
    '\\',
    '\ufeff',
    'x-anthropic-billing-header: a=b;\n',
    '<think>a</think></tool_result>',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 9 }),
);

/** What a tool may be called with. */
const INPUT = { content: '', nested: [{ text: '{' }] };

/** The same request with some of its texts made long, and some in the input of its calls. */
function lengthen(value: unknown, next: () => string): unknown {
  if (Array.isArray(value)) return value.map((item) => lengthen(item, next));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => {
    if (key === 'input') return [key, { ...(item as object), ...(lengthen(INPUT, next) as object) }];
    if (typeof item !== 'string' || (key !== 'text' && key !== 'content')) return [key, lengthen(item, next)];
    const filler = next();
    return [key, filler === '' ? item : item + filler.repeat(Math.ceil(LONG / filler.length))];
  });
  return Object.fromEntries(entries);
}

const NOBODY_SEARCHES: SearchPolicy = { usesProviders: true, backend: null, remedy: 'none', maxUses: 1 };

/** Whoever changed tools that are kept would change them for every later request. */
function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const item of Object.values(value)) freeze(item);
  Object.freeze(value);
}

/** Where the tools of the request stand, and the list as it is known from earlier requests. */
function toolsOf(bytes: Buffer, known: KnownTools): ToolsBeside | null {
  const span = scanTopLevel(bytes, 512, new Set()).get('tools');
  const list = span && known.read(bytes.subarray(span.start, span.end));
  if (!span || !list) return null;
  freeze(list);
  return { span, list };
}

/** What servers may have taught. */
const lessons = fc.constantFrom<LearnedTraits>(
  ...[{}, {}, { takesJsonSchema: false }, { takesRequiredChoice: false }, { 'without:tools.*.function.strict': true }],
);

/** What is sent, and all that is said of it. */
function convert(
  { provider, target, model }: Variant,
  request: MessagesRequest,
  texts: LongTexts | null,
  learned: TraitMemory = createTraitMemory({ nowMs: () => 0 }),
) {
  try {
    const { upstream, notes, sought, search } = startConversion(request, {
      ...{
        provider,
        target: target.model === model ? target : { ...target, model },
        sessionId: 's',
        anthropicVersion: null,
        inputTokens: 1,
      },
      ...{ learned, search: NOBODY_SEARCHES },
      ...(texts === null ? {} : { texts }),
    });
    const { body, path, headers } = upstream;
    const sent: unknown = JSON.parse(Buffer.concat([body ?? []].flat()).toString());
    return { sent, path, headers, notes, sought, search };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { refused: error.message };
  }
}

/** JSON is written with and without white space, and by some with every character beyond ASCII as a number. */
function write(request: unknown, style: number): Buffer {
  const json = JSON.stringify(request, null, style === 1 ? 2 : undefined);
  const byNumber = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return Buffer.from(style === 2 ? json.replace(/[\u0080-\uffff]/g, byNumber) : json);
}

function partsOf(bytes: Buffer) {
  const watch = { prefix: Buffer.from('none'), isSeen: false, outline: NO_OUTLINE };
  const spans = scanTopLevel(bytes, 512, new Set(), watch);
  return ['system', 'messages'].flatMap((name) => spans.get(name) ?? []);
}

/** Names of servers, each protocol as often as any other. */
function oneOfEachType(servers: ReadonlyMap<string, Variant>): fc.Arbitrary<string> {
  const byType = Map.groupBy(servers.keys(), (name) => servers.get(name)?.target.type);
  return fc.constantFrom(...byType.values()).chain((names) => fc.constantFrom(...names));
}

/** Each protocol, and some servers of one, take other names. */
const NAMED_ODDLY = ['a.b:c', `mcp__${'x'.repeat(70)}`, `mcp__${'x'.repeat(140)}`].map((name) => ({ name }));

const requests = fc.oneof(anyRequest, fc.constantFrom(...scenarioNames()).map(loadScenario));

export function longTextProperties(servers: ReadonlyMap<string, Variant>): FuzzProperty[] {
  return [
    fuzzProperty(
      'a request is the same to its server whether its long texts are parsed or stay where they stand',
      4,
      fc.property(
        fc.constantFrom(...servers.keys()),
        requests,
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
          expect(convert(server, beside.request, beside.texts)).to.deep.equal(convert(server, whole, null));
        },
      ),
    ),
    fuzzProperty(
      'a request is the same to its server whether its tools are known from requests to any servers or not',
      4,
      fc.property(
        fc.array(oneOfEachType(servers), { minLength: 1, maxLength: 2 }),
        requests.map(({ tools }) => (Array.isArray(tools) ? [...tools, ...NAMED_ODDLY] : tools)),
        fc.array(fc.record({ request: requests, lesson: lessons }), { minLength: 1, maxLength: 4 }),
        fc.nat(2),
        (names, tools, asks, style) => {
          const known = createKnownTools({ nowMs: () => 0 });
          const learned = createTraitMemory({ nowMs: () => 0 });
          const kept = new Map<string, Target>();
          for (const [turn, { request, lesson }] of [...asks, ...asks].entries()) {
            const name = names[turn % names.length] ?? '';
            const server = servers.get(name);
            if (!server) throw new Error(`there is no server ${name}`);
            const target = kept.get(name) ?? keepMade({ ...server.target, model: server.model });
            kept.set(name, target);
            learned.add(server.target, server.model, lesson);
            const bytes = write({ ...request, tools }, style);
            const whole = parseRequest(bytes);
            if (whole === null) throw new Error('a request is no JSON object');
            const beside = parseBesideTexts(bytes, partsOf(bytes), toolsOf(bytes, known));
            expect(beside?.request).to.deep.equal(whole);
            const sent = convert({ ...server, target }, beside?.request ?? whole, null, learned);
            expect(sent).to.deep.equal(convert(server, whole, null, learned));
          }
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
