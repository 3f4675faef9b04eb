// Where a text holds credentials and e-mail addresses. Every rule looks for a fixed mark first and reads a bounded or
// never-repeated stretch from there, so the time is linear in the text whatever the text is.

/** From `start` up to, not including, `end`. */
export type Span = readonly [start: number, end: number];

type Rule = (text: string) => Iterable<Span>;

/** Nothing that could be the middle of a word; `\n` written as two characters, as in JSON inside JSON, is no word. */
const WORD_START = String.raw`(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt]))`;

// A mark is looked for by its first character, and each one found costs a comparison: so a mark begins with the rarest.
const RULES: readonly Rule[] = [
  pemBlocks,
  marked('k-ant-', /sk-ant-[A-Za-z0-9_-]{4,}/g),
  marked('k-', new RegExp(`${WORD_START}sk-[A-Za-z0-9_-]{20,}`, 'g')),
  marked('AKIA', /AKIA[A-Z0-9]{16}/g),
  marked('ASIA', /ASIA[A-Z0-9]{16}/g),
  marked('gh', /gh[pousr]_[A-Za-z0-9]{16,}/g),
  marked('_pat_', /github_pat_[A-Za-z0-9_]{16,}/g),
  webTokens,
  bearerTokens,
  emailAddresses,
];

/** `a@b.cc`: what is shorter holds nothing that a rule looks for, and most strings of a request are. */
const SHORTEST = 6;

/** What every rule needs one of. In a short text one look for all of them is quicker than one for each. */
const HINT = /-----BEGIN |sk-|A[KS]IA|gh[pousr]_|github_pat_|eyJ|[bB][eE][aA][rR][eE][rR]|@/;
const LONG = 1024;

/** The stretches to hide, in order, without overlaps. */
export function findSecrets(text: string): Span[] {
  if (text.length < SHORTEST || (text.length < LONG && !HINT.test(text))) return [];
  const spans: Span[] = [];
  for (const rule of RULES) for (const span of rule(text)) spans.push(span);
  return mergeSpans(spans);
}

export function mergeSpans(spans: Span[]): Span[] {
  const merged: Array<[number, number]> = [];
  for (const [start, end] of spans.toSorted((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && start < last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

/** All matches of a pattern, looked for only when the text has the mark at all. */
function marked(mark: string, pattern: RegExp): Rule {
  return function* (text) {
    if (!text.includes(mark)) return;
    for (const match of text.matchAll(pattern)) yield [match.index, match.index + match[0].length];
  };
}

const PEM_BEGIN = '-----BEGIN ';
const PEM_END = '-----END ';
const PEM_LABEL = /[A-Z0-9 ]{1,64}-----/y;
const PEM_REST = /[A-Za-z0-9+/=\s\\]*/y;

/** From BEGIN to the next END line; a block that was cut off ends where its base64 does. */
function* pemBlocks(text: string): Iterable<Span> {
  let endLine = 0;
  let start = text.indexOf(PEM_BEGIN);
  while (start !== -1) {
    const body = matchAt(PEM_LABEL, text, start + PEM_BEGIN.length);
    let next = start + PEM_BEGIN.length;
    if (body !== -1) {
      // Each END is looked for once, not once for every BEGIN before it.
      if (endLine !== -1 && endLine < body) endLine = text.indexOf(PEM_END, body);
      const whole = endLine === -1 ? -1 : matchAt(PEM_LABEL, text, endLine + PEM_END.length);
      next = whole === -1 ? matchAt(PEM_REST, text, body) : whole;
      yield [start, next];
    }
    start = text.indexOf(PEM_BEGIN, next);
  }
}

const TOKEN_PART = /[A-Za-z0-9_-]*/y;

/** JSON web tokens: two or three parts, the first of which begins as `{"` does in base64. */
function* webTokens(text: string): Iterable<Span> {
  let start = findToken(text, 0);
  while (start !== -1) {
    const header = matchAt(TOKEN_PART, text, start);
    let end = header;
    if (text[header] === '.') {
      const payload = matchAt(TOKEN_PART, text, header + 1);
      end = text[payload] === '.' ? matchAt(TOKEN_PART, text, payload + 1) : payload;
      if (header - start >= 10 && payload - header > 4) yield [start, end];
      else end = header;
    }
    start = findToken(text, end);
  }
}

/** The next `eyJ`, by its capital, which is rare. */
function findToken(text: string, from: number): number {
  let at = text.indexOf('J', from + 2);
  while (at !== -1 && (text[at - 1] !== 'y' || text[at - 2] !== 'e')) at = text.indexOf('J', at + 1);
  return at === -1 ? -1 : at - 2;
}

/** Where a sticky pattern that matches at `index` ends; -1 when it does not match. */
function matchAt(pattern: RegExp, text: string, index: number): number {
  pattern.lastIndex = index;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

// The word comes first and what stands before it is looked at afterwards: the search for it is then a quick one.
const BEARER =
  /bearer(?<=(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))bearer)(?:[ \t:]|%20){1,8}["']?([A-Za-z0-9._~+/-]{8,}={0,2})/gi;
/** "bearer authentication" is English; a token has a digit or is longer than words are. */
const WORD_LENGTH = 24;

function* bearerTokens(text: string): Iterable<Span> {
  for (const match of text.matchAll(BEARER)) {
    const token = match[1] ?? '';
    const end = match.index + match[0].length;
    if (token.length > WORD_LENGTH || /\d/.test(token)) yield [end - token.length, end];
  }
}

const LOCAL_PART = /[A-Za-z0-9._%+-]/;
const MAX_LOCAL_PART = 64;
const DOMAIN = /(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,63}/y;

function* emailAddresses(text: string): Iterable<Span> {
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    const end = matchAt(DOMAIN, text, at + 1);
    if (end === -1) continue;
    let start = at;
    while (start > 0 && at - start < MAX_LOCAL_PART && LOCAL_PART.test(text.charAt(start - 1))) start--;
    // git@host:path is an address of a repository.
    if (start < at && text.slice(start, at) !== 'git') yield [start, end];
  }
}
