// Levels by component: what the loggers of a process write, and which changes are refused.
import { Writable } from 'node:stream';
import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { createLogLevels } from '#shared/telemetry/log-levels.ts';
import { createLogger } from '#shared/telemetry/logger.ts';

function capture(): { stream: Writable; events(): string[] } {
  const chunks: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk.toString('utf8'));
      done();
    },
  });
  const lines = (): string[] => chunks.join('').split('\n').filter(Boolean);
  return { stream, events: () => lines().map((line) => (JSON.parse(line) as { event: string }).event) };
}

describe('log levels', () => {
  it('hold for a component that has its own, and leave all others to the general one', () => {
    const levels = createLogLevels({ level: 'warn', components: { bus: 'debug', store: 'error' } });
    expect(levels.admits('debug', 'bus')).to.equal(true);
    expect(levels.admits('warn', 'store')).to.equal(false);
    expect(levels.admits('warn', 'gateway')).to.equal(true);
    expect(levels.admits('info', 'gateway')).to.equal(false);
    expect(levels.admits('info', undefined)).to.equal(false);
  });

  it('are followed at once by loggers that were made before a change', () => {
    const { stream, events } = capture();
    const levels = createLogLevels({ level: 'info', components: {} });
    const log = createLogger({ service: 'cc-test', level: 'info', levels, pretty: false, stream });
    const bus = log.child({ component: 'bus' });
    bus.debug('bus.before');
    levels.change({ level: 'error', components: { bus: 'debug' } });
    bus.debug('bus.after');
    log.child({ component: 'store' }).warn('store.quiet');
    log.error('still.loud');
    expect(events()).to.deep.equal(['bus.after', 'still.loud']);
  });

  it('change by what is named, on top of the change before, and leave the rest as configured', () => {
    const levels = createLogLevels({ level: 'info', components: { bus: 'debug' } });
    const first = levels.readChange({ components: { store: 'error' } }, {});
    levels.change(first);
    expect(levels.current()).to.deep.equal({ level: 'info', components: { bus: 'debug', store: 'error' } });
    levels.change(levels.readChange({ level: 'warn', components: { bus: null } }, first));
    expect(levels.current()).to.deep.equal({ level: 'warn', components: { store: 'error' } });
    levels.change({});
    expect(levels.current()).to.deep.equal({ level: 'info', components: { bus: 'debug' } });
  });

  for (const [change, named] of [
    [{ level: 'loud' }, 'level'],
    [{ level: null }, 'level'],
    [{ components: [] }, 'components'],
    [{ components: { kitchen: 'debug' } }, 'components.kitchen'],
    [{ components: { bus: 'loud' } }, 'components.bus'],
    [{ verbose: true }, 'verbose'],
    [JSON.parse('{"components":{"__proto__":"debug"}}'), 'components.__proto__'],
  ] as Array<[Record<string, unknown>, string]>) {
    it(`refuse ${JSON.stringify(change)} by name`, () => {
      const levels = createLogLevels({ level: 'info', components: {} });
      expect(() => levels.readChange(change, {})).to.throw(GatewayError, named);
    });
  }

  it('are read from what was kept, and from nothing else', () => {
    const levels = createLogLevels({ level: 'info', components: {} });
    const kept = { level: 'debug', components: { bus: 'warn', store: null } };
    expect(levels.parseChange(JSON.stringify(kept))).to.deep.equal(kept);
    for (const text of ['null', '{', '{"level":"loud"}', '"debug"', '{"components":{"bus":"loud"}}'])
      expect(levels.parseChange(text), text).to.deep.equal({});
  });
});
