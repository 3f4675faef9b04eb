// What reading a response needs to know of its request.
import type { Fields } from '../fields.ts';
import type { ConversionMemory } from '../provider.ts';

export interface ResponsesMemory extends ConversionMemory {
  /** Tools, by the client's name, that refuse optional arguments which hold nothing; the models like to send those. */
  pickyTools: ReadonlyMap<string, Fields>;
  /** The client wants fewer tokens than can be asked for; null = what was asked for is what it wants. */
  mostTokens: number | null;
}

export function mostTokensOf(memory: ConversionMemory): number | null {
  return (memory as Partial<ResponsesMemory>).mostTokens ?? null;
}

export function pickyToolsOf(memory: ConversionMemory): ReadonlyMap<string, Fields> {
  return (memory as Partial<ResponsesMemory>).pickyTools ?? new Map();
}
