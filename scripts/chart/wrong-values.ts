// Values that must be refused, each with what the refusal must say. `bySchema`: by values.schema.json alone; the others by
// a sentence of the chart's own.
export interface WrongValues {
  what: string;
  values: Record<string, unknown>;
  says: RegExp;
  bySchema: boolean;
}

const good = { simulator: { enabled: true } };

export const WRONG_VALUES: readonly WrongValues[] = [
  { what: 'a value that does not exist', values: { ...good, gatway: {} }, says: /gatway/, bySchema: true },
  {
    what: 'a misspelt value of a service',
    values: { ...good, gateway: { replicaCount: 3 } },
    says: /replicaCount/,
    bySchema: true,
  },
  {
    what: 'a setting that does not exist',
    values: { ...good, config: { server: { drain_seconds: 9 } } },
    says: /drain_seconds/,
    bySchema: true,
  },
  {
    what: 'a setting of a provider that does not exist',
    values: { ...good, config: { providers: { a: { url: 'http://a' } } } },
    says: /url/,
    bySchema: true,
  },
  {
    what: 'a mode that does not exist',
    values: { ...good, config: { default_mode: 'shadow' } },
    says: /default_mode|one of/,
    bySchema: true,
  },
  {
    what: 'text for a number',
    values: { ...good, gateway: { replicas: 'two' } },
    says: /replicas|integer/,
    bySchema: true,
  },
  {
    what: 'a setting out of its range',
    values: { ...good, config: { server: { drain_secs: -1 } } },
    says: /drain_secs|minimum/,
    bySchema: true,
  },
  {
    what: 'a setting that is none of its options',
    values: { ...good, config: { log: { level: 'verbose' } } },
    says: /level.*one of|log\/level/,
    bySchema: true,
  },
  {
    what: 'seconds in which no gateway ends',
    values: { ...good, gateway: { flushSeconds: 15 } },
    says: /flushSeconds|minimum/,
    bySchema: true,
  },
  { what: 'no pods', values: { ...good, gateway: { replicas: 0 } }, says: /replicas|minimum/, bySchema: true },
  {
    what: 'text for a switch',
    values: { ...good, phoenix: { enabled: 'yes' } },
    says: /enabled|boolean/,
    bySchema: true,
  },
  {
    what: 'an address for the name of a registry',
    values: { ...good, image: { registry: 'https://registry.example.com' } },
    says: /registry|pattern/,
    bySchema: true,
  },
  {
    what: 'an address for the name of a host',
    values: { ...good, gateway: { ingress: { enabled: true, host: 'https://models.example.com' } } },
    says: /host|pattern/,
    bySchema: true,
  },
  {
    what: 'a digest that is none',
    values: { ...good, image: { digest: 'sha256:1' } },
    says: /digest|pattern/,
    bySchema: true,
  },
  {
    what: 'a peer of nothing, which would be everybody',
    values: { ...good, gateway: { networkPolicy: { from: [{}] } } },
    says: /from|minProperties/,
    bySchema: true,
  },
  {
    what: 'a variable without a name',
    values: { ...good, gateway: { extraEnv: [{ value: '1' }] } },
    says: /name|required/,
    bySchema: true,
  },
  {
    what: 'an install without values',
    values: {},
    says: /config\.target\.url: .* simulator\.enabled=true/,
    bySchema: false,
  },
  {
    what: 'an open gateway that nobody asked for',
    values: { config: { target: { url: 'http://model' } } },
    says: /config\.server\.allow_any_key: .* gateway\.networkPolicy\.from/,
    bySchema: false,
  },
  {
    what: 'a real model that anybody may use because simulated ones run beside it',
    values: { ...good, config: { target: { url: 'https://model' } } },
    says: /config\.server\.allow_any_key: .* gateway\.networkPolicy\.from/,
    bySchema: false,
  },
  {
    what: 'a label by which Services find their pods',
    values: { ...good, commonLabels: { 'app.kubernetes.io/component': 'x' } },
    says: /commonLabels: app\.kubernetes\.io\/component is the chart's own label/,
    bySchema: false,
  },
  {
    what: 'a grace that cuts streams',
    values: { ...good, gateway: { terminationGracePeriodSeconds: 30 } },
    says: /terminationGracePeriodSeconds: 30 seconds would cut streams/,
    bySchema: false,
  },
  {
    what: 'a key in the settings',
    values: { ...good, config: { target: { api_key: 'x' } } },
    says: /config\.target\.api_key: .* upstreamKeys/,
    bySchema: false,
  },
  {
    what: 'a password in a URL',
    values: { ...good, redis: { external: { url: 'redis://:x@r:6379' } } },
    says: /redis\.external\.url: .* redis\.external\.existingSecret/,
    bySchema: false,
  },
  {
    what: 'a password that no URL can hold, without showing it,',
    values: { ...good, redis: { external: { url: 'redis://:hunt/er2@r:6379' } } },
    says: /^(?!.*hunt\/er2).*redis\.external\.url: .* redis\.external\.existingSecret/m,
    bySchema: false,
  },
  {
    what: 'no Secret and no leave to make one',
    values: { ...good, secrets: { create: false } },
    says: /kubectl -n ns create secret generic rel-cc-proxy-secrets --from-literal=admin-token=/,
    bySchema: false,
  },
  {
    what: 'the admin API in public',
    values: {
      ...good,
      gateway: { ingress: { enabled: true, host: 'h', paths: [{ type: 'PathPrefix', value: '/' }] } },
    },
    says: /gateway\.ingress\.paths: .*allowAdminApi=true/,
    bySchema: false,
  },
];
