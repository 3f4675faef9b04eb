import { expect } from 'chai';
import fc from 'fast-check';
import { classifyRequest } from '#services/gateway/routing/classify-request.ts';
import { identifySession } from '#services/gateway/routing/identify-turn.ts';
import { skimRequest } from '#services/gateway/routing/skim-request.ts';
import { parseRequest } from '#shared/exchange/read-exchange.ts';
import { NO_OUTLINE, scanTopLevel } from '#shared/messages/scan-top-level.ts';
import { loadRecordings } from '../support/recordings.ts';

const HEADERS = { 'x-claude-code-session-id': 'session' };

/** What is known of a turn by all of its request, by what was skimmed of it, and by that and its outline. */
function allWays(bytes: Buffer, headers: Record<string, string>) {
  const users = headers['x-claude-code-session-id'] === undefined ? 'both' : 'last';
  const skimmed = [null, spansOf(bytes)].map((spans) => skimRequest(bytes, { spans, users }) ?? null);
  return [parseRequest(bytes), ...skimmed].map((request) =>
    request === null ? null : [classifyRequest(request, headers), identifySession(request, headers)],
  );
}

function spansOf(bytes: Buffer) {
  return scanTopLevel(bytes, 512, new Set(), { prefix: Buffer.from('none'), isSeen: false, outline: NO_OUTLINE });
}

describe('skimming a request', () => {
  it('finds the class and the ids that the whole request has, for every recorded one', () => {
    const bodies = loadRecordings().filter(({ url, body }) => url.startsWith('/v1/messages') && body.length > 0);
    expect(bodies.length).to.be.above(50);
    for (const { file, seq, body } of bodies) {
      for (const headers of [{}, HEADERS]) {
        const [whole, ...skimmed] = allWays(body, headers);
        expect(skimmed, `${file} ${seq}`).to.deep.equal([whole, whole]);
      }
    }
  });

  it('takes a field by the name of a prototype for no more than a field', () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const bytes = Buffer.from(
        `{"model":"m","${name}":{"max_tokens":1},"messages":[{"role":"user","content":"quota"}]}`,
      );
      const [whole, ...skimmed] = allWays(bytes, HEADERS);
      expect(skimmed).to.deep.equal([whole, whole]);
      const request = skimRequest(bytes, { spans: spansOf(bytes), users: 'last' });
      expect(Object.keys(request ?? {})).to.deep.equal(['model', name]);
      expect(request?.max_tokens).to.equal(undefined);
    }
  });

  it('finds what the whole request has whatever is in it', () => {
    const message = fc.record({
      role: fc.constantFrom('user', 'assistant', 'system', '__proto__', 7),
      content: fc.oneof(
        fc.string(),
        fc.array(fc.record({ type: fc.constant('text'), text: fc.oneof(fc.string(), fc.integer()) })),
        fc.jsonValue({ maxDepth: 2 }),
      ),
    });
    const list = (item: fc.Arbitrary<unknown>) => fc.oneof(fc.array(item), fc.jsonValue({ maxDepth: 1 }));
    const tool = fc.oneof(fc.record({ name: fc.string(), type: fc.string() }), fc.jsonValue({ maxDepth: 2 }));
    const arbitrary = fc.record(
      {
        model: fc.string(),
        messages: list(fc.oneof({ weight: 5, arbitrary: message }, fc.jsonValue({ maxDepth: 1 }))),
        tools: list(tool),
        system: fc.oneof(fc.string(), list(fc.record({ type: fc.constant('text'), text: fc.string() }))),
        max_tokens: fc.integer(),
        metadata: fc.record({ user_id: fc.oneof(fc.string(), fc.constant('{"session_id":"s"}')) }),
        __proto__: fc.jsonValue({ maxDepth: 1 }),
      },
      { requiredKeys: ['model'] },
    );
    fc.assert(
      fc.property(arbitrary, fc.constantFrom(undefined, 1), fc.boolean(), (request, indent, hasHeader) => {
        const bytes = Buffer.from(JSON.stringify(request, null, indent));
        const [whole, ...skimmed] = allWays(bytes, hasHeader ? HEADERS : {});
        expect(skimmed).to.deep.equal([whole, whole]);
      }),
      { numRuns: 500 },
    );
  });

  it('finds what the whole request has where fields stand twice, in another order, or in a block of another type', () => {
    const quoted = fc
      .oneof(fc.string(), fc.constantFrom('[SUGGESTION MODE: x', 'quota'))
      .map((text) => JSON.stringify(text));
    const fieldsOf = (fields: fc.Arbitrary<string>) =>
      fc.array(fields, { minLength: 1, maxLength: 4 }).map((all) => `{${all.join(',')}}`);
    // Of a type that stands twice the first is believed.
    const type = fc.constantFrom('"text"', '"image"', '"thinking"', '7');
    const block = fc.oneof(
      quoted,
      fc
        .tuple(fc.option(type.map((is) => `"type":${is}`)), fc.array(quoted.map((text) => `"text":${text}`)), fc.nat(3))
        .map(([is, texts, at]) => `{${(is === null ? texts : texts.toSpliced(at, 0, is)).join(',')}}`),
    );
    const content = fc.oneof(
      quoted,
      fc.array(block).map((blocks) => `[${blocks.join(' , ')}]`),
    );
    const role = fc.constantFrom('"user"', '"assistant"', '7').map((is) => `"role":${is}`);
    const other = fc.constantFrom('"x":[{"type":"text","text":"quota"}]', '"c\\u006fntent":"quota"');
    const message = fieldsOf(
      fc.oneof(
        role,
        content.map((is) => `"content": ${is}`),
        other,
      ),
    );
    const request = fc
      .array(message, { maxLength: 3 })
      .map((messages) => `{"model":"m","max_tokens":1,"tools":[{"name":"T"}],"messages":[${messages.join(',')}]}`);
    fc.assert(
      fc.property(request, fc.constantFrom({}, HEADERS), (json, headers) => {
        const [whole, ...skimmed] = allWays(Buffer.from(json), headers);
        expect(skimmed).to.deep.equal([whole, whole]);
      }),
      { numRuns: 2000 },
    );
  });

  it('passes over texts once, whatever is repeated in them', () => {
    const text = `cc_is_subagent=true;${'\\'.repeat(1150)}and so on`;
    const system = Array.from({ length: 500 }, () => ({ type: 'text', text }));
    const messages = [{ role: 'user', content: '<policy_spec>'.repeat(50_000) }];
    for (const tools of [[{ name: 'T' }], []]) {
      const bytes = Buffer.from(JSON.stringify({ model: 'm', stream: true, max_tokens: 99, tools, system, messages }));
      const request = skimRequest(bytes, { spans: spansOf(bytes), users: 'last' });
      expect(request && classifyRequest(request, {}).class).to.equal('subagent');
    }
  });

  it('finds the class from how the instructions begin, however they are escaped', () => {
    const beginning = fc.oneof(
      fc.string(),
      fc.constantFrom('x-anthropic-billing-header: cc_is_subagent=true;', '\\"', '\u0000é😀'),
    );
    const system = fc.array(
      fc.record({ type: fc.constant('text'), text: fc.array(beginning).map((all) => all.join('').repeat(300)) }),
    );
    fc.assert(
      fc.property(system, (blocks) => {
        const request = {
          model: 'm',
          tools: [{ name: 'T' }],
          system: blocks,
          messages: [{ role: 'user', content: 'x' }],
        };
        const bytes = Buffer.from(JSON.stringify(request));
        const skimmed = skimRequest(bytes, { spans: spansOf(bytes), users: 'last' });
        if (skimmed === null) throw new Error('no request');
        expect(classifyRequest(skimmed, {})).to.deep.equal(classifyRequest(request as never, {}));
      }),
    );
  });

  it('knows a subagent also where the equals sign of its mark is escaped', () => {
    const json =
      '{"model":"m","tools":[{}],"system":"cc_is_subagent\\u003dtrue","messages":[{"role":"user","content":"x"}]}';
    const bytes = Buffer.from(json);
    const request = skimRequest(bytes, { spans: spansOf(bytes), users: 'last' });
    expect(request && classifyRequest(request, {}).class).to.equal('subagent');
  });

  it('makes as little of endless lists when it knows how long they are', () => {
    const endless = (element: string) => `[${`${element},`.repeat(150_000)}${element}]`;
    const blocks = spansOf(Buffer.from(`{"messages":[{"role":"user","content":${endless('{}')}}]}`)).get('messages');
    expect(blocks?.outline?.objects.length).to.be.below(100_002);
    const bytes = Buffer.from(`{"model":"m","messages":${endless('1')},"tools":${endless('1')}}`);
    for (const users of ['none', 'last'] as const) {
      for (const spans of [null, spansOf(bytes)]) {
        const request = skimRequest(bytes, { spans, users });
        expect([request?.messages, request?.tools]).to.deep.equal([undefined, undefined]);
      }
    }
  });

  it('takes what is no request for none', () => {
    for (const text of ['', '[]', '{"model":"m"', '{"model":"\\x"}']) {
      expect(skimRequest(Buffer.from(text), { spans: null, users: 'both' }), text).to.equal(null);
    }
  });
});
