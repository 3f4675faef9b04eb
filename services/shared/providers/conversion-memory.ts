// What every conversion remembers of its request; a provider with tool names or stop strings of its own adds them.
import { createHash } from 'node:crypto';
import type { ConversionInput, ConversionMemory } from './provider.ts';

export function rememberRequest(input: ConversionInput, body: Buffer): ConversionMemory {
  return {
    model: input.model,
    modelAsked: input.modelAsked,
    toolNames: new Map(),
    stopSequences: [],
    inputTokens: input.inputTokens,
    idSeed: createHash('sha256').update(body).digest('hex'),
  };
}
