// One exchange → one row whose texts are JSON already. Runs in the caller's thread or in one of its own, all the same.
import { createPriceList, type PriceSettings } from '#shared/cost/price-list.ts';
import type { ExchangeEntry } from '#shared/exchange/exchange.ts';
import { readExchange } from '#shared/exchange/read-exchange.ts';
import { createRedactor, type RedactorOptions } from '#shared/redact/redact.ts';
import type { ExchangeDetail } from '#shared/store/store.ts';
import type { CaptureLevel } from '../config.ts';
import { toExchangeRow } from './to-exchange-row.ts';

/** Plain data: it crosses to the thread. */
export interface RowSettings {
  captureLevel: CaptureLevel;
  prices: Readonly<Record<string, PriceSettings>>;
  redaction: RedactorOptions;
}

/** Request and answer as JSON text, null when they are not kept. */
export type TextRow = Omit<ExchangeDetail, 'request' | 'response'> & {
  request: string | null;
  response: string | null;
};

/** What the thread is asked. */
export interface RowQuestion {
  entry: ExchangeEntry;
  body: Uint8Array;
}

export type MakeRow = (entry: ExchangeEntry, body: Buffer) => Promise<TextRow>;

export function createRowMaker({ captureLevel, prices, redaction }: RowSettings): MakeRow {
  const redactor = createRedactor(redaction);
  const pricesOf = createPriceList(prices);
  return async (entry, body) => {
    const { request, response, ...row } = toExchangeRow(
      await readExchange(entry, body),
      captureLevel,
      redactor,
      pricesOf,
    );
    return { ...row, request: toText(request), response: toText(response) };
  };
}

function toText(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}
