// The searches of one message: rounds of the model, and between them what its calls found. To the client all of it is one
// message, whose usage is that of all rounds.
import type { MessageWriter } from '#shared/messages/message-writer.ts';
import { addUsage } from '#shared/messages/usage.ts';
import { fieldsOf, textOf } from '#shared/providers/fields.ts';
import { type FoundPage, failedBlock, foundBlock, searchCall } from '#shared/providers/search-blocks.ts';
import type { ContentBlock, ToolUseBlock, Usage } from '#shared/wire/anthropic.ts';
import type { SearchedTurn, SearchPlan } from './plan-search.ts';
import type { SearchErrorCode, SearchOutcome } from './search-backend.ts';
import { type RoundEnd, SearchRound } from './search-round.ts';

/** Rounds beyond those that may search: for a model that calls what it is no longer offered. */
const SPARE_ROUNDS = 2;

export class SearchLoop {
  readonly #plan: SearchPlan;
  readonly #writer: MessageWriter;
  readonly #signal: AbortSignal;
  #rounds = 0;
  /** Searches that were begun, and those that found something or nothing, but did not fail. */
  #begun = 0;
  #made = 0;
  #used: Usage = {};

  constructor(plan: SearchPlan, writer: MessageWriter, signal: AbortSignal) {
    this.#plan = plan;
    this.#writer = writer;
    this.#signal = signal;
  }

  /** The whole answer where nobody searches and nothing else is wanted. */
  refuse(query: string): void {
    const writer = this.#writer;
    writer.usage({ input_tokens: 0 });
    writer.block(searchCall('refused', { query }));
    writer.block(failedBlock('refused', 'unavailable'));
    writer.text(`${this.#remedy()}\n`);
    writer.finish('end_turn');
  }

  /** What the next answer is read into. */
  open(inputTokens: number): SearchRound {
    return new SearchRound({
      client: this.#writer,
      searchName: this.#plan.tool.name,
      number: this.#rounds++,
      usedBefore: this.#used,
      inputTokens,
    });
  }

  /** A round has ended: with it the message, unless it searches. Returns what is to be searched then. */
  settle(round: SearchRound): RoundEnd | null {
    const end = round.result();
    this.#used = addUsage(this.#used, end.usage);
    if (end.searches.length > 0) return end;
    this.#finish(end);
    return null;
  }

  /**
   * Searches, telling the client of each search as it begins and ends. Null when the message has ended with it, because
   * the rest is the client's.
   * @param step runs one step of writing
   */
  async search(end: RoundEnd, step: (write: () => void) => void): Promise<SearchedTurn | null> {
    const searches = end.searches.map((call, index) => ({
      call,
      id: this.#idOf(call, index),
      outcome: this.#run(call),
    }));
    const results: ContentBlock[] = [];
    for (const { call, id, outcome } of searches) {
      step(() => this.#writer.block(searchCall(id, fieldsOf(call.input))));
      const found = await outcome;
      if (this.#signal.aborted) return null;
      step(() =>
        this.#writer.block(found.kind === 'found' ? foundBlock(id, found.pages) : failedBlock(id, found.code)),
      );
      results.push(toResult(call, found));
    }
    const { maxTokens } = this.#plan;
    const left = maxTokens === null ? null : maxTokens - (this.#used.output_tokens ?? 0);
    if (end.hasClientCalls || this.#rounds > this.#plan.maxUses + SPARE_ROUNDS) {
      step(() => this.#finish(end));
      return null;
    }
    if (left !== null && left < 1) {
      step(() => this.#finish({ ...end, stopReason: 'max_tokens', stopSequence: null }));
      return null;
    }
    const isOver = this.#plan.backend === null || this.#begun >= this.#plan.maxUses;
    return { content: end.content, results, maxTokens: left, isOver };
  }

  #finish({ stopReason, stopSequence, fields }: Pick<RoundEnd, 'stopReason' | 'stopSequence' | 'fields'>): void {
    const searched = this.#made === 0 ? {} : { server_tool_use: { web_search_requests: this.#made } };
    this.#writer.usage(addUsage(this.#used, searched));
    this.#writer.finish(stopReason, stopSequence, fields);
  }

  /** Some servers number the calls of each answer anew. */
  #idOf(call: ToolUseBlock, index: number): string {
    return `${call.id}_${this.#rounds}_${index}`;
  }

  async #run(call: ToolUseBlock): Promise<SearchOutcome> {
    const { tool, backend, maxUses } = this.#plan;
    const query = textOf(fieldsOf(call.input).query).trim();
    if (backend === null) return failed('unavailable', this.#remedy());
    if (query === '') return failed('invalid_tool_input', 'The search needs a query.');
    if (this.#begun >= maxUses)
      return failed('max_uses_exceeded', 'No more searches can be made for this answer. Answer with what is known.');
    this.#begun++;
    const { allowedDomains, blockedDomains, location } = tool;
    const country = textOf(location?.country).trim().toUpperCase();
    const outcome = await backend.search(
      { query, allowedDomains, blockedDomains, country: /^[A-Z]{2}$/.test(country) ? country : null },
      this.#signal,
    );
    if (outcome.kind === 'found') this.#made++;
    return outcome;
  }

  #remedy(): string {
    return `Web search is not available: ${this.#plan.remedy}.`;
  }
}

function failed(code: SearchErrorCode, message: string): SearchOutcome {
  return { kind: 'failed', code, message };
}

function toResult({ id }: ToolUseBlock, outcome: SearchOutcome): ContentBlock {
  if (outcome.kind === 'failed')
    return { type: 'tool_result', tool_use_id: id, content: outcome.message, is_error: true };
  const pages = outcome.pages.map(describe).join('\n\n');
  return { type: 'tool_result', tool_use_id: id, content: pages === '' ? 'No pages were found.' : pages };
}

function describe({ url, title, text = '', age }: FoundPage, index: number): string {
  return [`[${index + 1}] ${title || url}`, url, age ? `(${age})` : '', text].filter((line) => line !== '').join('\n');
}
