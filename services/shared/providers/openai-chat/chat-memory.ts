// What reading an answer of Chat Completions needs to know of its request.
import { type Fields, isFields } from '../fields.ts';
import type { ConversionMemory } from '../provider.ts';
import { type ChatTraits, PLAIN_SERVER } from './traits.ts';

export interface ChatMemory extends ConversionMemory {
  traits: ChatTraits;
  /** Tools, by the client's name, whose empty arguments are taken out. */
  pickyTools: ReadonlyMap<string, Fields>;
  /** A search the server runs itself was asked for. */
  wantsSearch: boolean;
}

export function toChatMemory(memory: ConversionMemory): ChatMemory {
  if (isChatMemory(memory)) return memory;
  const nothing = { pickyTools: new Map<string, Fields>(), wantsSearch: false };
  return { ...memory, ...nothing, traits: PLAIN_SERVER };
}

function isChatMemory(memory: ConversionMemory): memory is ChatMemory {
  return 'traits' in memory && isFields(memory.traits);
}
