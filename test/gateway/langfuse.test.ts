// The recipe for Langfuse in docs/observability.md: where spans go with it, as whom, and that session, user and trace metadata
// are there under names that it reads (https://langfuse.com/integrations/native/opentelemetry).
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { startCompareBed } from '../support/compare-bed.ts';
import { startOtlpSink } from '../support/otlp-sink.ts';
import { ROOT } from '../support/read-imports.ts';

const SESSION = '3f1c9a52-7d0e-4b8a-9e61-2a4c8f7b1d03';

describe('the recipe for Langfuse', () => {
  it('S2-19 sends spans to its address with its key, session, user and trace metadata under the names it documents', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-langfuse-'));
    const sink = await startOtlpSink();
    const page = readFileSync(join(ROOT, 'docs/observability.md'), 'utf8');
    const recipe = /### Langfuse\n\n```toml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const file = join(folder, 'langfuse.toml');
    writeFileSync(file, recipe.replace('https://cloud.langfuse.com', sink.url).replace(/<base64.*>/, 'cGs6c2s='));
    const bed = await startCompareBed({}, file);
    try {
      const headers = ['x-team', 'blue', 'user-agent', 'agent/1', 'x-other', 'not-asked-for'];
      await bed.ask({ headers, body: { metadata: { user_id: `user_1_account_2_session_${SESSION}` } } });
      const spans = await sink.waitFor((all) => all.some(({ name }) => name === 'proxy_request'), 15_000);
      const root = spans.find(({ name }) => name === 'proxy_request');
      // What it calls session, user and trace metadata.
      expect(root?.attributes['session.id']).to.equal(SESSION);
      expect(root?.attributes['user.id']).to.match(/^[0-9a-f]{8,}$/);
      expect(root?.attributes).to.include({
        'langfuse.trace.metadata.x-team': 'blue',
        'langfuse.trace.metadata.user-agent': 'agent/1',
      });
      // And what it shows of the model call.
      expect(root?.attributes).to.include.keys(
        'gen_ai.request.model',
        'gen_ai.usage.input_tokens',
        'input.value',
        'metadata',
      );

      const [request] = sink.requests();
      expect(request?.path).to.equal('/api/public/otel/v1/traces');
      expect(request?.headers.authorization).to.equal('Basic cGs6c2s=');
      const sent = sink.raw().toString('latin1');
      expect(sent).to.not.include('account_2').and.not.include('not-asked-for');
    } finally {
      await bed.stop();
      await sink.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }).timeout(20_000);
});
