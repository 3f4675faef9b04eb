// A question to the store on behalf of an HTTP caller: what goes wrong becomes an answer that says whose fault it is.
import { GatewayError } from '#shared/errors.ts';
import { CursorError } from '#shared/store/store.ts';
import { refuse } from './read-query.ts';

/** @throws GatewayError 400 for a foreign cursor, 503 when the store did not answer. */
export async function askStore<Answer>(question: () => Promise<Answer>): Promise<Answer> {
  try {
    return await question();
  } catch (error) {
    if (error instanceof CursorError) throw refuse('cursor', 'is not one this list gave out, in this order');
    throw new GatewayError('api_error', 'the store does not answer; try again shortly', {
      status: 503,
      headers: { 'retry-after': '5' },
      cause: error,
    });
  }
}
