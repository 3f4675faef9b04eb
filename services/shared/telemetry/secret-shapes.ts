// What a credential looks like, for everything that telemetry writes. Deliberately eager: a log line that lost a harmless
// word costs less than one that kept a key. Open-ended repetitions have a fixed start, so the time stays linear.

export const REDACTED = '[redacted]';

const SHAPES: readonly RegExp[] = [
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g,
  /\bsk-[A-Za-z0-9_-]{8,}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{12,}/g,
  /\bgh[pousr]_[A-Za-z0-9]{16,}/g,
  /\bgithub_pat_[A-Za-z0-9_]{16,}/g,
  /\bxox[abprs]-[A-Za-z0-9-]{10,}/g,
  /\bAIza[A-Za-z0-9_-]{30,}/g,
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?/g,
  /[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,63}\b/g,
];
const SCHEME = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi;
const URL_CREDENTIALS = /(\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#@"']+@/gi;
const NAMED_VALUE =
  /\b((?:x-)?api[-_]?key|access[-_]?token|auth[-_]?token|client[-_]?secret|password|secret|token|key|sig|signature)=[^\s&"']+/gi;
const NAMED_HEADER =
  /\b(authorization|proxy-authorization|x-api-key|api-key|x-goog-api-key|cookie|set-cookie)(["']?\s*[:=]\s*["']?)[^\r\n"']+/gi;

const SECRET_NAME =
  /^(?:(?:proxy)?authorization|(?:set)?cookie|credentials?|clientkey)$|(?:apikey|token|secret|password)$/;

/** Every rule needs one of these; most texts have none, and one look is cheaper than all rules. */
const HINT =
  /[@=]|:\/\/|sk-|AKIA|ASIA|gh[pousr]_|github_pat_|xox|AIza|eyJ|-----BEGIN|bearer|basic|authorization|api-key|cookie/i;

/** Whether a field or header of this name holds a credential, whatever its case and separators. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name.replace(/[-_]/g, '').toLowerCase());
}

/** False when there is certainly nothing to scrub. */
export function mayHoldSecret(text: string): boolean {
  return HINT.test(text);
}

/** The text with everything that looks like a credential replaced. */
export function scrubText(text: string): string {
  if (!mayHoldSecret(text)) return text;
  let clean = text
    .replace(NAMED_HEADER, `$1$2${REDACTED}`)
    .replace(SCHEME, `$1 ${REDACTED}`)
    .replace(URL_CREDENTIALS, `$1${REDACTED}@`)
    .replace(NAMED_VALUE, `$1=${REDACTED}`);
  for (const shape of SHAPES) clean = clean.replace(shape, REDACTED);
  return clean;
}
