// Replies as upstreams send them, as they should not, and as nobody means well: built from parts that are each plain or
// odd, then damaged, cut off, and cut into reads.
import fc from 'fast-check';
import type { Reply } from './play-replies.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
/** The first of them most of the time. */
const mostly = <T>(plain: fc.Arbitrary<T>, ...odd: fc.Arbitrary<T>[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 30 * Math.max(1, odd.length), arbitrary: plain }, ...odd);
const one = (...texts: string[]): fc.Arbitrary<string> => fc.constantFrom(...texts);

const STATUS_LINE = mostly(
  one('HTTP/1.1 200 OK', 'HTTP/1.1 404 Not Found', 'HTTP/1.1 529 ', 'HTTP/1.1 500 \u00e9\ttab'),
  one('HTTP/1.0 200 OK', 'HTTP/1.1 200', 'HTTP/1.1  200 OK', 'HTTP/1.1 2000 OK', 'HTTP/1.1 099 x', 'http/1.1 200 OK'),
  one('HTTP/1.1 204 No Content', 'HTTP/1.1 304 Not Modified', 'HTTP/1.1 101 Switching', 'HTTP/1.1 700 x', 'HTTP/2 200'),
  one('HTTP/1.1 100 Continue', 'HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\nHTTP/1.1 200 OK', '', ' HTTP/1.1 200 OK'),
  one('\r\nHTTP/1.1 200 OK', 'HTTP/1.1 200 O\u0000K', 'HTTP/1.1 200 O\rK', 'ICY 200 OK', 'HTTP/1.1 20\u0000 OK'),
);

const LINE_END = mostly(one('\r\n'), one('\n', '\r', '\r\r\n', '\r\n ', '\r\n\t', '\n\r\n'));
const HEADER = mostly(
  fc
    .tuple(
      one('content-type', 'X-Request-Id', 'server', "a!#$%&'*+-.^_`|~9", 'date'),
      one('a', 'a b', '\u00e9', 'x;y=z'),
    )
    .map(([name, value]) => `${name}: ${value}`),
  one('x:y', 'x:', 'x: ', 'x:  y', 'x: y ', 'x: y\t', 'x:\ty', 'x : y', ' x: y', '\tx: y', 'x', ': y', 'x\u0000: y'),
  one('x: a\u0000b', 'x: a\u007fb', 'x: a\u0001b', '\u00e9: y', 'x(y): z', 'x"y: z', 'x: a\rb', 'x: a\nb', 'x: "a\tb"'),
  one(
    'Connection: close',
    'connection: Keep-Alive',
    'connection: upgrade',
    'upgrade: h2c',
    'connection: keep-alive, x',
  ),
  one('Keep-Alive: timeout=5', 'keep-alive: timeout=1', 'keep-alive: max=3, timeout=9', 'proxy-connection: close'),
  one('trailer: x-sum', 'content-encoding: gzip', 'te: trailers', 'connection: close\r\nconnection: keep-alive'),
  fc.integer({ min: 16_300, max: 16_500 }).map((length) => `x: ${'y'.repeat(length)}`),
);
const ODD_LENGTHS = [
  '',
  '-1',
  '+3',
  '0x3',
  '3, 3',
  '3,4',
  ' 3 ',
  '3a',
  '1e1',
  '99999999999999999999',
  '9007199254740993',
];
const ODD_CODINGS = [
  'gzip, chunked',
  'chunked, gzip',
  'identity',
  'Chunked',
  'chunked ',
  'xchunked',
  'chunked;q=1',
  '',
];

const PAYLOAD = fc.oneof(
  {
    weight: 5,
    arbitrary: one('event: ping\ndata: {"type":"ping"}\n\n', 'a', 'data: x\r\n\r\n', '0\r\n\r\n', 'HTTP/1.1'),
  },
  {
    weight: 1,
    arbitrary: fc
      .oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 3000 }) }, fc.integer({ min: 1, max: 70_000 }))
      .map((length) => 'p'.repeat(length)),
  },
  {
    weight: 2,
    arbitrary: fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  },
);

const CHUNK = fc
  .tuple(
    PAYLOAD,
    mostly(
      one('', '0', '000'),
      one(';x', ';x=1', ';x="a b"', ' ', '\t', ';', ';;', ' ;x', '\u0000', 'g', '\r', ';x\u0000', ';x=\u0001', ','),
      one('00000000', '000000000000000', '0000000000000000000000000'),
    ),
    mostly(one('\r\n'), one('\n', '\r', '\r\r\n', '', '\r\n\r\n', ' \r\n')),
    mostly(one('\r\n'), one('\n', '', '\r', 'X', 'X\n', '\n\n', '\rX', '\r\r\n', '\r\n\r\n', '\n\r\n')),
    mostly(fc.constant(0), fc.constantFrom(-1, 1, 2, 1000)),
    fc.boolean(),
  )
  .map(([payload, extra, sizeEnd, dataEnd, wrongBy, isUpper]) => {
    const size = Math.max(0, payload.length + wrongBy).toString(16);
    const digits = isUpper ? size.toUpperCase() : size;
    const line = /^0/.test(extra) ? extra + digits : digits + extra;
    return `${line}${sizeEnd}${payload}${dataEnd}`;
  });
const LAST_CHUNK = mostly(
  one('0\r\n\r\n', '0\r\n\r\n', '000\r\n\r\n'),
  one(
    '',
    '0\r\n',
    '0\r\nx-sum: 1\r\n\r\n',
    '0;x\r\n\r\n',
    '0\n\n',
    '0\r\n\n',
    '0\r\r\n',
    '0\r\n\r',
    '00000000\r\n\r\n',
  ),
  one(
    '0\r\nx: a\r\n y\r\n\r\n',
    '0\r\ncontent-length: 3\r\n\r\n',
    '0\r\nx\u0000: 1\r\n\r\n',
    '0 \r\n\r\n',
    '-0\r\n\r\n',
  ),
  one('ffffffff\r\n', 'fffffffffffffffff\r\n', '7fffffff\r\nabc', '\r\n', 'x\r\n\r\n', '0\r\n\r\n0\r\n\r\n'),
);
const SURPLUS = mostly(
  one(''),
  one('\r\n', 'x', 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil', '\u0000', '0\r\n\r\n'),
);

interface Framed {
  headers: string[];
  body: string;
}
const CHUNKED: fc.Arbitrary<Framed> = fc
  .tuple(mostly(one('chunked'), one(...ODD_CODINGS)), fc.array(CHUNK, { maxLength: 5 }), LAST_CHUNK)
  .map(([coding, chunks, last]) => ({ headers: [`Transfer-Encoding: ${coding}`], body: chunks.join('') + last }));
const COUNTED: fc.Arbitrary<Framed> = fc
  .tuple(PAYLOAD, mostly(fc.constant(0), fc.constantFrom(-1, 1, 5)), mostly(one('as it is'), one(...ODD_LENGTHS)))
  .map(([body, wrongBy, odd]) => {
    const length = odd === 'as it is' ? String(Math.max(0, body.length + wrongBy)) : odd;
    return { headers: [`content-length: ${length}`], body };
  });
const FRAMED: fc.Arbitrary<Framed> = fc.oneof(
  { weight: 8, arbitrary: CHUNKED },
  { weight: 4, arbitrary: COUNTED },
  { weight: 1, arbitrary: PAYLOAD.map((body) => ({ headers: [], body })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(CHUNKED, COUNTED)
      .map(([chunked, counted]) => ({ headers: [...counted.headers, ...chunked.headers], body: chunked.body })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(COUNTED, COUNTED)
      .map(([first, second]) => ({ headers: [...first.headers, ...second.headers], body: first.body })),
  },
);

const MESSAGE = fc
  .tuple(STATUS_LINE, fc.array(HEADER, { maxLength: 3 }), FRAMED, LINE_END, LINE_END, SURPLUS, fc.boolean())
  .map(([first, others, framed, oneEnd, headEnd, surplus, framingFirst]) => {
    const headers = framingFirst ? [...framed.headers, ...others] : [...others, ...framed.headers];
    const [before = '', ...after] = [first, ...headers];
    // One line has an end of its own, and so has the head.
    const head = [before, ...after].map((line, index) => line + (index === 1 ? oneEnd : '\r\n')).join('');
    return latin1(`${head}${headEnd}${framed.body}${surplus}`);
  });

type Damage = { at: number; insert: string; remove: number };
const DAMAGE: fc.Arbitrary<Damage> = fc.record({
  at: fc.nat(400),
  insert: one(
    '',
    '\r',
    '\n',
    '\r\n',
    '\u0000',
    ' ',
    '\t',
    ':',
    ';',
    '0',
    '1',
    'f',
    ',',
    '\u0080',
    '\u00ff',
    '\r\n\r\n',
  ),
  remove: fc.constantFrom(0, 1, 2, 5),
});

const BYTES = fc
  .tuple(MESSAGE, mostly(fc.constant([] as Damage[]), fc.array(DAMAGE, { minLength: 1, maxLength: 3 })))
  .map(([message, damages]) =>
    damages.reduce((bytes, { at, insert, remove }) => {
      const place = Math.min(at, bytes.length);
      return Buffer.concat([bytes.subarray(0, place), latin1(insert), bytes.subarray(place + remove)]);
    }, message),
  );

const CUTS = fc.oneof(
  { weight: 3, arbitrary: fc.constant([] as number[]) },
  { weight: 6, arbitrary: fc.array(fc.nat(300), { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.array(fc.nat(70_000), { maxLength: 3 }) },
);

export const REPLY: fc.Arbitrary<Reply> = fc
  .tuple(
    BYTES,
    CUTS,
    mostly(fc.constant(Number.POSITIVE_INFINITY), fc.nat(300)),
    fc.constantFrom<Reply['ending']>('keep', 'keep', 'close', 'reset'),
  )
  .map(([bytes, cuts, limit, ending]) => ({ pieces: cut(bytes.subarray(0, limit), cuts), ending }));

/** Cuts `bytes` before each of the places. */
export function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set([...places.filter((place) => place < bytes.length), bytes.length])].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end)).filter((piece) => piece.length > 0);
}
