// One request of an agent that has everything in it at once: what Claude Code sends in the middle of a long session.

export function agentRequest(): Record<string, unknown> {
  const cached = { cache_control: { type: 'ephemeral' } };
  return {
    model: 'claude-opus-5-5',
    max_tokens: 32_000,
    system: [
      { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.329.abc; cc_entrypoint=cli;' },
      { type: 'text', text: 'You are an agent.', ...cached },
      { type: 'text', text: 'Be brief.', ...cached },
    ],
    tools: [
      {
        name: 'Read',
        description: 'Reads a file.',
        input_schema: {
          $schema: 'http://json-schema.org/draft-07/schema#',
          type: 'object',
          properties: { file_path: { type: 'string' }, pattern: { type: 'string' } },
          required: ['file_path'],
          additionalProperties: false,
        },
        ...cached,
      },
      { name: 'Bash', input_schema: { type: 'object', properties: { command: { type: 'string' } } } },
      { name: 'Later', input_schema: { type: 'object' }, defer_loading: true },
    ],
    thinking: { type: 'adaptive' },
    output_config: { effort: 'medium' },
    context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
    metadata: { user_id: JSON.stringify({ device_id: 'd'.repeat(64), account_uuid: '', session_id: 'session-1' }) },
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'Look at both files.' }] },
      { role: 'user', content: [{ type: 'text', text: 'And be quick.', ...cached }] },
      { role: 'system', content: 'Working in /repo.' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Both at once.', signature: 'EpwDForeignSignature' },
          { type: 'text', text: 'Reading.' },
          { type: 'tool_use', id: 'toolu_1', name: 'Read', input: { file_path: '/a' } },
          { type: 'tool_use', id: 'toolu_2', name: 'Bash', input: { command: 'cat /b' } },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_2', content: 'no such file', is_error: true },
          { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'line 1' }], ...cached },
          { type: 'text', text: 'Go on.' },
        ],
      },
    ],
    stream: true,
  };
}

/** Keys that no protocol but Anthropic's knows. */
export const ANTHROPIC_ONLY = [
  ...[
    'cache_control',
    'context_management',
    'output_config',
    'input_schema',
    'defer_loading',
    'tool_use_id',
    'is_error',
  ],
  ...['x-anthropic-billing-header', 'device_id', 'EpwDForeignSignature', 'budget_tokens', 'stop_sequences'],
];
