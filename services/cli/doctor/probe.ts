// Is a server there? Whatever it answers, it is.
const WAIT_MS = 5000;

/** null = it answered; else why not. */
export async function probe(url: string): Promise<string | null> {
  try {
    const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(WAIT_MS) });
    await answer.body?.cancel();
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

/** `fetch failed` says nothing; what lies under it does. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message;
  return error instanceof Error ? error.name : String(error);
}
