import { expect } from 'chai';
import fc from 'fast-check';
import { text, toolUse } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';

type Fields = Record<string, unknown>;

interface Told {
  text: string;
  inputs: unknown[];
}

/** How the stream of one protocol is asked for, and what it tells. */
interface Stream {
  path: string;
  body: Fields;
  fold(frames: Fields[]): Told;
}

const MESSAGES = [{ role: 'user', content: 'x' }];
const list = (value: unknown): Fields[] => (Array.isArray(value) ? (value as Fields[]) : []);
const inner = (value: unknown): Fields => (value ?? {}) as Fields;

const STREAMS: Record<string, Stream> = {
  anthropic: {
    path: '/v1/messages',
    body: { model: 'm', max_tokens: 9, stream: true, messages: MESSAGES },
    fold: (frames) => {
      const deltas = frames.filter((frame) => frame.type === 'content_block_delta');
      const inputs = new Map<unknown, string>();
      for (const { index, delta } of deltas) {
        const { partial_json: json } = inner(delta);
        if (typeof json === 'string') inputs.set(index, (inputs.get(index) ?? '') + json);
      }
      const said = deltas.map(({ delta }) => inner(delta).text ?? '').join('');
      return { text: said, inputs: [...inputs.values()].map((json) => JSON.parse(json) as unknown) };
    },
  },
  chat: {
    path: '/v1/chat/completions',
    body: { model: 'm', stream: true, messages: MESSAGES },
    fold: (frames) => {
      const deltas = frames.map((frame) => inner(inner(list(frame.choices)[0]).delta));
      const inputs = new Map<unknown, string>();
      for (const call of deltas.flatMap((delta) => list(delta.tool_calls))) {
        inputs.set(call.index, (inputs.get(call.index) ?? '') + String(inner(call.function).arguments));
      }
      const said = deltas.map((delta) => delta.content ?? '').join('');
      return { text: said, inputs: [...inputs.values()].map((json) => JSON.parse(json) as unknown) };
    },
  },
  responses: {
    path: '/v1/responses',
    body: { model: 'm', stream: true, input: 'x' },
    fold: (frames) => {
      const deltas = frames.filter((frame) => frame.type === 'response.output_text.delta');
      const inputs = new Map<unknown, string>();
      for (const { type, output_index: at, delta } of frames) {
        if (type === 'response.function_call_arguments.delta') inputs.set(at, (inputs.get(at) ?? '') + String(delta));
      }
      const said = deltas.map((frame) => frame.delta).join('');
      return { text: said, inputs: [...inputs.values()].map((json) => JSON.parse(json) as unknown) };
    },
  },
  gemini: {
    path: '/v1beta/models/m:streamGenerateContent?alt=sse',
    body: { contents: [{ role: 'user', parts: [{ text: 'x' }] }] },
    fold: (frames) => {
      const parts = frames.flatMap((frame) => list(inner(inner(list(frame.candidates)[0]).content).parts));
      const calls = parts.flatMap((part) => (part.functionCall ? [inner(part.functionCall).args] : []));
      return { text: parts.map((part) => part.text ?? '').join(''), inputs: calls };
    },
  },
  ollama: {
    path: '/api/chat',
    body: { model: 'm', messages: MESSAGES },
    fold: (frames) => {
      const messages = frames.map((frame) => inner(frame.message));
      const calls = messages.flatMap((message) => list(message.tool_calls));
      return {
        text: messages.map((message) => message.content).join(''),
        inputs: calls.map((call) => inner(call.function).arguments),
      };
    },
  },
};

/** The JSON of each event or line. */
function framesIn(body: string): Fields[] {
  return body
    .split(/\r?\n/)
    .map((line) => line.replace(/^data: /, ''))
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Fields);
}

const wellFormed = fc.string({ unit: 'grapheme', maxLength: 80 });
const scenes = fc
  .record({
    said: wellFormed,
    inputs: fc.array(fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), fc.oneof(wellFormed, fc.integer())), {
      maxLength: 3,
    }),
    deltaChars: fc.integer({ min: 1, max: 20 }),
    split: fc.oneof(
      fc.constantFrom('event' as const, 'whole' as const),
      fc.record({ bytes: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ seed: fc.nat() }),
    ),
  })
  .map((made) => ({
    ...made,
    // What travels as JSON comes back as JSON: no prototypes, no negative zero.
    inputs: JSON.parse(JSON.stringify(made.inputs)) as unknown[],
  }));

describe('simulator streams', () => {
  let simulator: Simulator;
  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', delayScale: 0 });
  });
  after(() => simulator.stop());

  for (const [name, stream] of Object.entries(STREAMS)) {
    it(`${name}: tells exactly the text and the inputs of any scene, however both are cut`, async () => {
      await fc.assert(
        fc.asyncProperty(scenes, async ({ said, inputs, deltaChars, split }) => {
          simulator.use({ content: [text(said), ...inputs.map((input) => toolUse('Read', input))], deltaChars, split });
          const options = { method: 'POST', body: JSON.stringify(stream.body) };
          const body = await (await fetch(simulator.url + stream.path, options)).text();
          expect(stream.fold(framesIn(body))).to.deep.equal({ text: said, inputs });
        }),
        { numRuns: 60 },
      );
    });
  }
});
