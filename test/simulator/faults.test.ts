import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { type Scene, text } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { callOnWire, eventsOf, type WireAnswer, type WireCall } from './raw-client.ts';

const BODY = { model: 'm', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };
const STREAM = JSON.stringify({ ...BODY, stream: true });
const CONTENT = [text('one two three four five six seven eight nine ten')];
/** message_start, block start, ping, 3 deltas, block stop, message_delta, message_stop. */
const ALL_EVENTS = 9;

describe('simulator faults on the wire', () => {
  let simulator: Simulator;
  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 5 });
  });
  after(() => simulator.stop());
  beforeEach(() => simulator.reset());

  const call = (scene: Scene, body = STREAM): WireCall => {
    simulator.use({ content: CONTENT, ...scene });
    return callOnWire(simulator.url, { body });
  };
  const play = (scene: Scene, body = STREAM): Promise<WireAnswer> => call(scene, body).answer();
  const namesOf = (answer: WireAnswer): string[] => eventsOf(answer.body).map(([event]) => event);

  it('without one there are nine whole events and an orderly end', async () => {
    const answer = await play({});
    expect(answer).to.include({ status: 200, isComplete: true, complaint: null });
    expect(answer.head).to.match(/\r\ncontent-type: text\/event-stream; charset=utf-8/i);
    expect(answer.head).to.match(/\r\nrequest-id: req_\w+/);
    expect(namesOf(answer)).to.deep.equal([
      'message_start',
      'content_block_start',
      'ping',
      ...Array(ALL_EVENTS - 6).fill('content_block_delta'),
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
  });

  it('cut before the headers: not one byte', async () => {
    const answer = await play({ fault: { kind: 'cut-before-headers' } });
    expect(answer).to.include({ head: '', end: 'closed' });
    expect(answer.body).to.have.length(0);
  });

  it('cut after the headers: a status line, no body, no end', async () => {
    const answer = await play({ fault: { kind: 'cut-after-headers' } });
    expect(answer).to.include({ status: 200, isComplete: false });
    expect(answer.body).to.have.length(0);
  });

  it('cut between events: whole events only, no end', async () => {
    for (const after of [1, 4, -1]) {
      const answer = await play({ fault: { kind: 'cut', after } });
      expect(answer).to.include({ isComplete: false, complaint: null });
      expect(answer.body.toString().endsWith('\n\n'), `after ${after}`).to.equal(true);
      expect(namesOf(answer)).to.have.length(after < 0 ? ALL_EVENTS + after : after);
    }
  });

  it('cut inside an event: so many events and so many bytes of the next', async () => {
    const whole = (await play({})).body;
    simulator.reset();
    const answer = await play({ fault: { kind: 'cut-inside', after: 4, bytes: 11 } });
    const upToFour = eventsOf(whole)
      .slice(0, 4)
      .reduce((sum, [event, data]) => sum + frameLength(event, data), 0);
    expect(answer.isComplete).to.equal(false);
    expect(answer.body.equals(whole.subarray(0, upToFour + 11))).to.equal(true);
  });

  it('cut with a reset is seen as a reset', async () => {
    expect((await play({ fault: { kind: 'cut', after: 3, manner: 'reset' } })).end).to.equal('reset');
    expect((await play({ fault: { kind: 'cut', after: 3 } })).end).to.equal('closed');
  });

  it('a clean end without message_stop: the HTTP message is complete, the stream is not', async () => {
    const answer = await play({ fault: { kind: 'end-early', after: -1 } });
    expect(answer.isComplete).to.equal(true);
    expect(namesOf(answer).at(-1)).to.equal('message_delta');
  });

  it('an error event first or after n events, and nothing behind it', async () => {
    for (const after of [0, 1, 5]) {
      const answer = await play({ fault: { kind: 'error-event', after, error: { type: 'overloaded_error' } } });
      const events = eventsOf(answer.body);
      expect(events).to.have.length(after + 1);
      expect(answer.isComplete).to.equal(true);
      const [name, data] = events.at(-1) ?? ['', ''];
      expect(name).to.equal('error');
      expect(JSON.parse(data)).to.deep.include({
        type: 'error',
        error: { type: 'overloaded_error', message: 'Overloaded' },
      });
    }
  });

  it('a status comes with its headers, and its error or body', async () => {
    const limited = await play({ status: 429, headers: { 'retry-after': '7' }, error: { message: 'slow down' } });
    expect(limited).to.include({ status: 429, isComplete: true });
    expect(limited.head).to.match(/\r\nretry-after: 7/);
    const envelope = JSON.parse(limited.body.toString());
    expect(envelope.error).to.deep.equal({ type: 'rate_limit_error', message: 'slow down' });
    expect(limited.head).to.include(`request-id: ${envelope.request_id}`);
    expect((await play({ status: 529 })).status).to.equal(529);
    const page = await play({ status: 502, body: '<html></html>', headers: { 'content-type': 'text/html' } });
    expect(page).to.include({ status: 502 });
    expect(page.body.toString()).to.equal('<html></html>');
    expect(page.head)
      .to.match(/content-type: text\/html/)
      .and.not.match(/application\/json/);
  });

  it('a slow first byte: the headers are there long before', async () => {
    const waiting = call({ delays: { firstByteMs: 150 } });
    await waiting.until((bytes) => bytes.includes('\r\n\r\n'));
    expect(waiting.received().includes('event:')).to.equal(false);
    expect(await waiting.answer()).to.include({ isComplete: true });
  });

  it('silence after n events lasts until the client leaves', async () => {
    const waiting = call({ fault: { kind: 'silence', after: 4 } });
    await waiting.until((bytes) => bytes.includes('content_block_delta'));
    const [before] = await simulator.until((seen) => seen.length === 1);
    expect(before).to.include({ endedAtMs: null, hungUp: false });
    waiting.hangUp();
    const [after] = await simulator.until((seen) => seen[0]?.hungUp === true);
    expect(after?.hungUpAtMs).to.be.a('number');
    expect(eventsOf(readBodyOf(waiting.received()))).to.have.length(4);
  });

  it('silence that ends goes on where it stopped, with pings meanwhile if they are wanted', async () => {
    const answer = await play({ pings: { everyMs: 10 }, fault: { kind: 'silence', after: 3, forMs: 55 } });
    const names = namesOf(answer);
    const pings = names.filter((name) => name === 'ping').length;
    expect(pings).to.equal(5);
    expect(names).to.have.length(ALL_EVENTS - 1 + pings);
    expect(names.slice(3, 3 + pings)).to.deep.equal(Array(pings).fill('ping'));
    expect(answer.isComplete).to.equal(true);
  });

  it('silence before the headers sends nothing at all', async () => {
    const waiting = call({ fault: { kind: 'silence-before-headers' } });
    await simulator.until((seen) => seen[0]?.bodyComplete === true);
    expect(waiting.received()).to.have.length(0);
    waiting.hangUp();
    await simulator.until((seen) => seen[0]?.hungUp === true);
    expect(waiting.received()).to.have.length(0);
  });

  it('garbage is of the kind that was asked for', async () => {
    const spoilt = (what: string): Promise<WireAnswer> =>
      play({ fault: { kind: 'garbage', what } as Extract<Scene['fault'], { kind: 'garbage' }> });
    const html = await spoilt('html');
    expect(html).to.include({ status: 200, isComplete: true });
    expect(html.head).to.include('text/html');
    const broken = await spoilt('not-json');
    expect(() => JSON.parse(eventsOf(broken.body)[0]?.[1] ?? '')).to.throw(SyntaxError);
    const empty = await spoilt('empty');
    expect(empty).to.include({ status: 200, isComplete: true });
    expect(empty.body).to.have.length(0);
    expect((await spoilt('broken-chunking')).complaint).to.equal('chunk size "zz-no-size"');
    expect(await spoilt('content-length-long')).to.include({ isComplete: false, complaint: null });
    expect(await spoilt('content-length-short')).to.include({ complaint: 'more than promised' });
    const json = await spoilt('json-instead-of-stream');
    expect(json.head).to.include('application/json');
    expect(JSON.parse(json.body.toString())).to.include({ type: 'message', stop_reason: 'end_turn' });
  });

  it('one JSON body breaks in its middle where a stream would have broken', async () => {
    const body = JSON.stringify(BODY);
    const whole = await play({}, body);
    expect(whole).to.include({ isComplete: true });
    const cut = await play({ fault: { kind: 'cut', after: 5 } }, body);
    expect(cut).to.include({ isComplete: false });
    expect(cut.body.length).to.equal(Math.floor(whole.body.length / 2));
    const failed = await play({ fault: { kind: 'error-event', after: 5 } }, body);
    expect(failed).to.include({ status: 529, isComplete: true });
  });

  it('unknown events and fields stand where they were put', async () => {
    const answer = await play({
      extraEvents: [
        { at: 2, event: 'future_event', data: { type: 'future_event' } },
        { at: 0, raw: ': a comment\n\n' },
      ],
      messageFields: { future_field: [1] },
    });
    const events = eventsOf(answer.body);
    expect(answer.body.toString().startsWith(': a comment\n\nevent: message_start\n')).to.equal(true);
    expect(JSON.parse(events[1]?.[1] ?? '').message.future_field).to.deep.equal([1]);
    expect(events[2]?.[0]).to.equal('future_event');
  });

  it('CRLF ends every line', async () => {
    const { body } = await play({ lineEnd: 'crlf' });
    const lines = body.toString().split('\n').slice(0, -1);
    expect(lines).to.have.length(ALL_EVENTS * 3);
    expect(lines.every((line) => line.endsWith('\r'))).to.equal(true);
  });

  it('a compressed stream is flushed event by event and unpacks to the same bytes', async () => {
    const plain = (await play({})).body;
    simulator.reset();
    const packed = await play({ compress: 'gzip' });
    expect(packed.head).to.match(/\r\ncontent-encoding: gzip/i);
    expect(packed.chunks).to.have.length(ALL_EVENTS + 1);
    expect(gunzipSync(packed.body).equals(plain)).to.equal(true);
    const json = await play({ compress: 'gzip' }, JSON.stringify(BODY));
    expect(json.isComplete).to.equal(true);
    expect(JSON.parse(gunzipSync(json.body).toString())).to.include({ type: 'message' });
  });
});

function frameLength(event: string, data: string): number {
  return Buffer.byteLength(`event: ${event}\ndata: ${data}\n\n`);
}

/** Body of an answer that has not ended: only its chunk frames are taken away. */
function readBodyOf(received: Buffer): Buffer {
  const body = received.subarray(received.indexOf('\r\n\r\n') + 4).toString('utf8');
  return Buffer.from(body.replace(/(^|\r\n)[0-9a-f]+\r\n/g, ''));
}
