// What clients are known to send: the fields, blocks, headers and betas of Anthropic's SDK and of Claude Code
// (https://docs.claude.com/en/api/messages). Only for noticing what is new; nothing is refused for not being here.

type Names = ReadonlySet<string>;
const names = (list: string): Names => new Set(list.trim().split(/\s+/));

export const REQUEST_FIELDS: Names = names(`
  model messages system tools tool_choice metadata max_tokens thinking context_management safeguards output_config
  stream stop_sequences temperature top_p top_k service_tier container inference_geo speed thread cache_control
  mcp_servers fallbacks fallback_credit_token compaction diagnostics output_format billing_policy user_profile_id
  workspace_id tags`);

/** Of objects directly under the request. */
export const NESTED_FIELDS: Readonly<Record<string, Names>> = {
  metadata: names('user_id'),
  thinking: names('type budget_tokens display block_binding'),
  output_config: names('effort format task_budget'),
  context_management: names('edits'),
  tool_choice: names('type name disable_parallel_tool_use'),
  thread: names('type previous_message_id'),
};

export const MESSAGE_FIELDS: Names = names('role content output_config clear_at');

/** Of tools the client defines itself; the others are their vendor's. */
export const TOOL_FIELDS: Names = names(`
  type name description input_schema cache_control defer_loading strict eager_input_streaming input_examples
  allowed_callers`);

export const BLOCK_TYPES: Names = names(`
  text image document search_result thinking redacted_thinking tool_use tool_result tool_reference server_tool_use
  web_search_tool_result web_fetch_tool_result code_execution_tool_result bash_code_execution_tool_result
  text_editor_code_execution_tool_result tool_search_tool_result advisor_tool_result container_upload mcp_tool_use
  mcp_tool_result mcp_tool_listing compaction fallback tool_addition tool_removal browser_state`);

/** Of the blocks every conversation holds. */
export const BLOCK_FIELDS: Readonly<Record<string, Names>> = {
  text: names('type text cache_control citations'),
  image: names('type source cache_control transformations'),
  document: names('type source cache_control citations context title'),
  thinking: names('type thinking signature'),
  redacted_thinking: names('type data'),
  tool_use: names('type id name input cache_control caller toolset_name'),
  tool_result: names('type tool_use_id content is_error cache_control toolset_name'),
};

/** Those that begin as Anthropic's and Claude Code's do. */
export const HEADERS: Names = names(`
  anthropic-version anthropic-beta anthropic-dangerous-direct-browser-access
  x-claude-code-session-id x-claude-code-agent-id x-claude-code-parent-agent-id x-claude-code-agent-type
  x-claude-code-request-class x-claude-1p-request-class x-claude-code-prompt-id
  x-claude-code-prev-tool-durations x-claude-code-compaction x-claude-code-context-compacted`);

export const BETAS: Names = names(`
  claude-code-20250219 oauth-2025-04-20 token-counting-2024-11-01 prompt-caching-2024-07-31
  prompt-caching-scope-2026-01-05 extended-cache-ttl-2025-04-11 interleaved-thinking-2025-05-14
  dev-full-thinking-2025-05-14 redact-thinking-2026-02-12 adaptive-thinking-2026-01-28
  thinking-token-count-2026-05-13 thinking-display-updates-2026-08-18 thinking-binding-controls-2026-08-01
  context-management-2025-06-27 context-1m-2025-08-07 model-context-window-exceeded-2025-08-26
  cache-diagnosis-2026-04-07 compact-2026-01-12 compact-2026-09-04 per-turn-control-2026-07-01
  mid-conversation-system-2026-04-07 mid-conversation-tool-changes-2026-07-01
  mid-conversation-output-config-2026-07-01 mid-conversation-system-clear-at-2026-08-21 advanced-tool-use-2025-11-20
  dangerous-tool-use-2026-09-03 afk-mode-2026-01-31 effort-2025-11-24 structured-outputs-2025-11-13
  structured-outputs-2025-12-15 fine-grained-tool-streaming-2025-05-14 token-efficient-tools-2025-02-19
  inline-tools-2026-09-15 message-threads-2026-08-12 message-batches-2024-09-24 task-budgets-2026-03-13
  fast-mode-2026-02-01 output-128k-2025-02-19 output-300k-2026-03-24 mcp-client-2025-04-04 mcp-client-2025-11-20
  mcp-client-2026-09-15 code-execution-2025-05-22 computer-use-2024-10-22 computer-use-2025-01-24
  computer-use-2025-11-24 files-api-2025-04-14 pdfs-2024-09-25 skills-2025-10-02 advisor-tool-2026-03-01
  server-side-fallback-2026-06-01 server-side-fallback-2026-07-01 fallback-credit-2026-06-01
  fallback-credit-2026-07-01 agent-memory-2026-07-22 managed-agents-2026-04-01`);

/** How the names of known families of models begin, behind `claude-` too, where ours are listed under that. */
export const MODEL_FAMILY =
  /^(?:claude-)?(?:(?:\d(?:[-.]\d)?-)?(?:opus|sonnet|haiku|fable|instant)|gpt|chatgpt|o\d|codex|gemini|gemma|glm|minimax|kimi|moonshot|deepseek|qwen|qwq|grok|mistral|ministral|devstral|codestral|magistral|llama|command|nova|phi|sonar|nemotron)/;
