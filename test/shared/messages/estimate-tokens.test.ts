import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { approximateTokens } from '#shared/messages/approximate-tokens.ts';
import { estimateTokens } from '#shared/messages/estimate-tokens.ts';
import { imageSize } from '#shared/messages/image-size.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { requestsOf } from '../../support/recordings.ts';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

const base64 = (bytes: number[]): string => Buffer.from(bytes).toString('base64');
const PNG = base64([
  0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, 0, 0, 3, 0x20, 0, 0, 2, 0x58,
]);
const GIF = base64([...Buffer.from('GIF89a'), 0x40, 0x01, 0xc8, 0x00, 0, 0, 0]);
const JPEG = base64([
  ...[0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xfe, 0, 3, 9, 0xff, 0xff, 0xc4, 0, 4, 0, 0],
  ...[0xff, 0xc2, 0, 17, 8, 2, 0x58, 3, 0x20, 3, 0, 0, 0],
]);
const webp = (kind: string, rest: number[]): string =>
  base64([...Buffer.from('RIFF'), 0, 0, 0, 0, ...Buffer.from(`WEBP${kind}`), ...rest]);
const LOSSY = webp('VP8 ', [0, 0, 0, 0, 0, 0, 0, 0x9d, 0x01, 0x2a, 0x20, 0x03, 0x58, 0x02]);
const LOSSLESS = webp('VP8L', [0, 0, 0, 0, 0x2f, 0x1f, 0xc3, 0x95, 0x00]);
const EXTENDED = webp('VP8X', [0, 0, 0, 0, 0, 0, 0, 0, 0x1f, 0x03, 0x00, 0x57, 0x02, 0x00]);

function tokensOf(content: unknown): number {
  const empty = estimateTokens({ model: 'm', messages: [{ role: 'user', content: [] }] });
  const request = { model: 'm', messages: [{ role: 'user', content: [content] }] } as unknown as MessagesRequest;
  return estimateTokens(request) - empty;
}

describe('an image’s size', () => {
  it('is read from the headers of PNG, GIF, JPEG and the three kinds of WebP', () => {
    expect(imageSize(PNG)).to.deep.equal({ width: 800, height: 600 });
    expect(imageSize(GIF)).to.deep.equal({ width: 320, height: 200 });
    expect(imageSize(JPEG)).to.deep.equal({ width: 800, height: 600 });
    for (const image of [LOSSY, LOSSLESS, EXTENDED])
      expect(imageSize(image)).to.deep.equal({ width: 800, height: 600 });
  });

  it('is unknown for anything else, cut headers too, and never throws', () => {
    for (const image of [PNG, GIF, JPEG, LOSSY, LOSSLESS, EXTENDED]) {
      const bytes = Buffer.from(image, 'base64');
      for (let length = 0; length < 9; length++) {
        expect(imageSize(bytes.subarray(0, length).toString('base64'))).to.equal(null);
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const jpeg = Buffer.from([0xff, 0xd8, ...bytes]).toString('base64');
        for (const data of [jpeg, Buffer.from(bytes).toString('base64')]) imageSize(data);
      }),
    );
  });
});

describe('an estimate of tokens', () => {
  it('counts everything that reaches the model', () => {
    const parts: Array<Partial<MessagesRequest>> = [
      { system: 'You are careful.' },
      { system: [{ type: 'text', text: 'You are careful.' }] },
      { tools: [{ name: 'Bash', description: 'Runs a command', input_schema: { type: 'object', properties: {} } }] },
      { output_config: { format: { type: 'json_schema', schema: { type: 'object' } } } },
    ];
    const empty = estimateTokens({ model: 'm', messages: [] });
    for (const part of parts) {
      expect(estimateTokens({ model: 'm', messages: [], ...part }), JSON.stringify(part)).to.be.greaterThan(empty + 3);
    }
    const call = { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'ls -la /usr/local/lib' } };
    const blocks = [
      { type: 'text', text: 'some words of text' },
      { type: 'thinking', thinking: 'some words of thought', signature: '' },
      { type: 'redacted_thinking', data: 'x'.repeat(100) },
      call,
      { type: 'tool_result', tool_use_id: 'toolu_1', content: 'a listing of files' },
      { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'a listing of files' }] },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'a text of some words' } },
      { type: 'search_result', title: 'one', source: 'two', content: [{ type: 'text', text: 'three' }] },
      { type: 'hologram', words: 'of a future block' },
    ];
    for (const block of blocks) expect(tokensOf(block), JSON.stringify(block)).to.be.greaterThan(3);
  });

  it('takes an image for its size, at most 1600, and 1600 when that cannot be told', () => {
    const image = (data: string) =>
      tokensOf({ type: 'image', source: { type: 'base64', media_type: 'image/png', data } });
    expect(image(PNG)).to.be.closeTo(640 * 1.07, 2);
    const huge = Buffer.from(PNG, 'base64');
    huge.writeUInt32BE(60_000, 16);
    expect(image(huge.toString('base64'))).to.be.closeTo(1600 * 1.07, 2);
    expect(image('bm90IGFuIGltYWdl')).to.be.closeTo(1600 * 1.07, 2);
    expect(tokensOf({ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } })).to.be.closeTo(
      1712,
      2,
    );
    const inResult = {
      type: 'tool_result',
      tool_use_id: 't',
      content: [{ type: 'image', source: { type: 'base64', data: PNG } }],
    };
    expect(tokensOf(inResult)).to.be.greaterThan(680);
  });

  it('is a whole number of at least 1 and never throws, whatever the request holds', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (system, messages, tools) => {
        for (const request of [{ system, messages, tools }, { messages: [{ role: 'user', content: messages }] }]) {
          const tokens = estimateTokens(request as unknown as MessagesRequest);
          expect(Number.isInteger(tokens) && tokens >= 1).to.equal(true);
        }
      }),
    );
  });

  it('is within a third of o200k for texts of all kinds without a tokenizer, and within a tenth on average', () => {
    const texts: Record<string, string> = {
      prose: read('ARCHITECTURE.md'),
      code: read('services/shared/config/load.ts'),
      json: read('test/fixtures/comparison-vectors.json').slice(0, 40_000),
      lock: read('package-lock.json').slice(0, 40_000),
      shell: read('scripts/setup.sh'),
      yaml: read('docker-compose.yml'),
      log: Array.from(
        { length: 300 },
        (_, n) => `2026-11-26T09:${n % 60}:12.${n}Z INFO finished id=0193${n} ms=${n * 3.7}`,
      ).join('\n'),
      chinese: '模型网关位于编码代理与模型之间。每个承诺都有一个可以失败的测试。'.repeat(40),
      russian: 'Шлюз модели находится между агентом и моделями. Каждое обещание имеет тест.'.repeat(40),
      base64: Array.from({ length: 280 }, (_, n) => hash('sha256', String(n), 'base64')).join(''),
    };
    let off = 0;
    for (const [kind, text] of Object.entries(texts)) {
      const counted = countSlices(text);
      const error = approximateTokens(text) / counted - 1;
      expect(error, `${kind}: ${counted} tokens`).to.be.within(-0.2, 0.33);
      off += Math.abs(error);
    }
    expect(off / Object.keys(texts).length).to.be.lessThan(0.1);
  }).timeout(10_000);

  it('is near for a long text too, of which it reads samples', () => {
    const text = read('services/shared/config/load.ts').repeat(2200);
    expect(approximateTokens(text) / text.length).to.be.closeTo(1 / 3.9, 0.06);
  });

  it('stays within what the bytes of recorded requests allow: no fewer than 9 and no more than 3 bytes a token', () => {
    for (const name of [
      'cc-plain-default',
      'cc-subagent',
      'cc-slash-context',
      'old-2.1.197-tool',
      'cc-model-sonnet45',
    ]) {
      for (const { body, seq, url } of requestsOf(name)) {
        if (!url.startsWith('/v1/messages') || body.length < 500) continue;
        const tokens = estimateTokens(JSON.parse(body.toString('utf8')) as MessagesRequest);
        expect(body.length / tokens, `${name} ${seq}`).to.be.within(3, 9);
      }
    }
  });
});

/** The tokenizer's time grows with the square of a long word. */
function countSlices(text: string): number {
  let tokens = 0;
  for (let at = 0; at < text.length; at += 2000) tokens += countTokens(text.slice(at, at + 2000));
  return tokens;
}
