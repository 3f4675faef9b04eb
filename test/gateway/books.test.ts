import { expect } from 'chai';
import { createBooks } from '#services/gateway/books.ts';
import { LEFT_TO_THE_COLLECTOR } from '#services/gateway/call-memory.ts';
import type { CallReading } from '#services/gateway/call-reading.ts';
import type { GatewayEvents } from '#services/gateway/events.ts';
import type { Handover } from '#services/gateway/handover.ts';
import type { FinishedCall } from '#services/gateway/messages/finished-call.ts';
import { createSimulator } from '#services/simulator/service.ts';
import { noTracing, type SpanRecord } from '#shared/telemetry/tracing.ts';
import { startTestGateway } from '../support/gateway.ts';
import { type HeldTimers, holdTimers } from '../support/held-timers.ts';
import { messagesRequest, send } from '../support/raw-client.ts';

describe('the books of calls', () => {
  const READING: CallReading = { figures: null, brokenRules: [], request: () => null };
  const call = (id: string, responseBytes = 0): FinishedCall =>
    ({ id, request: null, responseBytes, memory: LEFT_TO_THE_COLLECTOR }) as unknown as FinishedCall;
  const MIB = 1024 * 1024;

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

  it('let go of what a call holds once, whatever becomes of its spans', async () => {
    const late = Promise.withResolvers<Handover>();
    const handovers: Record<string, Handover | Promise<Handover> | null> = {
      ...{ nobody: null, known: { kind: 'none' }, broken: { kind: 'none' }, late: late.promise },
    };
    const traced: string[] = [];
    const troubles: string[] = [];
    const events = {
      callRead: () => {},
      trouble: (what: string) => void troubles.push(what),
      callTraced: ({ id }: FinishedCall) => {
        if (id === 'broken') throw new Error(id);
        traced.push(id);
      },
    } as unknown as GatewayEvents;
    const held: Record<string, number> = {};
    const books = createBooks(
      events,
      () => READING,
      () => {},
      ({ id }) => handovers[id] ?? null,
    );
    for (const id of Object.keys(handovers)) {
      held[id] = 0;
      const add = (by: number) => () => {
        held[id] = (held[id] ?? 0) + by;
      };
      books.enter({ ...call(id), memory: { hold: add(1), letGo: add(-1) } } as FinishedCall);
    }
    await books.drain(10_000);
    expect(held).to.deep.equal({ nobody: 0, known: 0, broken: 0, late: 1 });
    late.resolve({ kind: 'published', pairs: 0 });
    await nextTurn();
    expect(held).to.include({ late: 0 });
    expect([traced, troubles]).to.deep.equal([['known', 'late'], ['spans']]);
  });

  it('have the last calls of a gateway that is told to stop: metrics, lines and spans', async () => {
    const simulator = await createSimulator({ listenAddress: '127.0.0.1:0', defaultScene: 'text', delayScale: 0 });
    const spans: SpanRecord[] = [];
    const gateway = await startTestGateway({
      settings: { 'target.url': simulator.url },
      parts: { tracing: { ...noTracing, enabled: true, emit: (emitted) => void spans.push(...emitted) } },
    });
    await Promise.all(Array.from({ length: 20 }, () => send(gateway.url, messagesRequest())));
    await gateway.stop();
    await simulator.stop();
    expect(await gateway.metric('ccproxy_gateway_requests_total', { outcome: 'ok' })).to.equal(20);
    expect(gateway.lines.filter(({ event }) => event === 'request.finished')).to.have.length(20);
    expect(spans.filter(({ name }) => name === 'proxy_request')).to.have.length(20);
  });

  const nextTurn = (): Promise<void> => new Promise(setImmediate);

  describe('in turns of the event loop', () => {
    let timers: HeldTimers;
    beforeEach(() => {
      timers = holdTimers(1);
    });
    afterEach(() => timers.release());

    it('read together what came in several', async () => {
      const { books, booked } = open(() => READING);
      for (const id of ['a', 'b', 'c']) {
        books.enter(call(id));
        await nextTurn();
      }
      expect(booked).to.deep.equal([]);
      timers.pass(50);
      await nextTurn();
      expect(booked).to.deep.equal(['a read', 'b read', 'c read']);
      books.enter(call('d'));
      timers.pass(50);
      await nextTurn();
      expect(booked).to.have.length(4);
    });

    it('begin none where they have read much, or many', async () => {
      const { books, booked } = open(() => READING);
      const large = [call('a', MIB / 2), call('b', MIB / 2), call('c')];
      const small = Array.from({ length: 20 }, (_, index) => call(String(index)));
      for (const each of [...large, ...small]) books.enter(each);
      timers.pass(50);
      await nextTurn();
      expect(booked).to.have.length(2);
      await nextTurn();
      expect(booked).to.have.length(18);
      await nextTurn();
      expect(booked).to.have.length(23);
    });

    it('wait for nothing when many bytes are waiting, or at the end', async () => {
      const { books, booked } = open(() => READING);
      books.enter(call('a', 4 * MIB));
      await nextTurn();
      expect(booked).to.deep.equal(['a read']);
      books.enter(call('b'));
      await books.drain(10_000);
      expect(booked).to.deep.equal(['a read', 'b read']);
    });
  });
});
