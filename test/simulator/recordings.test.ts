import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { loadRecordings, recordingNames, replay, requestsOf, sceneFor } from '../support/recordings.ts';

describe('recordings', () => {
  it('are 30 files with 99 requests whose length headers fit their bodies', () => {
    const all = loadRecordings();
    expect(recordingNames()).to.have.length(30);
    expect(all).to.have.length(99);
    for (const { rawHeaders, body, file, seq } of all) {
      const at = rawHeaders.findIndex((name) => name.toLowerCase() === 'content-length');
      if (at >= 0) expect(rawHeaders[at + 1], `${file} ${seq}`).to.equal(String(body.length));
      else expect(body.length, `${file} ${seq}`).to.equal(0);
    }
  });

  it('resolve a body that is recorded as the same as an earlier one', () => {
    const [first, second] = requestsOf('sdk-err-529x');
    expect(second?.body.length).to.be.greaterThan(0);
    expect(second?.body.equals(first?.body ?? Buffer.alloc(0))).to.equal(true);
  });
});

describe('simulator with recorded requests', () => {
  let simulator: Simulator;
  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', delayScale: 0 });
  });
  after(() => simulator.stop());
  beforeEach(() => simulator.reset());

  it('answers every one with 200 by default', async () => {
    for (const recorded of loadRecordings()) {
      const { status } = await replay(simulator.url, recorded);
      expect(status, `${recorded.file} ${recorded.seq}`).to.equal(200);
    }
  });

  it('receives every one byte for byte', async () => {
    const all = loadRecordings();
    for (const recorded of all) await replay(simulator.url, recorded);
    const seen = simulator.seen();
    expect(seen).to.have.length(all.length);
    for (const [index, recorded] of all.entries()) {
      const { method, url, body, rawHeaders } = recorded;
      expect(seen[index]).to.include({ method, url, hungUp: false });
      expect(seen[index]?.raw.equals(body), `${recorded.file} ${recorded.seq}`).to.equal(true);
      expect(seen[index]?.rawHeaders.slice(0, rawHeaders.length)).to.deep.equal(rawHeaders);
    }
  });

  it('gives each the status it got when it was recorded, with the scene named for it', async () => {
    for (const recorded of loadRecordings()) {
      simulator.use(sceneFor(recorded.file, recorded.seq));
      const { status, rawHeaders } = await replay(simulator.url, recorded);
      expect(status, `${recorded.file} ${recorded.seq}`).to.equal(recorded.resStatus);
      if (recorded.url.startsWith('/v1/messages?') && status === 200 && recorded.body.includes('"stream":true')) {
        expect(rawHeaders).to.include('text/event-stream; charset=utf-8');
      }
    }
  });
});
