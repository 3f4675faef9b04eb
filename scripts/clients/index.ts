// Every client that is tried, and in which version.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentSdk } from './agent-sdk.ts';
import { claudeCode } from './claude-code.ts';
import type { Client } from './client.ts';
import { messagesSdk } from './messages-sdk.ts';

export const CLAUDE_CODE_VERSION = '2.1.329';
const OLDER_CLAUDE_CODE_VERSION = '1.0.120';
const AGENT_SDK_VERSION = '0.3.330';

export function allClients(): Client[] {
  return [
    claudeCode(CLAUDE_CODE_VERSION),
    claudeCode(OLDER_CLAUDE_CODE_VERSION),
    agentSdk(AGENT_SDK_VERSION),
    messagesSdk(installedVersion('@anthropic-ai/sdk')),
  ];
}

function installedVersion(name: string): string {
  const file = join(import.meta.dirname, '../../node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
