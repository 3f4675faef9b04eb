// A trace receiver for tests that takes OTLP over gRPC, with the bound on messages that such servers have by default.
import { Metadata, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { until } from './gateway.ts';
import { createDecoder, type SinkSpan } from './otlp-sink.ts';
import type { SelfSigned } from './self-signed.ts';

/** `hang` = calls are read and never answered; `refuse` = they are answered with an error. */
export type GrpcSinkMode = 'ok' | 'hang' | 'refuse';

export interface OtlpGrpcSink {
  readonly port: number;
  mode: GrpcSinkMode;
  spans(): SinkSpan[];
  /** Bytes of each message that came. */
  sizes(): number[];
  /** What came with each message, by name. */
  metadata(): Array<Record<string, unknown>>;
  waitForMessages(count: number): Promise<void>;
  close(): void;
}

const PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

export async function startOtlpGrpcSink(certificate?: SelfSigned): Promise<OtlpGrpcSink> {
  const decode = createDecoder();
  const bodies: Buffer[] = [];
  const accepted: SinkSpan[] = [];
  const metadata: Array<Record<string, unknown>> = [];
  const server = new Server();
  const asIs = (bytes: Buffer): Buffer => bytes;
  server.addService(
    {
      Export: {
        ...{ path: PATH, requestStream: false, responseStream: false },
        ...{ requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs },
      },
    },
    {
      Export: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
        bodies.push(call.request);
        metadata.push(call.metadata.getMap());
        if (sink.mode === 'hang') return;
        if (sink.mode === 'refuse') {
          answer({ code: status.PERMISSION_DENIED, details: 'not you', metadata: new Metadata() });
          return;
        }
        accepted.push(...decode(call.request));
        answer(null, Buffer.alloc(0));
      },
    },
  );
  const credentials =
    certificate === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [
          { private_key: Buffer.from(certificate.key), cert_chain: Buffer.from(certificate.cert) },
        ]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  const sink: OtlpGrpcSink = {
    port,
    mode: 'ok',
    spans: () => [...accepted],
    sizes: () => bodies.map(({ length }) => length),
    metadata: () => [...metadata],
    waitForMessages: (count) => until(() => bodies.length >= count, 10_000),
    close: () => server.forceShutdown(),
  };
  return sink;
}
