// Whose fault is a broken stream? Events of an answer → the rules of the protocol they break, by name. Pure; it reads
// what was sent and changes nothing. Unknown events, blocks and deltas break no rule: the protocol grows.

/** Every rule, in no order. */
export const LINT_RULES = [
  'data_not_json',
  'no_event_name',
  'wrong_event_name',
  'no_message_start',
  'second_message_start',
  'message_start_incomplete',
  'usage_missing',
  'blocks_overlap',
  'index_gap',
  'block_not_open',
  'block_not_stopped',
  'delta_of_wrong_kind',
  'tool_without_id',
  'tool_id_twice',
  'tool_input_in_start',
  'tool_input_not_json',
  'no_stop_reason',
  'no_message_stop',
  'event_after_stop',
] as const;

export type LintRule = (typeof LINT_RULES)[number];

export interface StreamLinter {
  /** `name` is the stream's own name of the event; `event` its data, null when that is no JSON object with a type. */
  push(name: string | undefined, event: LintedEvent | null): void;
  /** The broken rules, each once. `isCut`: the client left, so that a missing end is nobody's fault. */
  end(isCut: boolean): LintRule[];
}

export interface LintedEvent {
  type: string;
  [key: string]: unknown;
}

export function createStreamLinter(): StreamLinter {
  return new Linter();
}

/** A whole stream at once. */
export function lintStream(
  events: ReadonlyArray<{ name: string | undefined; event: LintedEvent | null }>,
  isCut = false,
): LintRule[] {
  const linter = createStreamLinter();
  for (const { name, event } of events) linter.push(name, event);
  return linter.end(isCut);
}

type Fields = Record<string, unknown>;

interface Block {
  type: unknown;
  isOpen: boolean;
  hasInputInStart: boolean;
  json: string[];
}

/** The kinds of delta a block may have; a block that is not here may have any. */
const DELTAS: Readonly<Record<string, readonly string[]>> = {
  text: ['text_delta', 'citations_delta'],
  thinking: ['thinking_delta', 'signature_delta'],
  redacted_thinking: [],
  tool_use: ['input_json_delta'],
  server_tool_use: ['input_json_delta'],
  mcp_tool_use: ['input_json_delta'],
};
const KNOWN_DELTAS: ReadonlySet<unknown> = new Set(Object.values(DELTAS).flat());

/** An answer that was cut may end inside a tool's input. */
const CUT: ReadonlySet<unknown> = new Set(['max_tokens', 'model_context_window_exceeded', 'refusal', 'pause_turn']);

class Linter implements StreamLinter {
  readonly #broken = new Set<LintRule>();
  readonly #blocks = new Map<unknown, Block>();
  readonly #toolIds = new Set<unknown>();
  #hasStarted = false;
  #hasStopped = false;
  #hasFailed = false;
  #hasBrokenInput = false;
  #stopReason: unknown = null;

  push(name: string | undefined, event: LintedEvent | null): void {
    if (event === null) {
      this.#broken.add('data_not_json');
      return;
    }
    if (name === undefined) this.#broken.add('no_event_name');
    else if (name !== event.type) this.#broken.add('wrong_event_name');
    if (this.#hasStopped) this.#broken.add('event_after_stop');
    this.#check(event);
  }

  end(isCut: boolean): LintRule[] {
    if (this.#hasBrokenInput && !CUT.has(this.#stopReason)) this.#broken.add('tool_input_not_json');
    if (!isCut && !this.#hasFailed && !this.#hasStopped) this.#broken.add('no_message_stop');
    return [...this.#broken];
  }

  #check(event: LintedEvent): void {
    switch (event.type) {
      case 'message_start':
        this.#start(fieldsOf(event.message));
        break;
      case 'content_block_start':
        this.#startBlock(event);
        break;
      case 'content_block_delta':
        this.#delta(event);
        break;
      case 'content_block_stop':
        this.#stopBlock(event);
        break;
      case 'message_delta':
        this.#change(event);
        break;
      case 'message_stop':
        this.#finish();
        break;
      case 'error':
        this.#hasFailed = true;
        break;
    }
  }

  #start(message: Fields): void {
    if (this.#hasStarted) this.#broken.add('second_message_start');
    this.#hasStarted = true;
    const isWhole = message.type === 'message' && message.role === 'assistant' && typeof message.id === 'string';
    if (!isWhole) this.#broken.add('message_start_incomplete');
    if (typeof fieldsOf(message.usage).input_tokens !== 'number') this.#broken.add('usage_missing');
  }

  #startBlock({ index, content_block }: LintedEvent): void {
    this.#expectStart();
    const block = fieldsOf(content_block);
    if ([...this.#blocks.values()].some(({ isOpen }) => isOpen)) this.#broken.add('blocks_overlap');
    if (index !== this.#blocks.size) this.#broken.add('index_gap');
    const isTool = block.type === 'tool_use' || block.type === 'server_tool_use' || block.type === 'mcp_tool_use';
    if (isTool) this.#checkId(block.id);
    const hasInputInStart = isTool && Object.keys(fieldsOf(block.input)).length > 0;
    this.#blocks.set(index, { type: block.type, isOpen: true, hasInputInStart, json: [] });
  }

  #checkId(id: unknown): void {
    if (typeof id !== 'string' || id === '') this.#broken.add('tool_without_id');
    else if (this.#toolIds.has(id)) this.#broken.add('tool_id_twice');
    this.#toolIds.add(id);
  }

  #delta(event: LintedEvent): void {
    const block = this.#openBlock(event);
    const delta = fieldsOf(event.delta);
    if (!block) return;
    const allowed = typeof block.type === 'string' ? DELTAS[block.type] : undefined;
    if (allowed && KNOWN_DELTAS.has(delta.type) && !allowed.includes(String(delta.type))) {
      this.#broken.add('delta_of_wrong_kind');
    }
    if (typeof delta.partial_json === 'string') block.json.push(delta.partial_json);
  }

  #stopBlock(event: LintedEvent): void {
    const block = this.#openBlock(event);
    if (!block) return;
    block.isOpen = false;
    const json = block.json.join('');
    if (json !== '' && !isObject(json)) this.#hasBrokenInput = true;
    if (json === '' && block.hasInputInStart) this.#broken.add('tool_input_in_start');
    block.json = [];
  }

  #openBlock({ index }: LintedEvent): Block | undefined {
    this.#expectStart();
    const block = this.#blocks.get(index);
    if (!block?.isOpen) this.#broken.add('block_not_open');
    return block?.isOpen ? block : undefined;
  }

  #change(event: LintedEvent): void {
    this.#expectStart();
    this.#expectAllStopped();
    const { stop_reason } = fieldsOf(event.delta);
    if (typeof stop_reason === 'string') this.#stopReason = stop_reason;
    if (typeof fieldsOf(event.usage).output_tokens !== 'number') this.#broken.add('usage_missing');
  }

  #finish(): void {
    this.#expectStart();
    this.#expectAllStopped();
    if (this.#stopReason === null) this.#broken.add('no_stop_reason');
    this.#hasStopped = true;
  }

  #expectStart(): void {
    if (!this.#hasStarted) this.#broken.add('no_message_start');
  }

  #expectAllStopped(): void {
    if ([...this.#blocks.values()].some(({ isOpen }) => isOpen)) this.#broken.add('block_not_stopped');
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function isObject(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false; // that is what was asked
  }
}
