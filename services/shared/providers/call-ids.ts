// Ids of the calls of one answer: made of letters that clients take, and no id twice, since of two calls with one id
// clients drop the second.
import { createHash } from 'node:crypto';
import { CLIENT_TOOL_IDS, toToolId } from './tool-names.ts';

/** `seed` differs in every request, so that ids that the upstream does not give never meet in one conversation. */
export function createCallIds(seed: string): (given: string, key: number) => string {
  const known = new Set<string>();
  return (given, key) => {
    const made = `toolu_${createHash('sha256').update(`${seed}:${key}`).digest('hex').slice(0, 24)}`;
    const id = given === '' ? made : toToolId(given, CLIENT_TOOL_IDS);
    const unique = known.has(id) ? made : id;
    known.add(unique);
    return unique;
  };
}
