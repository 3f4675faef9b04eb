// The collector's second line: a span of somebody else with secrets in it loses them on the way, and nothing that is none.
import { randomBytes } from 'node:crypto';
import { dig, getJson, listAt, poll } from './docker.ts';
import type { Report } from './report.ts';
import type { Stack } from './stack.ts';

/** Each in the form that it has in the world, and none of them real. */
const PLANTED: Record<string, string> = {
  'planted.anthropic': `sk-ant-api03-${'A1b2'.repeat(8)}`,
  'planted.openai': `sk-${'C3d4'.repeat(8)}`,
  'planted.aws': `AKIA${'ABCD'.repeat(4)}`,
  'planted.github': `ghp_${'e5F6'.repeat(9)}`,
  'planted.jwt': `eyJ${'hbGci'.repeat(3)}.eyJ${'zdWIi'.repeat(3)}.${'c2ln'.repeat(5)}`,
  'planted.bearer': `Bearer ${'t0ken'.repeat(5)}`,
  'planted.mail': 'somebody@mail.example.org',
  'http.request.header.authorization': 'anything at all',
};
const HARMLESS: Record<string, string> = {
  'planted.text': 'a task-list, no secret',
  'llm.token_count.prompt': '25000',
};

export async function verifyCollector(stack: Stack, report: Report): Promise<void> {
  const traceId = randomBytes(16).toString('hex');
  const now = `${Date.now()}000000`;
  const attributes = Object.entries({ ...PLANTED, ...HARMLESS }).map(([key, value]) => ({
    key,
    value: { stringValue: value },
  }));
  const span = {
    ...{ traceId, spanId: randomBytes(8).toString('hex'), name: 'planted', kind: 1 },
    ...{ startTimeUnixNano: now, endTimeUnixNano: now, attributes },
  };
  const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
  const sent = stack.evaluate(
    'console',
    `const r = await fetch('http://collector:4318/v1/traces', {
       method: 'POST', headers: { 'content-type': 'application/json' }, body: ${JSON.stringify(body)} });
     if (!r.ok) throw new Error(await r.text());`,
  );
  const trace = await poll(60, 500, () => getJson(`${stack.url('JAEGER_PORT')}/api/traces/${traceId}`));
  const tags = listAt(trace, 'data', 0, 'spans', 0, 'tags');
  const valueAt = (key: string): unknown =>
    dig(
      tags.find((tag) => dig(tag, 'key') === key),
      'value',
    );
  const arrived = sent.stderr === '' && tags.length > 0 ? [] : [sent.stderr, 'the span did not arrive'];
  const kept = Object.entries(PLANTED).flatMap(([key, value]) => (String(valueAt(key)).includes(value) ? [key] : []));
  report.check('the collector hides what looks like a secret', [...arrived, ...kept], Object.keys(PLANTED).join(', '));
  const harmed = Object.entries(HARMLESS).flatMap(([key, value]) => (valueAt(key) === value ? [] : [key]));
  report.check('and nothing else, token counts least of all', [...arrived, ...harmed]);
}
