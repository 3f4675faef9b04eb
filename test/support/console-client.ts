// Reads history and pairs over the console's API, and waits until what is expected stands there.
import type { ExchangeDetail, Page, PairRow } from '#shared/store/store.ts';
import { until } from './gateway.ts';

export interface ConsoleClient {
  exchange(id: string): Promise<ExchangeDetail | null>;
  pairs(exchangeId: string): Promise<PairRow[]>;
  /** Every row of a list, page by page. */
  all<Row>(path: '/api/pairs' | '/api/history'): Promise<Row[]>;
  /** Resolves when the exchange is in the history and has its pairs, or a reason to have none. @throws after `timeoutMs` */
  settled(id: string, timeoutMs?: number): Promise<SettledExchange>;
}

export interface SettledExchange {
  exchange: ExchangeDetail;
  pairs: PairRow[];
  /** Why it was not compared, or not to its end; null when every pair has both halves. */
  reason: string | null;
}

const PAGE = 50;

export function createConsoleClient(consoleUrl: string, headers: Record<string, string> = {}): ConsoleClient {
  const get = async <Answer>(path: string): Promise<Answer | null> => {
    const response = await fetch(consoleUrl + path, { headers });
    if (response.status === 404) return null;
    if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as Answer;
  };
  const client: ConsoleClient = {
    exchange: (id) => get<ExchangeDetail>(`/api/history/${id}`),
    pairs: async (exchangeId) => (await get<Page<PairRow>>(`/api/pairs?exchange_id=${exchangeId}`))?.data ?? [],
    all: async <Row>(path: string) => {
      const rows: Row[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page: Page<Row> | null = await get(
          `${path}?limit=${PAGE}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
        );
        rows.push(...(page?.data ?? []));
        cursor = page?.next_cursor ?? null;
      }
      return rows;
    },
    settled: async (id, timeoutMs = 10_000) => {
      let found: SettledExchange | null = null;
      await until(async () => {
        const exchange = await client.exchange(id);
        if (exchange === null) return false;
        const pairs = await client.pairs(id);
        if (pairs.length < exchange.shadow.length) return false;
        const reason = exchange.skip_reason ?? pairs.find((pair) => pair.skip_reason !== null)?.skip_reason ?? null;
        found = { exchange, pairs, reason };
        return true;
      }, timeoutMs);
      if (found === null) throw new Error(`exchange ${id} is not settled`);
      return found;
    },
  };
  return client;
}
