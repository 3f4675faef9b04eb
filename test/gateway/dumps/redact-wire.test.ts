// Redaction of what was on the wire: a secret is found however a stream cuts it, and all else stays as it was.
import { expect } from 'chai';
import fc from 'fast-check';
import { redactWire } from '#services/gateway/dumps/redact-wire.ts';
import { createRedactor } from '#shared/redact/redact.ts';

const redactor = createRedactor({ hmacKey: 'a key for tests' });
const SECRET = 'sk-ant-api03-Zm9vYmFyYmF6cXV4';
const TAG = /\[\[secret:[0-9a-f]{8}\]\]/;

const redact = (text: string): string => redactWire(text, redactor);

function eventStream(pieces: string[], toEvent: (piece: string) => unknown, prefix = 'data: '): string {
  return pieces.map((piece) => `${prefix}${JSON.stringify(toEvent(piece))}\n\n`).join('');
}

const SHAPES: Array<[string, (piece: string) => unknown, string]> = [
  ['text deltas', (text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }), 'data: '],
  ['tool input', (text) => ({ index: 1, delta: { type: 'input_json_delta', partial_json: text } }), 'data: '],
  ['chat chunks', (content) => ({ choices: [{ index: 0, delta: { content } }] }), 'data:'],
  ['lines of JSON', (content) => ({ message: { role: 'assistant', content }, done: false }), ''],
];

describe('redactWire', () => {
  it('leaves what holds no secret as it is, byte for byte', () => {
    const stream = 'event: ping\ndata: {"type" : "ping", "n": 1.0}\n\n: a comment\n\ndata: [DONE]\n\n';
    for (const text of ['', 'plain', '{ "a" : 1e3 }', '{"cut', '[1, 2]', stream, '\r\n', 'null'])
      expect(redact(text), text).to.equal(text);
  });

  it('finds a secret in JSON, in its keys, behind escapes, and in plain text', () => {
    const escaped = SECRET.replace('s', '\\u0073');
    for (const text of [
      JSON.stringify({ messages: [{ role: 'user', content: `use ${SECRET} now` }] }),
      JSON.stringify({ [SECRET]: true }),
      `{"key":"${escaped}"}`,
      `data: {"key":"${escaped}"}\n\n`,
      `<html>${SECRET}</html>`,
      `{"cut off":"${SECRET}`,
    ]) {
      const clean = redact(text);
      expect(clean).to.match(TAG);
      expect(clean).to.not.include(SECRET.slice(7));
    }
  });

  for (const [name, toEvent, prefix] of SHAPES) {
    it(`finds a secret that ${name} bring in pieces, wherever they cut it`, () => {
      const text = `the key is ${SECRET}, keep it`;
      const cuts = fc.uniqueArray(fc.integer({ min: 1, max: text.length - 1 }), { minLength: 1, maxLength: 12 });
      fc.assert(
        fc.property(cuts, (places) => {
          const bounds = [0, ...places.toSorted((a, b) => a - b), text.length];
          const pieces = bounds.slice(1).map((end, index) => text.slice(bounds[index], end));
          const clean = redact(eventStream(pieces, toEvent, prefix));
          const joined = [...clean.matchAll(/"(?:text|partial_json|content)":"((?:[^"\\]|\\.)*)"/g)]
            .map(([, value]) => value)
            .join('');
          expect(joined).to.match(TAG);
          expect(joined).to.include('the key is ');
          expect(joined).to.not.include(SECRET.slice(-8));
          expect(joined).to.include('keep it');
        }),
        { numRuns: 50 },
      );
    });
  }

  it('keeps nothing of what is nested too deep to be looked through', () => {
    const depth = 100_000;
    expect(redact(`${'['.repeat(depth)}"${SECRET}"${']'.repeat(depth)}`)).to.not.include(SECRET);
  });

  it('never shows the secret, whatever surrounds it', () => {
    fc.assert(
      fc.property(fc.json(), fc.string(), fc.string(), (json, before, after) => {
        const text = `${before}\ndata: ${json}\n\ndata: ${JSON.stringify({ a: ` ${SECRET} ` })}\n\n${after}`;
        expect(redact(text)).to.not.include(SECRET);
      }),
      { numRuns: 200 },
    );
  });
});
