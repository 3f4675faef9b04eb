// Variables of OpenTelemetry, Phoenix and OpenInference: what they set, and what goes before them.
import { tmpdir } from 'node:os';
import { expect } from 'chai';
import { type Config, loadConfig } from '#shared/config/load.ts';

function load(env: Record<string, string>, flags: Record<string, unknown> = {}): Config {
  return loadConfig({ env: { HOME: '/nonexistent', ...env }, cwd: tmpdir(), flags });
}

const PHOENIX = {
  PHOENIX_COLLECTOR_ENDPOINT: 'http://phoenix.test:6006',
  PHOENIX_API_KEY: 'key-1',
  PHOENIX_PROJECT_NAME: 'agents',
  PHOENIX_CLIENT_HEADERS: 'x-team=a%20b',
};
const OTEL = {
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.test:4318',
  OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20abc=,x-scope=1',
  OTEL_SERVICE_NAME: 'our-proxy',
};

describe('variables that other programs know too', () => {
  it('Phoenix’s say where traces go, with which key and into which project', () => {
    const { tracing, source } = load(PHOENIX);
    expect(tracing).to.deep.include({
      endpoint: PHOENIX.PHOENIX_COLLECTOR_ENDPOINT,
      project: 'agents',
      headers: { authorization: 'Bearer key-1', 'x-team': 'a b' },
    });
    expect(source('tracing.endpoint')).to.equal('env');
  });

  it('OpenTelemetry’s go before them, and no header goes where it was not meant for', () => {
    expect(load({ ...PHOENIX, ...OTEL }).tracing).to.deep.include({
      endpoint: OTEL.OTEL_EXPORTER_OTLP_ENDPOINT,
      headers: { authorization: 'Basic abc=', 'x-scope': '1' },
      service_name: 'our-proxy',
    });
    const own = load({ ...PHOENIX, ...OTEL }, { 'tracing.endpoint': 'http://other.test:4318' });
    expect(own.tracing).to.deep.include({ endpoint: 'http://other.test:4318', headers: {} });
  });

  it('whatever is ours goes before all of them', () => {
    const env = {
      ...PHOENIX,
      CC_TRACING__PROJECT: 'mine',
      OPENINFERENCE_HIDE_INPUTS: 'true',
      CC_TRACING__HIDE: 'outputs',
    };
    expect(load(env).tracing).to.deep.include({ project: 'mine', hide: ['outputs'] });
  });

  it('OpenTelemetry’s say how spans travel to the endpoint they name, and to no other', () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.test:9000', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' };
    expect(load(env).tracing).to.deep.include({ endpoint: 'http://collector.test:9000', protocol: 'grpc' });
    const traces = { ...env, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf' };
    expect(load(traces).tracing.protocol).to.equal('http/protobuf');
    expect(load({ ...env, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }).tracing.protocol).to.equal('auto');
    expect(load(env, { 'tracing.endpoint': 'http://other.test:4318' }).tracing.protocol).to.equal('auto');
    expect(load({ ...env, CC_TRACING__PROTOCOL: 'http/protobuf' }).tracing.protocol).to.equal('http/protobuf');
    expect(load({ PHOENIX_COLLECTOR_ENDPOINT: 'http://phoenix.test:4317' }).tracing).to.deep.include({
      ...{ endpoint: 'http://phoenix.test:4317', protocol: 'auto' },
    });
  });

  it('an endpoint that is no address, meant for other programs, is left out with a warning', () => {
    for (const endpoint of ['127.0.0.1:4317', 'localhost:4317', 'collector', 'http://']) {
      const { tracing, warnings } = load({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
      expect(tracing.endpoint, endpoint).to.equal(null);
      expect(warnings.join(' ')).to.include('tracing.endpoint');
    }
  });

  it('OpenInference’s hide parts of the content and bound images', () => {
    const { tracing } = load({
      OPENINFERENCE_HIDE_INPUT_TEXT: 'TRUE',
      OPENINFERENCE_HIDE_LLM_TOOLS: 'true',
      OPENINFERENCE_HIDE_OUTPUTS: 'no',
      OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH: '100',
    });
    expect(tracing).to.deep.include({ hide: ['input_text', 'llm_tools'], base64_image_max_length: 100 });
    expect(load({ OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH: 'x' }).tracing.base64_image_max_length).to.equal(32_000);
  });

  it('a part that nobody knows is refused with those there are', () => {
    expect(() => load({ CC_TRACING__HIDE: 'everything' })).to.throw(/CC_TRACING__HIDE.*input_text/);
  });
});
