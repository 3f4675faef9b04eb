// What happens in the console, one function an event: its log line and its metric are written together.
import type { DeadReason } from '#shared/bus/bus.ts';
import { errorMessage } from '#shared/errors.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';

export interface ConsoleEvents {
  listening(url: string): void;
  stopped(): void;
  /** The database is not there or refuses the schema; it is tried again. */
  schemaDelayed(error: unknown): void;
  schemaReady(): void;
  /** `expired` = its body was gone: the row has numbers of the gateway alone. */
  recorded(result: 'stored' | 'duplicate' | 'expired', requestId: string): void;
  /** A try that went wrong. The exchange is still on the bus and is tried again. */
  recordFailed(requestId: string, error: unknown): void;
  /** Given up: it is among the dead letters. */
  recordDead(requestId: string, reason: DeadReason, error: unknown): void;
  /** Left on a bus that ends with this process. */
  recordsAbandoned(exchanges: number): void;
  busUnreachable(error: unknown): void;
  backlogAge(ageMs: number): void;
  requestFailed(requestId: string, path: string, error: unknown): void;
}

export function createEvents(
  logger: Logger,
  metrics: Pick<Metrics, 'historyRecordsTotal' | 'historyOldestPendingAgeSeconds'>,
): ConsoleEvents {
  return {
    listening: (url) => logger.info('console.listening', { url }),
    stopped: () => logger.info('console.stopped'),
    schemaDelayed: (error) => logger.warn('store.schema_delayed', { error: causes(error) }),
    schemaReady: () => logger.info('store.schema_ready'),
    recorded(result, requestId) {
      metrics.historyRecordsTotal.inc({ result });
      if (result === 'expired') logger.warn('history.body_expired', { request_id: requestId });
      else logger.debug('history.recorded', { request_id: requestId, result });
    },
    recordFailed(requestId, error) {
      metrics.historyRecordsTotal.inc({ result: 'failed' });
      logger.warn('history.record_failed', { request_id: requestId, error: causes(error) });
    },
    recordDead(requestId, reason, error) {
      metrics.historyRecordsTotal.inc({ result: 'dead' });
      logger.error('history.record_dead', { request_id: requestId, reason, error: causes(error) });
    },
    recordsAbandoned(exchanges) {
      metrics.historyRecordsTotal.inc({ result: 'failed' }, exchanges);
      logger.warn('history.abandoned', { exchanges });
    },
    busUnreachable: (error) => logger.warn('history.bus_unreachable', { error: causes(error) }),
    backlogAge: (ageMs) => metrics.historyOldestPendingAgeSeconds.set(ageMs / 1000),
    requestFailed: (requestId, path, error) =>
      logger.error('console.request_failed', { request_id: requestId, path, error: causes(error) }),
  };
}

/** The message with those of its causes: a store's error names the query, its cause the reason. */
function causes(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? errorMessage(error) : `${errorMessage(error)}: ${causes(cause)}`;
}
