// Every search API there is: an explicit list.
import type { SearchEngine } from '../search-engine.ts';
import { brave } from './brave.ts';
import { openrouter } from './openrouter.ts';
import { perplexity } from './perplexity.ts';
import { searxng } from './searxng.ts';
import { tavily } from './tavily.ts';

export const ENGINES: readonly SearchEngine[] = [brave, openrouter, perplexity, searxng, tavily];
