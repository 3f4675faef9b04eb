// The examples of deploy/kubernetes, built as their page says. The chart that they name is not published here: the one of
// this repository is put where kustomize keeps what it has pulled.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isThere, run } from './tools.ts';

export interface ExampleOptions {
  root: string;
  /** For copies and what is built. */
  folder: string;
  version: string;
  report(name: string, problems: readonly string[], note?: string): void;
  notRun(name: string, why: string): void;
}

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string };
}

const OVERLAY = 'kustomize/overlays/production';

/** @returns the files with manifests */
export function buildExamples({ root, folder, version, report, notRun }: ExampleOptions): string[] {
  const copy = join(folder, 'kubernetes');
  cpSync(join(root, 'deploy/kubernetes'), copy, { recursive: true });
  const application = join(copy, 'argo-cd/application.yaml');
  if (!isThere('kustomize', 'version')) {
    notRun('kustomize build --enable-helm', 'kustomize is not in PATH');
    return [application];
  }
  const chart = join(copy, `kustomize/base/charts/cc-proxy-${version}/cc-proxy`);
  cpSync(join(root, 'helm/cc-proxy'), chart, { recursive: true, dereference: true });
  const { ok, stdout, stderr } = run('kustomize', ['build', '--enable-helm', join(copy, OVERLAY)]);
  const manifests = ok ? parseAllDocuments(stdout).map((document) => document.toJS() as Manifest) : [];
  const strange = manifests.filter(({ kind, metadata }) => kind === 'Pod' || metadata.namespace !== 'cc-proxy');
  const problems = ok ? strange.map(({ kind, metadata }) => `${kind} ${metadata.name} is no part of it`) : [stderr];
  report(`kustomize build --enable-helm ${OVERLAY}`, problems, `${manifests.length} objects`);
  if (!ok) return [application];
  const built = join(folder, 'kustomize.yaml');
  writeFileSync(built, stdout);
  return [built, application];
}

/** The manifests of a file in another namespace: the one they name may not be there. */
export function moveTo(namespace: string, file: string): string {
  return readFileSync(file, 'utf8').replace(/^( {2}namespace: ).+$/gm, `$1${namespace}`);
}
