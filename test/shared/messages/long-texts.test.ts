import { expect } from 'chai';
import { estimateTokens } from '#shared/messages/estimate-tokens.ts';
import { parseBesideTexts } from '#shared/messages/long-texts.ts';
import { NO_OUTLINE, scanTopLevel } from '#shared/messages/scan-top-level.ts';
import type { ContentBlock, MessagesRequest } from '#shared/wire/anthropic.ts';

const LINES = 'if (a < "b") return\tvoid 0; // größe 中文 😀\n'.repeat(100);

function read(json: string) {
  const bytes = Buffer.from(json);
  const watch = { prefix: Buffer.from('none'), isSeen: false, outline: NO_OUTLINE };
  const spans = scanTopLevel(bytes, 512, new Set(), watch);
  const read = parseBesideTexts(
    bytes,
    ['system', 'messages'].flatMap((name) => spans.get(name) ?? []),
  );
  if (read === null) throw new Error('no JSON object');
  return { bytes, ...read };
}

function readBeside(json: string) {
  const { bytes, request, texts } = read(json);
  if (texts === null) throw new Error('it has no long text');
  return { bytes, request, texts };
}

function requestOf(content: unknown): MessagesRequest {
  return { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: content as ContentBlock[] }] };
}

function textOf({ messages }: MessagesRequest): string {
  return String(messages[0]?.content);
}

describe('a request beside its long texts', () => {
  it('holds of a long text its beginning, and puts the rest into the body that is sent', () => {
    const { request, texts } = readBeside(JSON.stringify(requestOf(LINES)));
    const seen = textOf(request);
    expect(seen.length).to.be.below(1400);
    expect(seen.slice(0, 400)).to.equal(LINES.slice(0, 400));
    const sent = Buffer.concat(texts.restore(Buffer.from(JSON.stringify({ said: `before ${seen} after` }))));
    expect(JSON.parse(sent.toString())).to.deep.equal({ said: `before ${LINES} after` });
  });

  it('sends a long text in the bytes it came in, without a copy', () => {
    const { bytes, request, texts } = readBeside(JSON.stringify(requestOf(LINES.repeat(20))));
    const pieces = texts.restore(Buffer.from(JSON.stringify(request)));
    expect(pieces.filter(({ buffer }) => buffer === bytes.buffer)).to.have.lengthOf(1);
    expect(Buffer.concat(pieces).equals(bytes)).to.equal(true);
  });

  it('sends a text right that is quoted in JSON inside of a string', () => {
    const input = { path: 'a.ts', content: LINES };
    const { request, texts } = readBeside(
      JSON.stringify(requestOf([{ type: 'tool_use', id: 't', name: 'Write', input }])),
    );
    const [call] = (request.messages[0]?.content ?? []) as ContentBlock[];
    const body = { arguments: JSON.stringify(call?.input), twice: JSON.stringify(JSON.stringify(call?.input)) };
    const sent = JSON.parse(Buffer.concat(texts.restore(Buffer.from(JSON.stringify(body)))).toString());
    expect(JSON.parse(sent.arguments)).to.deep.equal(input);
    expect(JSON.parse(JSON.parse(sent.twice))).to.deep.equal(input);
  });

  it('sends a text as often as it stands in the body, and not where it does not', () => {
    const { request, texts } = readBeside(JSON.stringify(requestOf(LINES)));
    const body = JSON.stringify({ one: textOf(request), two: textOf(request) });
    expect(JSON.parse(Buffer.concat(texts.restore(Buffer.from(body))).toString())).to.deep.equal({
      one: LINES,
      two: LINES,
    });
    expect(Buffer.concat(texts.restore(Buffer.from('{}'))).toString()).to.equal('{}');
  });

  it('estimates its tokens nearly as of the whole request', () => {
    const whole = requestOf([
      { type: 'text', text: LINES.repeat(9) },
      { type: 'tool_use', id: 't', name: 'Write', input: { content: LINES } },
      { type: 'tool_result', tool_use_id: 't', content: LINES.repeat(3) },
    ]);
    const { request, texts } = readBeside(JSON.stringify(whole));
    const estimate = estimateTokens(request, texts.countText);
    expect(estimate / estimateTokens(whole)).to.be.within(0.85, 1.15);
  });

  it('takes words that stand as a key inside of a text for no key', () => {
    const said = `${LINES}","content":"${LINES}`;
    const { request, texts } = readBeside(JSON.stringify(requestOf(said)));
    const sent = JSON.parse(Buffer.concat(texts.restore(Buffer.from(JSON.stringify(request)))).toString());
    expect(textOf(sent)).to.equal(said);
  });

  for (const [what, text] of [
    ['half a character', `${LINES}\ud800`],
    ['white space alone at its beginning', `${' '.repeat(3000)}word`],
    ['a beginning that is escaped by numbers', `${'\u0001'.repeat(400)}${LINES}`],
  ] as const) {
    it(`parses a long text with ${what} where it stands`, () => {
      expect(textOf(read(JSON.stringify(requestOf(text))).request)).to.equal(text);
    });
  }

  it('is one request and nothing beside where no text is long', () => {
    for (const content of ['Hello', 'x'.repeat(2000), [{ type: 'image', source: { data: LINES } }]])
      expect(read(JSON.stringify(requestOf(content)))).to.deep.include({ request: requestOf(content), texts: null });
  });

  it('parses long texts under other keys where they stand', () => {
    const { request } = read(
      JSON.stringify({ ...requestOf('Hello'), metadata: { text: LINES }, other: { note: LINES } }),
    );
    expect(request).to.deep.include({ metadata: { text: LINES }, other: { note: LINES } });
  });

  for (const [what, broken] of [
    ['an escape that there is none of', '\\x'],
    ['a control character', '\n'],
    ['a number that is none', '\\u12g4'],
  ] as const) {
    it(`reads no request with ${what} in a long text`, () => {
      const json = JSON.stringify(requestOf(`${LINES}MARK${LINES}`)).replace('MARK', () => broken);
      expect(() => read(json)).to.throw('no JSON object');
    });
  }
});
