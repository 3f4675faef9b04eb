// A prompt that is too long, in the words of many servers → the sentence after which clients compact the conversation.

const PHRASES: readonly RegExp[] = [
  /context_length_exceeded/,
  /maximum context length/,
  /exceeds? the (?:model'?s? )?(?:maximum )?context/,
  /context (?:window|length|size)[^.]{0,60}(?:exceed|too small|overflow)/,
  /exceeds?[^.]{0,40}(?:context (?:window|length|size)|max(?:imum)? (?:model |sequence )?len)/,
  /(?:prompt|input) token count[^.]{0,40}exceeds/,
  /(?:prompt|input)(?: is)? too (?:long|large)/,
  /too many (?:input )?tokens in (?:the )?(?:prompt|request)/,
  /exceeded model token limit/,
  /input length[^.]{0,60}exceed/,
  /range of input length should be/,
  /longer than the (?:model'?s )?context/,
  /reduce the length of the (?:messages|prompt|input)/,
];

/** A limit on traffic also counts tokens. */
const TRAFFIC = /per (?:minute|hour|day|second)|\b[tr]pm\b|\btpd\b|rate.?limit|quota/;

/** The client's sentence; null when the error is about something else. */
export function readOverflow(codes: readonly string[], message: string): string | null {
  const said = `${codes.join(' ')} ${message}`.toLowerCase();
  if (TRAFFIC.test(said) || !PHRASES.some((phrase) => phrase.test(said))) return null;
  const limit = firstNumber(message, LIMITS);
  const input = firstNumber(message, INPUTS);
  const output = firstNumber(message, OUTPUTS);
  if (limit !== null && input !== null && output !== null && input <= limit && input + output > limit) {
    return `input length and \`max_tokens\` exceed context limit: ${input} + ${output} > ${limit}, decrease input length or \`max_tokens\` and try again`;
  }
  const [most, ...others] = numbersIn(message).toSorted((a, b) => b - a);
  const next = others.find((number) => number !== most);
  if (most === undefined || next === undefined) return 'prompt is too long';
  const known = limit !== null && input !== null && input > limit;
  return `prompt is too long: ${known ? input : most} tokens > ${known ? limit : next} maximum`;
}

const NUMBER = String.raw`(\d[\d,_]*)`;
const LIMITS = [
  new RegExp(`maximum context length (?:is|of) ${NUMBER}`, 'i'),
  new RegExp(`context (?:window|limit|length|size)(?: is| of|:)? ${NUMBER}`, 'i'),
  new RegExp(`limit (?:is|of) ${NUMBER}`, 'i'),
];
const INPUTS = [
  new RegExp(`\\(${NUMBER} (?:in|of text input|in the (?:messages|prompt|input))`, 'i'),
  new RegExp(`${NUMBER} (?:tokens )?(?:in|from) (?:the )?(?:messages|prompt|input|your prompt)`, 'i'),
  new RegExp(`your request has ${NUMBER} input tokens`, 'i'),
  new RegExp(`(?:prompt|input)(?: contains| has| of)?(?: at least)? ${NUMBER} (?:input )?tokens`, 'i'),
];
const OUTPUTS = [
  new RegExp(`${NUMBER} (?:tokens )?(?:in|for) (?:the )?(?:completion|output)`, 'i'),
  new RegExp(`'?max(?:_completion)?_tokens'?[^\\d]{0,30}${NUMBER}`, 'i'),
  new RegExp(`${NUMBER} (?:output|completion) tokens`, 'i'),
];

function firstNumber(message: string, patterns: readonly RegExp[]): number | null {
  for (const pattern of patterns) {
    const digits = pattern.exec(message)?.[1];
    if (digits !== undefined) return toNumber(digits);
  }
  return null;
}

/** Of token counts; small numbers are something else. */
function numbersIn(message: string): number[] {
  return [...message.matchAll(/\d[\d,_]*/g)].map(([digits]) => toNumber(digits)).filter((number) => number >= 1000);
}

function toNumber(digits: string): number {
  return Number(digits.replaceAll(/[,_]/g, ''));
}
