import { expect } from 'chai';
import { ABSENT, changeAt, type JsonPath, parsePath } from '#shared/upstream/pipelines/json-path.ts';

function pathOf(text: string): JsonPath {
  const path = parsePath(text);
  if (path === null) throw new Error(`${text} is no path`);
  return path;
}

const mark = (): string => 'HERE';

describe('json-path', () => {
  const root = { a: { b: [{ c: 1 }, { c: 2, 'd e': [[0], [1]] }] }, 'x.y': null };

  const led: Array<[string, unknown]> = [
    ['$', 'HERE'],
    ['$.a', { ...root, a: 'HERE' }],
    ['$.a.b[1].c', { ...root, a: { b: [root.a.b[0], { ...root.a.b[1], c: 'HERE' }] } }],
    ['$.a.b[*].c', { ...root, a: { b: [{ c: 'HERE' }, { ...root.a.b[1], c: 'HERE' }] } }],
    ['$["a"]["b"][1]["d e"][*][0]', { ...root, a: { b: [{ c: 1 }, { c: 2, 'd e': [['HERE'], ['HERE']] }] } }],
    ['$["x.y"]', { ...root, 'x.y': 'HERE' }],
    ['$["\\u0061"]', { ...root, a: 'HERE' }],
  ];
  for (const [text, result] of led) {
    it(`leads to one place or several: ${text}`, () => {
      const before = structuredClone(root);
      expect(changeAt(root, pathOf(text), mark)).to.deep.equal(result);
      expect(root, 'what was given stays as it was').to.deep.equal(before);
    });
  }

  for (const text of [
    '$.a.z.y',
    '$.a[0]',
    '$.a.b[7].c',
    '$["x.y"].z',
    '$.a.b.c',
    '$[0]',
    '$[*]',
    '$.constructor.name',
  ]) {
    it(`gives the root itself where nothing is: ${text}`, () => {
      const absent = (value: unknown): unknown => (value === ABSENT ? ABSENT : 'HERE');
      expect(changeAt(root, pathOf(text), absent)).to.equal(root);
    });
  }

  it('makes missing tables on the way when it shall, and nothing else', () => {
    const options = { creates: true };
    expect(changeAt({}, pathOf('$.a.b["c"]'), mark, options)).to.deep.equal({ a: { b: { c: 'HERE' } } });
    const list = { a: [1] };
    for (const text of ['$.a.b', '$.a[3]', '$.b[0]', '$.b[*].c']) {
      expect(changeAt(list, pathOf(text), mark, options), text).to.equal(list);
    }
  });

  it('takes out members and entries', () => {
    const remove = (): unknown => ABSENT;
    expect(changeAt(root, pathOf('$.a.b[0]'), remove)).to.deep.equal({ ...root, a: { b: [root.a.b[1]] } });
    expect(changeAt(root, pathOf('$.a.b[*]'), remove)).to.deep.equal({ ...root, a: { b: [] } });
    expect(changeAt(root, pathOf('$["x.y"]'), remove)).to.deep.equal({ a: root.a });
  });

  it('gives the root itself where the same was there already', () => {
    expect(changeAt(root, pathOf('$.a.b[0]'), () => ({ c: 1 }))).to.equal(root);
  });

  const wrong = [
    '',
    'a',
    '.a',
    '$a',
    '$.',
    '$..a',
    '$.a[',
    '$.a[-1]',
    '$.a[1:2]',
    "$['a']",
    '$.a[?(@.b)]',
    '$.a b',
    '$.*',
  ];
  for (const text of [...wrong, '$["\\x"]', '$["__proto__"]', '$.__proto__.a', `$${'.a'.repeat(33)}`]) {
    it(`is refused: ${text.slice(0, 20)}`, () => {
      expect(parsePath(text)).to.equal(null);
    });
  }
});
