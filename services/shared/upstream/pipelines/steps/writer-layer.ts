// A writer over another: says on what it is told, until a step says otherwise.
import type { GatewayError } from '#shared/errors.ts';
import type { MessageWriter, StopReason } from '#shared/messages/message-writer.ts';
import type { ContentBlock, Usage } from '#shared/wire/anthropic.ts';

export class WriterLayer implements MessageWriter {
  protected readonly inner: MessageWriter;

  constructor(inner: MessageWriter) {
    this.inner = inner;
  }

  get hasBegun(): boolean {
    return this.inner.hasBegun;
  }

  get hasEnded(): boolean {
    return this.inner.hasEnded;
  }

  begin(): void {
    this.inner.begin();
  }

  text(delta: string): void {
    this.inner.text(delta);
  }

  thinking(delta: string): void {
    this.inner.thinking(delta);
  }

  citation(value: unknown): void {
    this.inner.citation(value);
  }

  signature(value: string): void {
    this.inner.signature(value);
  }

  toolStart(key: string | number, id: string, name: string): void {
    this.inner.toolStart(key, id, name);
  }

  toolArguments(key: string | number, json: string): void {
    this.inner.toolArguments(key, json);
  }

  toolEnd(key: string | number): void {
    this.inner.toolEnd(key);
  }

  block(content: ContentBlock): void {
    this.inner.block(content);
  }

  usage(update: Usage): void {
    this.inner.usage(update);
  }

  finish(stopReason: StopReason, stopSequence?: string | null, fields?: Record<string, unknown>): void {
    this.inner.finish(stopReason, stopSequence, fields);
  }

  fail(error: GatewayError): void {
    this.inner.fail(error);
  }

  ping(): void {
    this.inner.ping();
  }
}
