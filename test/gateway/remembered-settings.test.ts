import { expect } from 'chai';
import { createRememberedSettings, type RememberedSettings } from '#services/gateway/remembered-settings.ts';
import { requestAttributes } from '#shared/telemetry/request-attributes.ts';

const settings = (more: object): string => JSON.stringify({ model: 'm', max_tokens: 9, ...more });

describe('remembered settings', () => {
  let asked: number;
  const redact = (text: string): string => {
    // All of them as one text; the names among them are asked for besides.
    if (text.startsWith('{')) asked += 1;
    return text.replaceAll('secret', '***');
  };
  let settingsMemory: RememberedSettings;
  const say: RememberedSettings['read'] = (...of) => settingsMemory.read(...of);
  beforeEach(() => {
    asked = 0;
    settingsMemory = createRememberedSettings(redact, []);
  });

  it('say what the request says, with the betas of its header, once and again', () => {
    const requests = [
      ...[
        settings({}),
        settings({ temperature: 1 }),
        settings({ stop: 'secret' }),
        settings({ long: 'x'.repeat(3000) }),
      ],
      settings({ metadata: { user_id: '{"session_id":"s","device_id":"d"}' }, thinking: { type: 'adaptive' } }),
    ];
    for (const json of [...requests, ...requests]) {
      for (const beta of [undefined, 'a', 'a,b']) {
        const headers = beta === undefined ? {} : { 'anthropic-beta': beta };
        const expected = requestAttributes({ request: JSON.parse(json), headers, redact });
        expect(say(json, beta)).to.deep.equal(expected);
      }
    }
  });

  it('are looked at once, unless they are long', () => {
    const times = (json: string): number => {
      asked = 0;
      for (let count = 0; count < 3; count++) say(json, 'a');
      return asked;
    };
    expect(times(settings({}))).to.equal(1);
    expect(times(settings({ long: 'x'.repeat(3000) }))).to.equal(3);
  });

  it('are a bounded number, of which the one asked for longest ago is let go first', () => {
    for (let index = 0; index < 256; index++) say(settings({ index }), undefined);
    say(settings({ index: 0 }), undefined);
    say(settings({ index: 256 }), undefined);
    asked = 0;
    say(settings({ index: 256 }), undefined);
    say(settings({ index: 0 }), undefined);
    expect(asked).to.equal(0);
    say(settings({ index: 1 }), undefined);
    expect(asked).to.equal(1);
  });

  it('are forgotten when they are told to be', () => {
    say(settings({}), undefined);
    settingsMemory.forget();
    asked = 0;
    say(settings({}), undefined);
    expect(asked).to.equal(1);
  });

  it('refuse what is no JSON each time', () => {
    for (let count = 0; count < 2; count++) expect(() => say('{', undefined)).to.throw(SyntaxError);
  });
});
