import { expect } from 'chai';
import { createBooks } from '#services/gateway/books.ts';
import { LEFT_TO_THE_COLLECTOR } from '#services/gateway/call-memory.ts';
import type { CallReading } from '#services/gateway/call-reading.ts';
import type { GatewayEvents } from '#services/gateway/events.ts';
import type { FinishedCall } from '#services/gateway/messages/finished-call.ts';

describe('the books of calls', () => {
  const READING: CallReading = { figures: null, brokenRules: [], request: () => null };
  const call = (id: string): FinishedCall =>
    ({ id, request: null, responseBytes: 0, memory: LEFT_TO_THE_COLLECTOR }) as unknown as FinishedCall;

  function open(read: (finished: FinishedCall) => CallReading | Promise<CallReading>) {
    const booked: string[] = [];
    const note = (how: string) => (finished: FinishedCall) => void booked.push(`${finished.id} ${how}`);
    const events = { callRead: note('read'), callUnread: note('unread') } as unknown as GatewayEvents;
    const books = createBooks(
      events,
      read,
      () => {},
      () => null,
    );
    return { books, booked };
  }

  it('have each call once when they are closed with one half read and others waiting', async () => {
    const half = Promise.withResolvers<CallReading>();
    const { books, booked } = open(({ id }) => (id === 'b' ? half.promise : READING));
    for (const id of ['a', 'b', 'c', 'd']) books.enter(call(id));
    await books.drain(10);
    expect(booked).to.deep.equal(['a read', 'b unread', 'c unread', 'd unread']);
    half.resolve(READING);
    await books.drain(1000);
    expect(booked).to.have.length(4);
  });

  it('go on after an answer that could not be read', async () => {
    const { books, booked } = open(({ id }) => (id === 'a' ? Promise.reject(new Error('broken')) : READING));
    for (const id of ['a', 'b']) books.enter(call(id));
    await books.drain(10_000);
    expect(booked).to.deep.equal(['a unread', 'b read']);
  });
});
