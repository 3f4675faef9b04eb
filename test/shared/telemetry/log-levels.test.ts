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
    levels.set({ level: 'error', components: { bus: 'debug' } });
    bus.debug('bus.after');
    log.child({ component: 'store' }).warn('store.quiet');
    log.error('still.loud');
    expect(events()).to.deep.equal(['bus.after', 'still.loud']);
  });

  it('change by what is named, and take a component back with null', () => {
    const levels = createLogLevels({ level: 'info', components: { bus: 'debug' } });
    expect(levels.changed({ components: { store: 'error' } })).to.deep.equal({
      level: 'info',
      components: { bus: 'debug', store: 'error' },
    });
    expect(levels.changed({ level: 'warn', components: { bus: null } })).to.deep.equal({
      level: 'warn',
      components: {},
    });
    expect(levels.current().level, 'a change is not set yet').to.equal('info');
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
      expect(() => levels.changed(change)).to.throw(GatewayError, named);
    });
  }

  it('are read from what was kept, and from nothing else', () => {
    const levels = createLogLevels({ level: 'info', components: {} });
    const kept = { level: 'debug', components: { bus: 'warn' } };
    expect(levels.parse(JSON.stringify(kept))).to.deep.equal(kept);
    expect(levels.parse('{"level":"debug","components":{"bus":"loud","x":"info"}}')).to.deep.equal({
      level: 'debug',
      components: {},
    });
    for (const text of ['null', '{', '{"level":"loud"}', '7', '"debug"'])
      expect(levels.parse(text), text).to.equal(null);
  });
});
