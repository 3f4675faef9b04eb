// Where the version stands. package.json is the source; every other place is written from it and held against it by a test.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Place {
  file: string;
  /** Matches every place in the file; the version is what stands between the two groups. */
  pattern: RegExp;
}

const VERSION = String.raw`\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?`;
const at = (before: string, after = ''): RegExp => new RegExp(`(${before})${VERSION}(${after})`, 'gm');

export const VERSION_PLACES: readonly Place[] = [
  { file: 'package.json', pattern: at('^  "version": "', '"') },
  // The package itself, once at the top and once in the list of packages.
  { file: 'package-lock.json', pattern: at(String.raw`^(?:  |      )"name": "cc-proxy",\n +"version": "`, '"') },
  { file: 'Dockerfile', pattern: at('^ARG VERSION=', '$') },
  { file: 'README.md', pattern: at('cc-proxy-', String.raw`\.tgz`) },
  { file: 'docker-compose.yml', pattern: at('cc-proxy:', String.raw`\}`) },
  { file: '.env.example', pattern: at('CC_PROXY_IMAGE=cc-proxy:', '$') },
  { file: 'helm/cc-proxy/Chart.yaml', pattern: at('^version: ', '$') },
  { file: 'helm/cc-proxy/Chart.yaml', pattern: at('^appVersion: "', '"') },
  { file: 'deploy/kubernetes/kustomize/base/kustomization.yaml', pattern: at('^    version: ', '$') },
  { file: 'deploy/kubernetes/argo-cd/application.yaml', pattern: at('^ +targetRevision: ', '$') },
];

export function isVersion(text: string): boolean {
  return new RegExp(`^${VERSION}$`).test(text);
}

/** Every version that stands in a place, with its file. */
export function readVersions(root: string): Array<{ file: string; version: string }> {
  return VERSION_PLACES.flatMap(({ file, pattern }) => {
    const found = [...readFileSync(join(root, file), 'utf8').matchAll(pattern)];
    if (found.length === 0) throw new Error(`${file} has no version where ${pattern} looks for it`);
    return found.map(([all, before = '', after = '']) => ({
      file,
      version: all.slice(before.length, all.length - after.length),
    }));
  });
}

/** @returns the files that changed */
export function writeVersion(root: string, version: string): string[] {
  const changed = new Set<string>();
  for (const { file, pattern } of VERSION_PLACES) {
    const path = join(root, file);
    const before = readFileSync(path, 'utf8');
    const after = before.replace(pattern, (_all, start: string, end: string) => `${start}${version}${end}`);
    if (after === before) continue;
    writeFileSync(path, after);
    changed.add(file);
  }
  return [...changed];
}

/** What the changelog says of a version, without its heading; null when it says nothing. */
export function notesOf(changelog: string, version: string): string | null {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => text.split(/\s/, 1)[0] === version);
  const notes = section?.slice(section.indexOf('\n')).trim();
  return notes ? notes : null;
}
