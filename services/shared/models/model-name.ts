// The many spellings of one model's name: vendor prefixes, hosts' suffixes, dates. Pure.

/**
 * The spellings to look a name up under, the most exact first: `anthropic/claude-opus-4.1-20250805` is also
 * `claude-opus-4-1`.
 */
export function modelSpellings(name: string): string[] {
  const bare = name
    .toLowerCase()
    .replace(/^.*\//, '')
    .replace(/\[1m\]$/, '')
    .replace(/^(?:[a-z]{2,6}\.)?anthropic\./, '')
    .replace(/:[a-z]+$/, '')
    .replace(/-v\d+:\d+$/, '');
  const dashed = bare.startsWith('claude-') ? bare.replaceAll('.', '-') : bare;
  const undated = dashed.replace(/(?:[-@]20\d{6}|-20\d{2}-\d{2}-\d{2}|-latest)$/, '');
  return [...new Set([dashed, undated])];
}

/** The first of the name's spellings that a table knows. */
export function lookUpModel<T>(name: string, table: ReadonlyMap<string, T>): T | undefined {
  for (const spelling of modelSpellings(name)) {
    const found = table.get(spelling);
    if (found !== undefined) return found;
  }
  return undefined;
}
