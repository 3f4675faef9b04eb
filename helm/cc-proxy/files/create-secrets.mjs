// Run by the hook Job before an install and an upgrade: makes the Secret of the release with random values, unless there
// is one. It may create Secrets and nothing else, so it cannot read or change the one that is there.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port, NAMESPACE, SECRET, TOKEN_FILE } = process.env;
const KEYS = ['admin-token', 'redis-password', 'postgres-password', 'grafana-password'];

const stringData = Object.fromEntries(KEYS.map((key) => [key, randomBytes(24).toString('base64url')]));
const address = host.includes(':') ? `[${host}]` : host;
const response = await fetch(`https://${address}:${port}/api/v1/namespaces/${NAMESPACE}/secrets`, {
  method: 'POST',
  headers: { authorization: `Bearer ${readFileSync(TOKEN_FILE, 'utf8').trim()}`, 'content-type': 'application/json' },
  body: JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: SECRET }, stringData }),
});
if (response.status === 201) console.log(`made the Secret ${NAMESPACE}/${SECRET}`);
else if (response.status === 409) console.log(`the Secret ${NAMESPACE}/${SECRET} is there already and stays`);
else {
  console.error(
    `the API server answered ${response.status} for the Secret ${NAMESPACE}/${SECRET}: ${await response.text()}`,
  );
  process.exitCode = 1;
}
