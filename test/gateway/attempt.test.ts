// When an attempt was over: with its own answer, however long the gateway then took.
import { expect } from 'chai';
import { beginAttempt, endAttempt, lastAttempt } from '#services/gateway/messages/attempt.ts';
import type { Call } from '#services/gateway/messages/call.ts';

function call(): Call {
  const trace = { forwardSpanId: 'first' };
  return { acceptedAt: 100, attemptAt: null, attemptAnswer: null, earlierAttempts: null, trace } as unknown as Call;
}

const ANSWER = { status: 200, connectionWaitMs: 2, durationMs: 30 } as unknown as Call['attemptAnswer'];

describe('an attempt', () => {
  it('ends with its answer and not with the search that followed', () => {
    const asked = call();
    beginAttempt(asked, 110);
    asked.attemptAnswer = ANSWER;
    expect(lastAttempt(asked, 900)).to.include({ askedMs: 10, endMs: 40, connectionWaitMs: 2, status: 200 });
    endAttempt(asked, 900);
    expect(asked.earlierAttempts).to.deep.equal([
      { spanId: 'first', askedMs: 10, endMs: 40, status: 200, connectionWaitMs: 2 },
    ]);
    expect(asked.trace.forwardSpanId).to.not.equal('first');
  });

  it('ends where the call does while its answer is not over, or never came', () => {
    const asked = call();
    beginAttempt(asked, 110);
    expect(lastAttempt(asked, 900)).to.include({ endMs: 800, connectionWaitMs: null, status: 0 });
    endAttempt(asked, 900);
    expect(lastAttempt(asked, 950)).to.equal(null);
  });
});
