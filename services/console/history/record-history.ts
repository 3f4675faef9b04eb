// THE HISTORY PATH: take exchanges from the bus → read what happened → redact → store → settle. Nothing is settled
// before it is stored, so that a store or bus that is away costs time and no row.
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Delivery } from '#shared/bus/bus.ts';
import { errorMessage } from '#shared/errors.ts';
import { decodeEntry, type ExchangeEntry, isSchemaError } from '#shared/exchange/exchange.ts';
import type { ExchangeDetail } from '#shared/store/store.ts';
import type { ConsoleContext } from '../context.ts';
import { toMetadataRow } from './to-exchange-row.ts';

const GROUP = 'history';

/** Runs until the signal; what is in hand then stays on the bus. Never throws. */
export async function recordHistory(context: ConsoleContext, signal: AbortSignal): Promise<void> {
  const consumer = `console-${hostname()}-${process.pid}`;
  while (!signal.aborted) {
    const batch = await nextBatch(context, consumer, signal);
    for (const [index, delivery] of batch.entries()) {
      await recordUntilSettled(context, consumer, batch.slice(index), signal, delivery);
    }
    await reportBacklog(context);
  }
}

async function nextBatch(context: ConsoleContext, consumer: string, signal: AbortSignal): Promise<Delivery[]> {
  const { batchSize, waitMs, claimIdleMs, maxDeliveries } = context.config.history;
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      return await context.bus.read(GROUP, consumer, { count: batchSize, waitMs, claimIdleMs, maxDeliveries });
    } catch (error) {
      context.events.busUnreachable(error);
      await pause(context, failures, signal);
    }
  }
  return [];
}

/** What earlier tries with one delivery have shown. */
interface Progress {
  /** Tries that failed though bus and store were well: the exchange itself is to blame. */
  faults: number;
  /** The row is there and was ours, whatever happened after. */
  isNew: boolean;
}

/** An exchange that cannot be read, or a row that was not taken; the store's health tells who is to blame. */
class RecordFault extends Error {}

/** From so many faults on, only what the gateway wrote down itself is recorded. */
const FAULTS_TO_METADATA = 2;

/** `held` are this delivery and those behind it: no other reader may take them over while this one waits. */
async function recordUntilSettled(
  context: ConsoleContext,
  consumer: string,
  held: readonly Delivery[],
  signal: AbortSignal,
  delivery: Delivery,
): Promise<void> {
  const progress: Progress = { faults: 0, isNew: false };
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      await record(context, delivery, progress);
      return;
    } catch (error) {
      context.events.recordFailed(delivery.id, error);
      if (error instanceof RecordFault && (await context.store.healthy())) progress.faults++;
      await pause(context, failures, signal);
      await keepHold(context, consumer, held);
      await reportBacklog(context);
    }
  }
}

/** One try. @throws when it must be tried again. */
async function record(context: ConsoleContext, delivery: Delivery, progress: Progress): Promise<void> {
  const { bus, config, events } = context;
  if (config.captureLevel === 'off') return bus.finish(GROUP, delivery);
  try {
    const entry = decodeEntry(delivery.fields);
    // Where the entry says it all, nobody need look at the conversation.
    const body = entry.summary === null ? await bus.body(entry.id) : null;
    const row = await toRow(context, entry, progress.faults < FAULTS_TO_METADATA ? body : null);
    if (await insert(context, row)) progress.isNew = true;
    await bus.finish(GROUP, delivery);
    const result = entry.summary === null && body === null ? 'expired' : 'stored';
    events.recorded(progress.isNew ? result : 'duplicate', delivery.id);
  } catch (error) {
    const isOverdue = error instanceof RecordFault && progress.faults >= config.history.maxDeliveries;
    if (!isOverdue && !isSchemaError(error)) throw error;
    const reason = isOverdue ? 'deliveries' : 'schema';
    await bus.bury(GROUP, delivery, reason, errorMessage(error));
    events.recordDead(delivery.id, reason, error);
  }
}

async function toRow(context: ConsoleContext, entry: ExchangeEntry, body: Buffer | null): Promise<ExchangeDetail> {
  try {
    if (body === null) return toMetadataRow(entry, entry.summary, context.redactor, context.pricesOf);
    return await context.exchanges.toRow(entry, body);
  } catch (error) {
    if (isSchemaError(error)) throw error;
    throw new RecordFault('the exchange cannot be read', { cause: error });
  }
}

async function insert({ store }: ConsoleContext, row: ExchangeDetail): Promise<boolean> {
  try {
    return await store.insertExchange(row);
  } catch (error) {
    throw new RecordFault('the store did not take the row', { cause: error });
  }
}

async function keepHold(context: ConsoleContext, consumer: string, held: readonly Delivery[]): Promise<void> {
  try {
    for (const { messageId } of held) await context.bus.heartbeat(GROUP, consumer, messageId);
  } catch (error) {
    context.events.busUnreachable(error);
  }
}

async function reportBacklog(context: ConsoleContext): Promise<void> {
  try {
    const { oldestAgeMs } = await context.bus.backlog(GROUP);
    context.events.backlogAge(oldestAgeMs);
  } catch (error) {
    context.events.busUnreachable(error);
  }
}

/** Doubles with each failure in a row; over at once when the console stops. */
export async function pause(context: ConsoleContext, failures: number, signal: AbortSignal): Promise<void> {
  const { retryMs, retryMaxMs } = context.config.history;
  const waitMs = Math.min(retryMs * 2 ** Math.min(failures, 20), retryMaxMs);
  await sleep(waitMs, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
