// One scene for each field that a vendor refuses in its own words; without the field it plays on, on every protocol.
import { VENDOR_REFUSALS } from '../vendor-refusals.ts';
import { quirky } from './quirky.ts';
import type { Scenario } from './scenario.ts';

export const refusals: Record<string, Scenario> = Object.fromEntries(
  VENDOR_REFUSALS.map((name) => [`refuses-${name}`, quirky({}, () => ({ refuses: name }))]),
);
