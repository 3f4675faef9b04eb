// values.schema.json as data: what every value of the chart may be. The part under `config` comes from the program's own
// settings; descriptions come from the comments in values.yaml. Nothing unknown is let through on any level.
import { isKey, type Key, type SectionSchema } from '#shared/config/schema.ts';
import { LISTS, MAPS, MODES, SECTIONS, topLevel } from '#shared/config/sections/index.ts';
import { describeSteps } from '#shared/upstream/pipelines/catalogue.ts';

export interface Schema {
  [keyword: string]: unknown;
}

type Properties = Record<string, Schema>;

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const url: Schema = { type: 'string', pattern: '^$|^[a-z]+://[^\\s]+$' };
const quantity: Schema = { type: ['string', 'number'], pattern: '^[0-9.]+([mkKMGTPE]i?)?$' };
const duration: Schema = { type: 'string', pattern: '^([0-9]+(h|m|s|ms)){1,4}$' };
const name: Schema = { type: 'string', pattern: '^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$', maxLength: 253 };
const optionalName: Schema = { type: 'string', pattern: '^$|^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$', maxLength: 253 };
const port: Schema = { type: 'integer', minimum: 1, maximum: 65535 };
const image: Schema = {
  type: 'string',
  pattern: '^[^\\s:@]+(:[0-9]+/[^\\s:@]+)?(:[\\w][\\w.-]*)?(@sha256:[0-9a-f]{64})?$',
};
const registry: Schema = { type: 'string', pattern: '^$|^[A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*/?$' };
const host: Schema = { type: 'string', pattern: '^$|^([*][.])?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$' };
const texts: Schema = { type: 'object', additionalProperties: text };

function integer(minimum: number, maximum?: number): Schema {
  return { type: 'integer', minimum, ...(maximum === undefined ? {} : { maximum }) };
}

function orNull(schema: Schema): Schema {
  return { ...schema, type: [schema.type, 'null'].flat() };
}

function list(items: Schema): Schema {
  return { type: 'array', items };
}

function ref(definition: keyof typeof definitions): Schema {
  return { $ref: `#/definitions/${definition}` };
}

function object(properties: Properties, required: string[] = []): Schema {
  return { type: 'object', additionalProperties: false, properties, ...(required.length > 0 ? { required } : {}) };
}

/** Shapes of Kubernetes that values repeat. */
const definitions: Record<'selector' | 'peer' | 'resources' | 'env' | 'toleration' | 'spread', Schema> = {
  selector: object({
    matchLabels: texts,
    matchExpressions: list(object({ key: text, operator: text, values: list(text) }, ['key', 'operator'])),
  }),
  peer: {
    ...object({
      podSelector: { $ref: '#/definitions/selector' },
      namespaceSelector: { $ref: '#/definitions/selector' },
      ipBlock: object({ cidr: text, except: list(text) }, ['cidr']),
    }),
    minProperties: 1,
  },
  resources: object({
    requests: object({ cpu: quantity, memory: quantity, 'ephemeral-storage': quantity }),
    limits: object({ cpu: quantity, memory: quantity, 'ephemeral-storage': quantity }),
  }),
  env: object(
    {
      // As Kubernetes has it: a variable of a provider carries its name, which may hold a dash.
      name: { type: 'string', pattern: '^[-._A-Za-z][-._A-Za-z0-9]*$' },
      value: text,
      valueFrom: {
        ...object({
          secretKeyRef: object({ name, key: text, optional: flag }, ['name', 'key']),
          configMapKeyRef: object({ name, key: text, optional: flag }, ['name', 'key']),
          fieldRef: object({ fieldPath: text, apiVersion: text }, ['fieldPath']),
          resourceFieldRef: object({ resource: text, containerName: text, divisor: quantity }, ['resource']),
        }),
        minProperties: 1,
        maxProperties: 1,
      },
    },
    ['name'],
  ),
  toleration: object({
    key: text,
    operator: { enum: ['Equal', 'Exists'] },
    value: text,
    effect: { enum: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] },
    tolerationSeconds: { type: 'integer' },
  }),
  spread: object(
    {
      maxSkew: integer(1),
      minDomains: integer(1),
      topologyKey: text,
      whenUnsatisfiable: { enum: ['DoNotSchedule', 'ScheduleAnyway'] },
      labelSelector: { $ref: '#/definitions/selector' },
      matchLabelKeys: list(text),
      nodeAffinityPolicy: { enum: ['Honor', 'Ignore'] },
      nodeTaintsPolicy: { enum: ['Honor', 'Ignore'] },
    },
    ['maxSkew', 'topologyKey', 'whenUnsatisfiable'],
  ),
};

const placement: Properties = {
  extraEnv: list(ref('env')),
  podAnnotations: texts,
  podLabels: texts,
  nodeSelector: texts,
  tolerations: list(ref('toleration')),
  // Deep, and the API server's to check.
  affinity: object({
    nodeAffinity: { type: 'object' },
    podAffinity: { type: 'object' },
    podAntiAffinity: { type: 'object' },
  }),
  topologySpreadConstraints: list(ref('spread')),
  priorityClassName: text,
};

const disruption = object({ enabled: flag, maxUnavailable: { type: ['integer', 'string'], pattern: '^[0-9]+%$' } });
const service: Properties = {
  type: { enum: ['ClusterIP', 'NodePort', 'LoadBalancer'] },
  port,
  annotations: texts,
};
const sources = object({ from: list(ref('peer')) });
const parents = list(object({ name, namespace: name, sectionName: text, port }, ['name']));
const paths: Schema = {
  ...list(
    object({ type: { enum: ['PathPrefix', 'Exact'] }, value: { type: 'string', pattern: '^/' } }, ['type', 'value']),
  ),
  minItems: 1,
};
const route: Properties = { enabled: flag, parentRefs: parents, hostnames: list(host), annotations: texts };
const ingress: Properties = {
  enabled: flag,
  className: text,
  host,
  annotations: texts,
  tlsSecret: optionalName,
};
const external = object({ url, existingSecret: optionalName, urlKey: text, port, peers: list(ref('peer')) });
const persistence = object({ enabled: flag, size: quantity, storageClass: text });
const ownServer: Properties = { external, image, runAsUser: integer(1), resources: ref('resources'), persistence };

function trialServer(more: Properties = {}): Schema {
  return object({ enabled: flag, image, resources: ref('resources'), ...more });
}

const gateway = object({
  replicas: integer(1),
  resources: ref('resources'),
  allowAnthropicOnly: flag,
  preStopSeconds: integer(1, 120),
  // The process itself takes up to 15 s to end, publish and send what is left.
  flushSeconds: integer(16, 300),
  terminationGracePeriodSeconds: orNull(integer(1)),
  service: object({ ...service, allowAdminApi: flag }),
  httpRoute: object({
    ...route,
    paths,
    allowAdminApi: flag,
    timeouts: object({ request: duration, backendRequest: duration }),
  }),
  ingress: object({ ...ingress, paths, allowAdminApi: flag }),
  autoscaling: object({
    enabled: flag,
    minReplicas: integer(1),
    maxReplicas: integer(1),
    targetCPUUtilizationPercentage: orNull(integer(1, 100)),
    targetMemoryUtilizationPercentage: orNull(integer(1, 100)),
    scaleDownStabilizationSeconds: integer(0, 3600),
  }),
  podDisruptionBudget: disruption,
  networkPolicy: sources,
  ...placement,
});

const comparator = object({
  enabled: flag,
  replicas: integer(1),
  resources: ref('resources'),
  terminationGracePeriodSeconds: integer(20),
  keda: object({
    enabled: flag,
    minReplicas: integer(0),
    maxReplicas: integer(1),
    lagCount: integer(1),
    activationLagCount: integer(0),
    pendingEntriesCount: integer(1),
    pollingIntervalSeconds: integer(1),
    cooldownSeconds: integer(0),
    redis: object({
      address: { type: 'string', pattern: '^$|^[^\\s:/]+:[0-9]+$' },
      existingSecret: optionalName,
      passwordKey: text,
      tls: flag,
    }),
  }),
  podDisruptionBudget: disruption,
  ...placement,
});

const consoleService = object({
  enabled: flag,
  replicas: integer(1),
  resources: ref('resources'),
  terminationGracePeriodSeconds: integer(21),
  service: object(service),
  httpRoute: object(route),
  ingress: object(ingress),
  podDisruptionBudget: disruption,
  networkPolicy: sources,
  ...placement,
});

const monitoring = object({
  serviceMonitor: object({ enabled: flag, additionalLabels: texts, interval: duration }),
  prometheusRule: object({ enabled: flag, additionalLabels: texts }),
  dashboards: object({ enabled: flag, labels: texts, folder: text }),
});

function properties(): Properties {
  return {
    global: { type: 'object' },
    image: object({
      registry,
      repository: { type: 'string', pattern: '^[a-z0-9][a-z0-9._/-]*$' },
      tag: { type: 'string', pattern: '^$|^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$' },
      digest: { type: 'string', pattern: '^$|^sha256:[0-9a-f]{64}$' },
      pullPolicy: { enum: ['IfNotPresent', 'Always', 'Never'] },
      node: { type: 'string', minLength: 1 },
    }),
    imagePullSecrets: list(name),
    nameOverride: optionalName,
    fullnameOverride: optionalName,
    commonLabels: texts,
    config: configSchema(),
    secrets: object({ existingSecret: optionalName, create: flag }),
    upstreamKeys: list(
      object({ name: { type: 'string', pattern: '^[A-Za-z0-9_-]+$' }, existingSecret: name, key: text }, [
        'name',
        'existingSecret',
      ]),
    ),
    serviceAccount: object({ create: flag, name: optionalName, annotations: texts }),
    gateway,
    comparator,
    console: consoleService,
    simulator: object({ enabled: flag, resources: ref('resources') }),
    redis: object({ enabled: flag, ...ownServer, maxMemoryMib: integer(64) }),
    store: object(ownServer),
    collector: trialServer(),
    phoenix: trialServer({ runAsUser: integer(1), persistence }),
    jaeger: trialServer({ maxTraces: integer(1) }),
    prometheus: trialServer({ retention: { type: 'string', pattern: '^[0-9]+(ms|s|m|h|d|w|y)$' } }),
    grafana: trialServer(),
    monitoring,
    networkPolicy: object({
      enabled: flag,
      upstreamPeers: list(ref('peer')),
      upstreamPorts: list(port),
      tracingPeers: list(ref('peer')),
      monitoringFrom: list(ref('peer')),
      uiFrom: list(ref('peer')),
      dnsPeers: list(ref('peer')),
    }),
    tests: object({ model: { type: 'string', minLength: 1 } }),
  };
}

/** What each parameter takes is checked at the start. */
const step = object(
  {
    use: { enum: describeSteps().map(({ name: called }) => called) },
    at: { enum: ['upstream'] },
    ...Object.fromEntries(describeSteps().flatMap(({ params }) => params.map((param) => [param.name, {}]))),
  },
  ['use'],
);

const KINDS: Record<Key<unknown>['kind'], Schema> = {
  string: text,
  integer: { type: 'integer' },
  number: { type: 'number' },
  boolean: flag,
  strings: list(text),
  map: texts,
  steps: list({ anyOf: [text, step] }),
};

function configSchema(): Schema {
  const sections = Object.entries(SECTIONS).map(([section, schema]) => [section, settings(schema)] as const);
  const maps = Object.entries(MAPS).map(
    ([map, schema]) => [map, { type: 'object', additionalProperties: settings(schema) }] as const,
  );
  const lists = Object.entries(LISTS).map(([name, schema]) => [name, list(settings(schema))] as const);
  const top = settings(topLevel).properties as Properties;
  return object({
    ...top,
    default_mode: { enum: [...MODES] },
    ...Object.fromEntries([...sections, ...maps, ...lists]),
  });
}

function settings(schema: SectionSchema): Schema {
  const entries = Object.entries(schema).map(([key, node]) => [
    key,
    isKey(node) ? { ...KINDS[node.kind], ...node.bounds, description: node.doc } : settings(node),
  ]);
  return object(Object.fromEntries(entries) as Properties);
}

/** `describe` gives the comment of a value by its dotted path. */
export function valuesSchema(describe: (path: string) => string | undefined): Schema {
  const annotate = (schema: Schema, path: string): Schema => {
    const description = describe(path);
    const isConfig = path === 'config';
    const inner = schema.properties as Properties | undefined;
    return {
      ...schema,
      ...(description === undefined || schema.$ref !== undefined ? {} : { description }),
      ...(inner === undefined || isConfig
        ? {}
        : {
            properties: Object.fromEntries(
              Object.entries(inner).map(([key, value]) => [key, annotate(value, path === '' ? key : `${path}.${key}`)]),
            ),
          }),
    };
  };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart cc-proxy',
    ...annotate(object(properties()), ''),
    definitions,
  };
}
