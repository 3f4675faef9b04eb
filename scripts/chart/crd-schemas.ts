// CustomResourceDefinitions → JSON schemas for kubeconform, strict as the built-in ones: no field that is not named.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

interface Crd {
  kind?: string;
  spec?: {
    group: string;
    names: { kind: string };
    versions: Array<{ name: string; schema?: { openAPIV3Schema?: unknown } }>;
  };
}

/** @returns the `-schema-location` that finds them */
export function writeCrdSchemas(crdFolder: string, outFolder: string): string {
  for (const file of readdirSync(crdFolder).filter((name) => /\.ya?ml$/.test(name))) {
    for (const document of parseAllDocuments(readFileSync(join(crdFolder, file), 'utf8'))) {
      const { kind, spec } = document.toJS() as Crd;
      if (kind !== 'CustomResourceDefinition' || !spec) continue;
      for (const { name, schema } of spec.versions) {
        const folder = join(outFolder, spec.group);
        mkdirSync(folder, { recursive: true });
        const path = join(folder, `${spec.names.kind.toLowerCase()}_${name}.json`);
        writeFileSync(path, JSON.stringify(close(schema?.openAPIV3Schema ?? {}, true)));
      }
    }
  }
  return join(outFolder, '{{.Group}}', '{{.ResourceKind}}_{{.ResourceAPIVersion}}.json');
}

/** Forbids unknown fields wherever fields are listed; at the top Kubernetes' own are known too. */
function close(schema: unknown, isTop: boolean): unknown {
  if (Array.isArray(schema)) return schema.map((item) => close(item, false));
  if (schema === null || typeof schema !== 'object') return schema;
  const closed = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, close(value, false)]));
  const isOpen = closed['x-kubernetes-preserve-unknown-fields'] === true || closed.additionalProperties !== undefined;
  if (closed.properties !== undefined && typeof closed.properties === 'object' && closed.type === 'object' && !isOpen) {
    return { ...closed, additionalProperties: false };
  }
  return isTop ? { ...closed } : closed;
}
