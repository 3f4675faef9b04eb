// `cc-proxy transforms`: the steps that pipelines may be made of, for whoever writes one. Asks no gateway.
import { type DescribedStep, describeSteps } from '../parts.ts';

export function runTransforms(): void {
  process.stdout.write(`${describeSteps().map(toText).join('\n')}\n`);
}

function toText({ name, about, lists, at, params }: DescribedStep): string {
  const where = `${lists.join(', ')}${at.length > 0 ? '; at = "upstream"' : ''}`;
  const lines = params.map(({ name: param, about: what, required }) => `    ${param}${required ? '' : '?'}  ${what}`);
  return [`${name}  (${where})`, `  ${about}`, ...lines].join('\n');
}
