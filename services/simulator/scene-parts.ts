// A scene's content, which is in Anthropic's words, as the parts that other protocols have words for too.
import type { Random } from './random.ts';
import { type Fields, isFields, listOf } from './read-ask.ts';
import type { Scene, SceneBlock } from './script.ts';

export interface CallPart {
  kind: 'call';
  id: string;
  name: string;
  /** The arguments as they travel; not JSON where the scene wants it broken. */
  json: string;
  isEmpty: boolean;
}

export type ScenePart =
  | { kind: 'text'; text: string; citations: Citation[] }
  | { kind: 'thinking'; text: string; signature: string }
  | { kind: 'redacted'; data: string }
  | { kind: 'search'; query: string; sources: Citation[] }
  | CallPart;

export interface Citation {
  url: string;
  title: string;
}

/** The scene as a model would play it that was not told where to stop: it says the stop sequence and ends its turn. */
export function playOn(scene: Scene, stopSequences: string[]): Scene {
  const { stopSequence, stopReason, ...rest } = scene;
  if (stopSequence === undefined || stopSequences.includes(stopSequence)) return scene;
  const content = [...(scene.content ?? []), { type: 'text', text: stopSequence }];
  return { ...rest, content, ...(stopReason === 'stop_sequence' || stopReason === undefined ? {} : { stopReason }) };
}

/** Calls without an id get one; blocks that only Anthropic has are left out. */
export function readParts(scene: Scene, newCallId: (random: Random) => string, random: Random): ScenePart[] {
  return (scene.content ?? []).flatMap((block): ScenePart[] => {
    switch (block.type) {
      case 'text':
        return [{ kind: 'text', text: String(block.text ?? ''), citations: citationsIn(block.citations) }];
      case 'thinking':
        return [{ kind: 'thinking', text: String(block.thinking ?? ''), signature: String(block.signature ?? '') }];
      case 'redacted_thinking':
        return [{ kind: 'redacted', data: String(block.data ?? '') }];
      case 'tool_use':
        return [readCall(block, newCallId, random)];
      case 'server_tool_use':
        return [{ kind: 'search', query: queryOf(block), sources: sourcesOf(block, scene) }];
      default:
        return [];
    }
  });
}

function readCall(block: SceneBlock, newCallId: (random: Random) => string, random: Random): CallPart {
  const input = block.input ?? {};
  return {
    kind: 'call',
    id: typeof block.id === 'string' ? block.id : newCallId(random),
    name: String(block.name ?? ''),
    json: block.rawInput ?? JSON.stringify(input),
    isEmpty: block.rawInput === undefined && isFields(input) && Object.keys(input).length === 0,
  };
}

function queryOf(block: SceneBlock): string {
  return isFields(block.input) ? String(block.input.query ?? '') : '';
}

function sourcesOf(block: SceneBlock, scene: Scene): Citation[] {
  const result = scene.content?.find((candidate) => candidate.tool_use_id === block.id && block.id !== undefined);
  return citationsIn(result?.content);
}

function citationsIn(value: unknown): Citation[] {
  return listOf(value)
    .filter(isFields)
    .map((entry: Fields) => ({ url: String(entry.url ?? ''), title: String(entry.title ?? '') }));
}
