// Takes out of an upstream's words what only the gateway's owner may know: keys, accounts, addresses of resources.

const SECRETS: readonly RegExp[] = [
  /\b(?:sk|pk|rk|xai|gsk|pplx|key)-?[-_][A-Za-z0-9_*.-]{6,}/g,
  /\bgsk_[A-Za-z0-9]{6,}/g,
  /\bAIza[A-Za-z0-9_-]{8,}/g,
  /\bA[KS]IA[A-Z0-9]{12,}/g,
  /\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)?/g,
  /\bBearer\s+[A-Za-z0-9._~+/=-]{6,}/gi,
  /\barn:aws[a-z-]*:[^\s"',)]+/g,
  /\b(?:org|proj|project|user|acct|account|team|workspace)[-_][A-Za-z0-9]{8,}/g,
  /\bprojects\/[a-z0-9-]{4,}/g,
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi,
  /\b[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{2,64}\b/g,
];
/** Nothing longer is shown. */
const READ = 8192;

export function scrubMessage(message: string): string {
  return SECRETS.reduce((text, secret) => text.replace(secret, '[redacted]'), message.slice(0, READ).toWellFormed());
}
