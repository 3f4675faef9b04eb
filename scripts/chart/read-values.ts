// values.yaml as a list: each value with its default and the comment above it.
import { isMap, isScalar, parseDocument, type YAMLMap } from 'yaml';

export interface ValueLine {
  /** Dotted path. */
  path: string;
  /** The default as one line of YAML's flow style; undefined for a group. */
  fallback: string | undefined;
  comment: string | undefined;
}

export function readValues(source: string): ValueLine[] {
  const document = parseDocument(source);
  if (!isMap(document.contents)) throw new Error('values.yaml must be a map');
  const lines = walk(document.contents, '');
  const [first] = lines;
  // A comment at the top of the file belongs to the document.
  if (first && first.comment === undefined)
    first.comment = tidy(document.commentBefore ?? document.contents.commentBefore);
  return lines;
}

function walk(map: YAMLMap, prefix: string): ValueLine[] {
  return map.items.flatMap(({ key, value }, index) => {
    if (!isScalar(key)) throw new Error(`values.yaml: a key of ${prefix || 'the top'} is no text`);
    const path = prefix === '' ? String(key.value) : `${prefix}.${key.value}`;
    const comment = tidy(key.commentBefore ?? (index === 0 && prefix !== '' ? map.commentBefore : undefined));
    const isGroup = isMap(value) && value.flow !== true && value.items.length > 0;
    return [{ path, fallback: isGroup ? undefined : oneLine(value), comment }, ...(isGroup ? walk(value, path) : [])];
  });
}

function oneLine(value: unknown): string {
  const plain =
    value && typeof value === 'object' && 'toJSON' in value ? (value as { toJSON(): unknown }).toJSON() : value;
  return plain === null ? 'null' : JSON.stringify(plain);
}

/** The paragraph next to the value: what stands apart speaks of more than it. */
function tidy(comment: string | null | undefined): string | undefined {
  const paragraph = comment?.split(/\n\s*\n/).at(-1);
  return paragraph?.replace(/\s+/g, ' ').trim();
}
