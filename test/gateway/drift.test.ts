// What clients send for the first time, as an operator is told of it.
import { expect } from 'chai';
import { type EveryRoute, startEveryRoute } from '../support/every-route.ts';
import { header } from '../support/raw-client.ts';

const VALUE = 'a value that nobody is told';

describe('drift', () => {
  let bed: EveryRoute;
  before(async () => {
    bed = await startEveryRoute();
  });
  after(() => bed.stop());

  it('S0-28 tells the first sight of an unknown field, block, header and beta: a line and a count, names without values', async () => {
    const body = {
      mood: VALUE,
      metadata: { user_id: 'u', horoscope: VALUE },
      messages: [
        { role: 'user', content: [{ type: 'hologram', depth: VALUE }], written_in: VALUE },
        { role: 'user', content: [{ type: 'text', text: 'hi', colour: VALUE }] },
        { role: 'user', content: [{ type: 'a type that is a sentence', text: VALUE }] },
      ],
    };
    const headers = ['anthropic-mood', VALUE, 'anthropic-beta', 'warp-2027-01-01', 'x-claude-weather', VALUE];
    const told = () => bed.gateway.lines.filter(({ event }) => event === 'drift.seen');
    const count = (kind: string) => bed.gateway.metric('ccproxy_drift_total', { kind });

    const answer = await bed.ask('native', { body, headers });
    await bed.gateway.until(() => told().length >= 9);
    expect(told().map(({ fields }) => `${fields.kind} ${fields.path}`)).to.have.members([
      'header anthropic-mood',
      'header x-claude-weather',
      'beta warp-2027-01-01',
      'field mood',
      'field metadata.horoscope',
      'block messages[].content[hologram]',
      'field messages[].written_in',
      'field messages[].content[text].colour',
      'block messages[].content[(unnamed)]',
    ]);
    const id = header(answer, 'x-ccproxy-request-id');
    expect(told().every(({ level, fields }) => level === 'warn' && fields.request_id === id)).to.equal(true);
    expect(JSON.stringify(bed.gateway.lines)).to.not.include(VALUE);
    const counts = await Promise.all(['header', 'beta', 'field', 'block'].map(count));
    expect(counts).to.deep.equal([2, 1, 4, 2]);
    expect(bed.sent(), 'the upstream gets it all the same').to.deep.include({ mood: VALUE });

    await bed.ask('native', { body: { ...body, spirit: VALUE }, headers });
    await bed.gateway.until(() => told().length > 9);
    expect(
      told()
        .slice(9)
        .map(({ fields }) => fields.path),
    ).to.deep.equal(['spirit']);
  });
});
