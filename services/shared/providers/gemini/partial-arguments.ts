// Arguments of a call that come in pieces, each with the path of the value it belongs to
// (https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling).
import { type Fields, isFields, textOf } from '../fields.ts';

export interface PartialArguments {
  add(piece: Fields): void;
  readonly value: Fields;
}

type Container = Fields | unknown[];

/** Lists longer than this are no arguments. */
const MOST_ITEMS = 10_000;

export function createPartialArguments(): PartialArguments {
  const root: Fields = {};
  return {
    value: root,
    add: (piece) => {
      const steps = parsePath(textOf(piece.jsonPath));
      const last = steps.pop();
      if (last === undefined) return;
      let place: Container = root;
      for (const [index, step] of steps.entries()) place = enter(place, step, steps[index + 1] ?? last);
      const known = read(place, last);
      const value = pieceValue(piece);
      if (value !== undefined)
        write(place, last, typeof known === 'string' && typeof value === 'string' ? known + value : value);
    },
  };
}

/** `$.a.b[0]['c d']` → its steps. */
function parsePath(path: string): Array<string | number> {
  const steps = [...path.matchAll(/\[(\d+)\]|\[(['"])(.*?)\2\]|([^.[\]$]+)/g)];
  return steps.map(([, index, , quoted, plain]) => (index === undefined ? (quoted ?? plain ?? '') : Number(index)));
}

function pieceValue(piece: Fields): unknown {
  if (piece.stringValue !== undefined) return textOf(piece.stringValue);
  if (piece.numberValue !== undefined) return piece.numberValue;
  if (piece.boolValue !== undefined) return piece.boolValue;
  return piece.nullValue === undefined ? undefined : null;
}

function enter(place: Container, step: string | number, next: string | number): Container {
  const known = read(place, step);
  if (Array.isArray(known) || isFields(known)) return known;
  const made: Container = typeof next === 'number' ? [] : {};
  write(place, step, made);
  return made;
}

function read(place: Container, step: string | number): unknown {
  return Object.hasOwn(place, step) ? (place as Fields)[step] : undefined;
}

function write(place: Container, step: string | number, value: unknown): void {
  if (Array.isArray(place) && (typeof step !== 'number' || step >= MOST_ITEMS)) return;
  Object.defineProperty(place, step, { value, writable: true, enumerable: true, configurable: true });
}
