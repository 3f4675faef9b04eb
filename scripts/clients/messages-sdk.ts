// The Messages SDK as a client under trial: a small agent of its own makes, with its streaming helper, the turns that the
// scene needs. It has no subagents and compacts nothing.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import Anthropic from '@anthropic-ai/sdk';
import { errorMessage } from '#shared/errors.ts';
import type { Client } from './client.ts';
import type { Trial } from './trial.ts';

const MOST_TURNS = 6;

export function messagesSdk(version: string): Client {
  return {
    key: `sdk@${version}`,
    name: `Messages SDK ${version}`,
    plays: (scene) => scene !== 'subagent' && scene !== 'compact',
    prepare: () => Promise.resolve(),
    run: async (trial, limitMs) => {
      const client = new Anthropic({ baseURL: trial.url, apiKey: 'dummy', logLevel: 'off' });
      const signal = AbortSignal.timeout(limitMs);
      try {
        return { code: 0, output: await converse(client, trial, signal) };
      } catch (error) {
        return { code: signal.aborted ? null : 1, output: errorMessage(error) };
      }
    },
  };
}

/** @returns the last answer, found pages included */
async function converse(client: Anthropic, trial: Trial, signal: AbortSignal): Promise<string> {
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: trial.scene.prompts[0] ?? '' }];
  for (let turn = 0; turn < MOST_TURNS; turn++) {
    const stream = client.messages.stream(
      {
        model: 'claude-opus-5-5',
        max_tokens: 8000,
        thinking: { type: 'adaptive' },
        tools: trial.scene.name === 'web-search' ? [WEB_SEARCH] : TOOLS,
        messages,
      },
      { signal },
    );
    const answer = await stream.finalMessage();
    if (answer.stop_reason !== 'tool_use') return sayAll(answer);
    const results = answer.content.flatMap((block): Anthropic.ToolResultBlockParam[] =>
      block.type === 'tool_use' ? [{ type: 'tool_result', tool_use_id: block.id, content: perform(block, trial) }] : [],
    );
    messages.push({ role: 'assistant', content: answer.content as Anthropic.ContentBlockParam[] });
    messages.push({ role: 'user', content: results });
  }
  throw new Error(`no end after ${MOST_TURNS} turns`);
}

function sayAll({ content }: Anthropic.Message): string {
  return content.map((block) => (block.type === 'text' ? block.text : JSON.stringify(block))).join('\n');
}

function perform({ name, input }: Anthropic.ToolUseBlock, { work }: Trial): string {
  const { command, file_path: path } = input as { command?: string; file_path?: string };
  if (name === 'Read') return readFileSync(path ?? '', 'utf8');
  return execFileSync('/bin/sh', ['-c', command ?? ''], { cwd: work, encoding: 'utf8' });
}

const WEB_SEARCH: Anthropic.ToolUnion = { type: 'web_search_20250305', name: 'web_search', max_uses: 8 };

const TOOLS: Anthropic.Tool[] = [
  {
    name: 'Bash',
    description: 'Runs a command.',
    input_schema: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] },
  },
  {
    name: 'Read',
    description: 'Reads a file.',
    input_schema: { type: 'object', properties: { file_path: { type: 'string' } }, required: ['file_path'] },
  },
];
