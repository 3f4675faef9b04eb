// Model name → prices: yours first, then the bundled ones. Other tables of prices can stand behind as further look-ups.
import { lookUpModel } from '#shared/models/model-name.ts';
import { KNOWN_PRICES } from './known-prices.ts';
import type { Prices } from './price.ts';

/** null = unknown. */
export type PriceLookup = (model: string) => Prices | null;

/** An entry of `[prices]`. */
export interface PriceSettings {
  readonly input: number | null;
  readonly output: number | null;
  readonly cache_read: number | null;
  readonly cache_write: number | null;
}

const BUNDLED: ReadonlyMap<string, Prices> = new Map(
  KNOWN_PRICES.flatMap(({ names, prices }) => names.map((name) => [name, prices] as const)),
);

export const findKnownPrices: PriceLookup = (model) => lookUpModel(model, BUNDLED) ?? null;

/** `settings` by the name that is sent upstream; what an entry leaves open the look-ups behind it fill in, in order. */
export function createPriceList(
  settings: Readonly<Record<string, PriceSettings>>,
  behind: readonly PriceLookup[] = [findKnownPrices],
): PriceLookup {
  const yours = new Map(Object.entries(settings).map(([name, entry]) => [name.toLowerCase(), entry]));
  return remember((model) => {
    const known = behind.reduce<Prices | null>((found, lookUp) => found ?? lookUp(model), null);
    const entry = yours.get(model.toLowerCase()) ?? lookUpModel(model, yours);
    return entry ? merge(entry, known) : known;
  });
}

/** Names come from outside: the first of them are remembered. */
const MOST_REMEMBERED = 256;
const LONGEST_REMEMBERED = 128;

function remember(lookUp: PriceLookup): PriceLookup {
  const found = new Map<string, Prices | null>();
  return (model) => {
    const before = found.get(model);
    if (before !== undefined) return before;
    const prices = lookUp(model);
    if (found.size < MOST_REMEMBERED && model.length <= LONGEST_REMEMBERED) found.set(model, prices);
    return prices;
  };
}

function merge(entry: PriceSettings, known: Prices | null): Prices | null {
  const input = entry.input ?? known?.input;
  const output = entry.output ?? known?.output;
  if (input === undefined || output === undefined) return null;
  return {
    input,
    output,
    cacheRead: entry.cache_read ?? (entry.input === null ? (known?.cacheRead ?? null) : null),
    cacheWrite: entry.cache_write ?? (entry.input === null ? (known?.cacheWrite ?? null) : null),
    cacheWriteHour: entry.cache_write === null && entry.input === null ? (known?.cacheWriteHour ?? null) : null,
    upToPromptTokens: entry.input === null && entry.output === null ? (known?.upToPromptTokens ?? null) : null,
  };
}
