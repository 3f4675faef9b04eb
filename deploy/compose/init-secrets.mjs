// One-shot service of docker-compose.yml: writes the admin token and the passwords of database and Grafana into the folder
// it is given, each once. What is there already stays, so `docker compose up` may run any number of times.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2] ?? '/run/cc-proxy';

/** @returns the secret, made now or before */
function secret(name, mode) {
  const path = join(folder, name);
  if (!existsSync(path)) writeFileSync(path, randomBytes(24).toString('base64url'), { mode, flag: 'wx' });
  return readFileSync(path, 'utf8');
}

secret('admin-token', 0o600);
// The database runs under another user id: it has to be able to read this one.
const password = secret('postgres-password', 0o444);
// The client library ignores a password file that others may read.
const pgpass = join(folder, 'pgpass');
if (!existsSync(pgpass)) writeFileSync(pgpass, `*:*:ccproxy:ccproxy:${password}\n`, { mode: 0o600, flag: 'wx' });
// Grafana too is another user.
secret('grafana-password', 0o444);
console.log(`secrets are in ${folder}: admin-token, postgres-password, pgpass, grafana-password`);
