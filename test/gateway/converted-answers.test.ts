// What clients see of answers, whichever protocol the upstream speaks.
import { expect } from 'chai';
import { SCENARIOS } from '#services/simulator/scenarios/index.ts';
import type { Scene } from '#services/simulator/script.ts';
import { lintStream } from '#shared/messages/lint-stream.ts';
import {
  bareContent,
  CONVERTED_ROUTES,
  type EveryRoute,
  NATIVE_ROUTE,
  openAnswer,
  readStream,
  startEveryRoute,
  wholeMessage,
} from '../support/every-route.ts';
import { type HeldTimers, holdTimers } from '../support/held-timers.ts';
import { json } from '../support/raw-client.ts';

const TEXT = { type: 'text', text: 'Looking at both of them, one after the other.' };
const BASH = { type: 'tool_use', id: 'call_one', name: 'Bash', input: { command: 'echo "ü" | wc -c' } };
const READ = { type: 'tool_use', id: 'call_two', name: 'Read', input: { file_path: '/a/long/path/to/a/file.txt' } };
const WANTED = bareContent({ content: [TEXT, BASH, READ] });
const NAMES = CONVERTED_ROUTES.map(({ name }) => name);

/** Oddities are those of one protocol: on all others they play as a plain answer. */
const ODD: Readonly<Record<string, string>> = {
  'plain-chat': 'chat-',
  responses: 'responses-',
  gemini: 'gemini-',
  ollama: 'ollama-',
  vllm: 'dialect-',
};

function scenesFor(name: string): string[] {
  const isOdd = (scene: string): boolean => /^(?:chat|responses|gemini|ollama|dialect)-/.test(scene);
  return [...SCENARIOS.keys()].filter((scene) =>
    isOdd(scene) ? scene.startsWith(ODD[name] ?? 'none') : !/^silence|^long-output$/.test(scene),
  );
}

describe('answers of every protocol', () => {
  let bed: EveryRoute;
  before(async () => {
    bed = await startEveryRoute();
  });
  after(() => bed.stop());

  for (const name of NAMES) {
    it(`C-03 says tool_use of a whole call and of nothing else: ${name}`, async () => {
      for (const stream of [true, false]) {
        const reason = async (scene: Scene): Promise<unknown> =>
          wholeMessage(await bed.ask(name, { scene, stream }), stream).stop_reason;
        expect(await reason({ content: [TEXT, BASH], stopReason: 'end_turn' })).to.equal('tool_use');
        expect(await reason({ content: [BASH] })).to.equal('tool_use');
        expect(await reason({ content: [TEXT], stopReason: 'tool_use' })).to.equal('end_turn');
        expect(await reason({ content: [TEXT, BASH], stopReason: 'max_tokens' })).to.equal('max_tokens');
      }
    });
  }

  for (const name of [NATIVE_ROUTE.name, ...NAMES]) {
    it(`C-03 ends no answer that was cut like a whole one, wherever it was cut: ${name}`, async () => {
      let broken = 0;
      for (const kind of ['end-early', 'cut', 'cut-inside'] as const) {
        for (let after = 0; after < 8; after++) {
          const scene: Scene = { content: [TEXT, BASH, READ], deltaChars: 24, fault: { kind, after } };
          const answer = await bed.ask(name, { scene });
          if (answer.status !== 200) {
            expect(json(answer), `${kind} ${after}`).to.have.property('type', 'error');
            broken++;
            continue;
          }
          const { types, message } = readStream(answer);
          if (message !== null) {
            expect(bareContent(message), `${kind} ${after}`).to.deep.equal(WANTED);
            continue;
          }
          broken++;
          expect(types, `${kind} ${after}`).to.not.include('message_stop');
          if (answer.end === 'complete') expect(types.at(-1), `${kind} ${after}`).to.equal('error');
          expect(types.filter((type) => type === 'error')).to.have.length(answer.end === 'complete' ? 1 : 0);
        }
      }
      expect(broken).to.be.above(8);
    });
  }

  it('C-03 gives a client without a stream an error for an answer that was cut', async () => {
    for (const name of NAMES) {
      const scene: Scene = { content: [TEXT, BASH, READ], fault: { kind: 'end-early', after: 3 } };
      const answer = await bed.ask(name, { scene, stream: false });
      expect(answer.status, name).to.be.at.least(500);
      expect(json(answer), name).to.have.property('type', 'error');
    }
  });

  for (const name of NAMES) {
    it(`S1-12 writes streams without a fault that end once, however odd the answer: ${name}`, async () => {
      let whole = 0;
      for (const scene of scenesFor(name)) {
        const answer = await bed.ask(name, { scene });
        if (answer.status !== 200) {
          expect(json(answer), scene).to.have.property('type', 'error');
          continue;
        }
        const { events, types } = readStream(answer);
        const broken = lintStream(events.map((event) => ({ name: event.type, event })));
        expect(broken, `${scene}: ${types.join(' ')}`).to.deep.equal([]);
        const ends = types.filter((type) => type === 'message_stop' || type === 'error');
        expect(ends, scene).to.have.length(1);
        expect(types.at(-1), scene).to.equal(ends[0]);
        if (ends[0] === 'message_stop') whole++;
      }
      expect(whole).to.be.above(10);
    });
  }

  it('S1-12 tells words from thoughts', async () => {
    const content = [{ type: 'thinking', thinking: 'Which file?' }, TEXT, BASH];
    for (const name of NAMES) {
      const answer = await bed.ask(name, { scene: { content }, body: { thinking: { type: 'adaptive' } } });
      const { message } = readStream(answer);
      const texts = message?.content.filter(({ type }) => type === 'text') ?? [];
      expect(
        texts.map(({ text }) => text),
        name,
      ).to.deep.equal([TEXT.text]);
      const thoughts = message?.content.filter(({ type }) => type === 'thinking') ?? [];
      expect(
        thoughts.map(({ thinking }) => thinking),
        name,
      ).to.deep.equal(['Which file?']);
    }
  });

  for (const id of ['S1-11', 'S1-12']) {
    it(`${id} hands on what a model says while it is still speaking, the arguments of a call too`, async () => {
      for (const name of NAMES) {
        // Of these servers calls come whole.
        const isWhole = name === 'ollama' || name === 'gemini';
        const content = isWhole || id === 'S1-12' ? [{ ...TEXT, text: TEXT.text.repeat(4) }] : [READ];
        const answer = openAnswer(bed, name, { content, deltaChars: 6, fault: { kind: 'silence', after: 6 } });
        await bed.gateway.until(() => answer.hasEnded || /"(?:text|partial_json)":"[^"]/.test(answer.text));
        expect(answer.hasEnded, name).to.equal(false);
        expect(answer.text, name).to.not.include('content_block_stop');
        answer.leave();
      }
    });
  }

  for (const name of NAMES) {
    it(`S1-11 gives each of several calls a block, a legal id of its own and its arguments, in order: ${name}`, async () => {
      for (const stream of [true, false]) {
        const odd = [
          { ...BASH, id: 'call:one/ü' },
          { ...READ, id: 'call_two' },
          { ...BASH, id: 'call_three' },
        ];
        const message = wholeMessage(await bed.ask(name, { scene: { content: odd }, stream }), stream);
        expect(bareContent(message)).to.deep.equal(bareContent({ content: odd }));
        const ids = message.content.flatMap(({ type, id }) => (type === 'tool_use' ? [String(id)] : []));
        expect(new Set(ids).size).to.equal(3);
        for (const id of ids) expect(id).to.match(/^[a-zA-Z0-9_-]+$/);
      }
    });
  }

  it('S1-11 keeps calls apart however a server numbers, names and cuts them', async () => {
    for (const toolId of ['null-later', 'empty-later', 'repeated', 'late', 'never'] as const) {
      for (const toolName of [undefined, 'null-later', 'empty-later', 'repeated', 'late'] as const) {
        for (const chat of [{}, { interleave: true }, { toolIndex: 'gaps' }, { toolIndex: 'from-1' }] as const) {
          const quirks = { chat: { ...chat, toolId, ...(toolName ? { toolName } : {}) } };
          const scene: Scene = { content: [TEXT, BASH, READ], deltaChars: 5, quirks };
          const message = wholeMessage(await bed.ask('plain-chat', { scene }), true);
          expect(bareContent(message), JSON.stringify(quirks)).to.deep.equal(WANTED);
        }
      }
    }
  });
});

describe('silence', () => {
  let bed: EveryRoute;
  let timers: HeldTimers;
  before(async () => {
    bed = await startEveryRoute();
    timers = holdTimers();
  });
  after(async () => {
    timers.release();
    await bed.stop();
  });
  const pings = ({ text }: { text: string }): number => text.split('event: ping\n').length - 1;

  for (const name of NAMES) {
    for (const id of name === 'gemini' ? ['C-21', 'S1-12'] : ['C-21']) {
      it(`${id} is broken by a ping within 15 s, before the first byte and between events: ${name}`, async () => {
        const early = openAnswer(bed, name, { fault: { kind: 'silence-before-headers' } });
        await bed.gateway.until(() => bed.upstream.seen().length === 1);
        timers.pass(15_000);
        await bed.gateway.until(() => early.text.startsWith('event: message_start\n') && pings(early) > 0);
        const before = pings(early);
        timers.pass(15_000);
        await bed.gateway.until(() => pings(early) > before);
        early.leave();
        const late = openAnswer(bed, name, { content: [TEXT], pings: 'none', fault: { kind: 'silence', after: 5 } });
        await bed.gateway.until(() => late.text.includes('text_delta'));
        const known = pings(late);
        timers.pass(15_000);
        await bed.gateway.until(() => pings(late) > known);
        expect(late.text).to.match(/\n\nevent: ping\ndata: \{"type":"ping"\}\n\n$/);
        late.leave();
      });
    }
  }

  it('C-21 of a native upstream is its own: its pings pass, and none is added', async () => {
    const answer = openAnswer(bed, NATIVE_ROUTE.name, { content: [TEXT], fault: { kind: 'silence', after: 5 } });
    await bed.gateway.until(() => answer.text.includes('text_delta'));
    timers.pass(60_000);
    expect(pings(answer)).to.equal(1);
    answer.leave();
    const whole = await bed.ask(NATIVE_ROUTE.name, { scene: { content: [TEXT], pings: 'once' } });
    expect(pings({ text: whole.body.toString() })).to.equal(1);
  });
});
