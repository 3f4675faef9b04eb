// Anthropic's Messages API as it travels. Only what the product operates on is named; everything else rides along
// (https://docs.claude.com/en/api/messages).

export interface Usage {
  input_tokens?: number | null;
  output_tokens?: number | null;
  cache_creation_input_tokens?: number | null;
  cache_read_input_tokens?: number | null;
  [key: string]: unknown;
}

export interface TextBlock {
  type: 'text';
  text: string;
  [key: string]: unknown;
}

export interface ToolUseBlock {
  type: 'tool_use';
  id: string;
  name: string;
  input: unknown;
  [key: string]: unknown;
}

export interface ThinkingBlock {
  type: 'thinking';
  thinking: string;
  signature?: string;
  [key: string]: unknown;
}

export interface UnknownBlock {
  type: string;
  [key: string]: unknown;
}

export type ContentBlock = TextBlock | ToolUseBlock | ThinkingBlock | UnknownBlock;

export interface MessageParam {
  role: string;
  content: string | ContentBlock[];
  [key: string]: unknown;
}

/** The body of `POST /v1/messages`. */
export interface MessagesRequest {
  model: string;
  messages: MessageParam[];
  system?: string | ContentBlock[];
  tools?: Array<{ name?: string; type?: string; [key: string]: unknown }>;
  stream?: boolean;
  max_tokens?: number;
  metadata?: { user_id?: string; [key: string]: unknown };
  [key: string]: unknown;
}

/** A whole answer. */
export interface Message {
  id: string;
  type: 'message';
  role: 'assistant';
  model: string;
  content: ContentBlock[];
  stop_reason: string | null;
  stop_sequence: string | null;
  usage: Usage;
  [key: string]: unknown;
}
