// The Agent SDK as a client under trial: query() of the installed package, with the program it brings.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { errorMessage } from '#shared/errors.ts';
import { claudeEnvironment } from './claude-code.ts';
import type { Client, ClientRun } from './client.ts';
import { installPackage, packageFolder } from './install-package.ts';
import type { Trial } from './trial.ts';

const PACKAGE = '@anthropic-ai/claude-agent-sdk';

interface SdkMessage {
  type: string;
  subtype?: string;
  is_error?: boolean;
  result?: string;
}

interface UserMessage {
  type: 'user';
  message: { role: 'user'; content: string };
  parent_tool_use_id: null;
}

interface Sdk {
  query(input: { prompt: AsyncIterable<UserMessage>; options: Record<string, unknown> }): AsyncIterable<SdkMessage>;
}

export function agentSdk(version: string): Client {
  return {
    key: `agent-sdk@${version}`,
    name: `Agent SDK ${version}`,
    plays: () => true,
    prepare: async () => {
      await installPackage(PACKAGE, version);
    },
    run: async (trial, limitMs) => {
      const entry = join(packageFolder(PACKAGE, version), 'node_modules', PACKAGE, 'sdk.mjs');
      const sdk = (await import(pathToFileURL(entry).href)) as Sdk;
      return runQuery(sdk, trial, limitMs);
    },
  };
}

async function runQuery(sdk: Sdk, trial: Trial, limitMs: number): Promise<ClientRun> {
  const abortController = new AbortController();
  const timer = setTimeout(() => abortController.abort(), limitMs);
  const prompts = createPrompts(trial.scene.prompts);
  let last: SdkMessage | undefined;
  try {
    const options = {
      cwd: trial.work,
      env: { PATH: process.env.PATH ?? '', ...claudeEnvironment(trial) },
      allowedTools: trial.scene.allowedTools,
      abortController,
    };
    for await (const message of sdk.query({ prompt: prompts.all(), options })) {
      if (message.type !== 'result') continue;
      last = message;
      prompts.next();
    }
  } catch (error) {
    return { code: abortController.signal.aborted ? null : 1, output: errorMessage(error) };
  } finally {
    clearTimeout(timer);
  }
  return { code: last?.is_error === false ? 0 : 1, output: last?.result ?? last?.subtype ?? 'no result' };
}

/** One prompt at a time: the next comes when it is called for. */
function createPrompts(prompts: string[]): { all(): AsyncIterable<UserMessage>; next(): void } {
  let wake: () => void = () => undefined;
  return {
    all: async function* () {
      for (const content of prompts) {
        const answered = new Promise<void>((resolve) => {
          wake = resolve;
        });
        yield { type: 'user', message: { role: 'user', content }, parent_tool_use_id: null };
        await answered;
      }
    },
    next: () => wake(),
  };
}
