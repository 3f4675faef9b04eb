// Whatever comes between events of Chat Completions that differ in nothing but a text: read ahead of the parser they are
// what they are one by one, and what they are where each is read anew.
import { expect } from 'chai';
import fc from 'fast-check';
import { feedStream } from '../convert-stream.ts';
import { askFor, convertFor, loadProviderFixtures } from '../provider-fixtures.ts';
import { type FuzzProperty, fuzzProperty } from './fuzz-property.ts';

type Fields = Record<string, unknown>;

function event(delta: Fields, more: Fields = {}, ofChoice: Fields = {}): string {
  const choices = [{ index: 0, delta, finish_reason: null, ...ofChoice }];
  return JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', choices, ...more });
}

const words = fc.oneof(
  fc.constantFrom('a', ' ', '', '\n', '"', '\\', '<think>', '</think>', '<thi', 'STOP', 'ST', 'OP', '😀', '\ud800'),
  fc.constantFrom('x"}}]}', '\n\ndata: ', '\u2028', '\u0000', '\r\n', '\ufeff', 'ä/€'),
  fc.string({ maxLength: 6 }),
);
const call = (index: number, json: string): string => event({ tool_calls: [{ index, function: { arguments: json } }] });
const begun = (index: number): string =>
  event({ tool_calls: [{ index, id: `call_${index}`, type: 'function', function: { name: 'Read', arguments: '' } }] });
const texts = words.map((content) => event({ content }));
const others = fc.oneof(
  words.map((reasoning_content) => event({ reasoning_content })),
  words.map((content) => event({ content, role: 'assistant' })),
  fc.tuple(fc.nat(1), fc.constantFrom('{', '}', '"a":', '1', '{}', '')).map(([index, json]) => call(index, json)),
  fc.nat(1).map(begun),
  fc.constantFrom(
    event({ content: 'z' }, {}, { finish_reason: 'stop' }),
    event({ content: 'z' }, { id: 'c2' }),
    event({ content: 'z' }, { service_tier: null }),
    event({ content: 'z' }, {}, { index: 1 }),
    event({ content: 'z', refusal: 'no' }),
    event({ content: 'a' }).replace('"content":"a"', '"content":"a","content":"b"'),
    '{"id":"c1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":9}}',
    '{"error":{"message":"busy"}}',
    '[DONE]',
    '{',
  ),
);
const frames = fc.oneof(
  { weight: 20, arbitrary: fc.constant('data: D\n\n') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ...['data:D\n\n', ': c\n\ndata: D\n\n', ': c\ndata: D\n\n', 'data: D\r\n\r\n', 'data: D\r\r', 'data: D\r\n\n'],
      ...['\ndata: D\n\n', 'id: 1\ndata: D\n\n', 'data: D\ndata:\n\n', 'data: D\n'],
    ),
  },
);
/** As servers write it that know no character beyond ASCII, or escape what need not be. */
const escaped = texts.map((data) =>
  data.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).replaceAll('/', '\\/'),
);
const thoughts = words.map((reasoning_content) => event({ reasoning_content }));
/** Events of one kind with others in between. */
const said = fc
  .oneof({ weight: 2, arbitrary: fc.constant(texts) }, { weight: 1, arbitrary: fc.constant(thoughts) })
  .chain((most) =>
    fc.array(
      fc.tuple(
        fc.oneof({ weight: 8, arbitrary: most }, { weight: 1, arbitrary: escaped }, { weight: 2, arbitrary: others }),
        frames,
      ),
      { maxLength: 25 },
    ),
  );
const END = `data: ${event({}, {}, { finish_reason: 'stop' })}\n\ndata: [DONE]\n\n`;

/** Each server of Chat Completions, and what of its answers has to be looked at. */
function readings() {
  const fixtures = loadProviderFixtures().filter(({ type }) => type === 'openai-chat');
  return fixtures.flatMap((one) =>
    one.variants.flatMap((variant) => {
      const { name, provider } = variant;
      const { memory } = convertFor(variant, askFor(one, name).request);
      const { traits } = (memory ?? {}) as { traits?: Fields };
      if (memory === null) throw new Error(`what is asked of ${name} is refused`);
      return [
        { provider, memory: { ...memory } },
        { provider, memory: { ...memory, stopSequences: ['STOP'] } },
        { provider, memory: { ...memory, traits: { ...traits, hasThinkTags: true } } },
      ];
    }),
  );
}

export function repeatedEventProperties(): FuzzProperty[] {
  return [
    fuzzProperty(
      'repeated events are the same read ahead, one by one, cut anywhere, or each anew',
      3,
      fc.property(fc.constantFrom(...readings()), said, fc.boolean(), fc.nat(300), (reading, events, isWhole, cut) => {
        const { provider, memory } = reading;
        const stream = events.map(([data, frame]) => frame.replace('D', () => data)).join('') + (isWhole ? END : '');
        const seen = (bytes: string, options: { chunkBytes?: number; readsAhead?: boolean } = {}): string => {
          const { events: written, error } = feedStream(provider, bytes, { memory, ...options });
          return JSON.stringify([written, error instanceof Error ? error.message : error]);
        };
        const ahead = seen(stream);
        expect(seen(stream, { readsAhead: false }), 'one by one').to.equal(ahead);
        expect(seen(stream, { chunkBytes: 1 + cut }), 'cut').to.equal(ahead);
        // An event that has a name is never taken for the one before.
        if (events.every(([, frame]) => frame === 'data: D\n\n'))
          expect(seen(stream.replace(/^data: /gm, 'event: message\ndata: ')), 'each anew').to.equal(ahead);
      }),
    ),
  ];
}
