// Claude Code as a client under trial: `claude -p` with the scene's prompt, or one session for several prompts.
import { globSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from './client.ts';
import { installPackage, packageFolder } from './install-package.ts';
import { runProgram, runSession } from './run-program.ts';
import type { Trial } from './trial.ts';

const PACKAGE = '@anthropic-ai/claude-code';

export function claudeCode(version: string): Client {
  return {
    key: `claude-code@${version}`,
    name: `Claude Code ${version}`,
    plays: () => true,
    prepare: async () => {
      await installClaudeCode(version);
    },
    run: (trial, limitMs) => {
      const [command, ...first] = programIn(packageFolder(PACKAGE, version));
      const { prompts, allowedTools } = trial.scene;
      const rest = ['--allowedTools', allowedTools.join(',')];
      const [prompt = ''] = prompts;
      const isOne = prompts.length === 1;
      const lines = ['-p', '--input-format', 'stream-json', '--output-format', 'stream-json', '--verbose'];
      const args = [...first, ...(isOne ? ['-p', prompt] : lines), ...rest];
      const program = { command, args, cwd: trial.work, env: claudeEnvironment(trial), limitMs };
      return isOne ? runProgram(program) : runSession(program, prompts);
    },
  };
}

export function claudeEnvironment({ url, home }: Trial): Record<string, string> {
  return {
    HOME: home,
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_API_KEY: 'dummy',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  };
}

/** The command that starts it. @throws when npm cannot install it, or it has no program for this platform */
export async function installClaudeCode(version: string): Promise<[string, ...string[]]> {
  return programIn(await installPackage(PACKAGE, version));
}

/** Newer versions are programs of their own, older ones a script for Node. @throws when neither is there */
function programIn(folder: string): [string, ...string[]] {
  const scope = join(folder, 'node_modules/@anthropic-ai');
  const [program] = globSync(join(scope, 'claude-code-*/claude'));
  if (program !== undefined) return [program];
  const [script] = globSync(join(scope, 'claude-code/cli.js'));
  if (script !== undefined) return [process.execPath, script];
  throw new Error(`Claude Code has no program for this platform in ${folder}`);
}
