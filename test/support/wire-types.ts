// What the vendors' own types say a request is, as it travels. Other servers of a protocol add fields; each is named here.
import type { MessageCreateParamsStreaming } from '@anthropic-ai/sdk/resources/messages';
import type { Content, GenerationConfig, Tool, ToolConfig } from '@google/genai';
import type {
  ChatCompletionCreateParamsStreaming,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions';
import type { ResponseCreateParamsStreaming } from 'openai/resources/responses/responses';

/** Enumerations are their words on the wire. */
type OnTheWire<T> = T extends string
  ? `${T}`
  : T extends ReadonlyArray<infer Item>
    ? Array<OnTheWire<Item>>
    : T extends object
      ? { [Key in keyof T]: OnTheWire<T[Key]> }
      : T;

export type ChatRequest = ChatCompletionCreateParamsStreaming;

/** OpenRouter carries marks on texts to those who need them. */
type Marked<T> = T extends { type: 'text' }
  ? T & { cache_control?: { type: 'ephemeral'; ttl?: string } }
  : T extends object
    ? { [Key in keyof T]: Marked<T[Key]> }
    : T;

/** Every server but OpenAI's and Azure's. */
export type OpenChatRequest = Omit<ChatRequest, 'messages'> & {
  messages: Array<
    Marked<ChatCompletionMessageParam> & {
      reasoning_content?: string;
      reasoning_details?: Array<Record<string, unknown>>;
    }
  >;
  top_k?: number;
  /** OpenRouter. */
  reasoning?: { max_tokens?: number; effort?: string; enabled?: boolean };
  plugins?: Array<{ id: string; include_domains?: string[]; exclude_domains?: string[] }>;
  search_domain_filter?: string[];
  usage?: { include: boolean };
};

export type ResponsesRequest = ResponseCreateParamsStreaming;

/** The SDK puts all of these into `config`; the service wants them where they stand here. */
export interface GeminiRequest {
  contents: Array<OnTheWire<Content>>;
  systemInstruction?: OnTheWire<Content>;
  tools?: Array<OnTheWire<Tool>>;
  toolConfig?: OnTheWire<ToolConfig>;
  generationConfig?: OnTheWire<GenerationConfig>;
}

/** Sampling is still in the version of the API that other servers speak. */
export type MessagesRequestBody = MessageCreateParamsStreaming & {
  temperature?: number;
  top_p?: number;
  top_k?: number;
};
