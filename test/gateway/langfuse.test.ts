// The recipe for Langfuse in docs/observability.md: where spans go with it, as whom, and under which names it finds session,
// user and what else is known (https://langfuse.com/integrations/native/opentelemetry).
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { startCompareBed } from '../support/compare-bed.ts';
import { startOtlpSink } from '../support/otlp-sink.ts';
import { ROOT } from '../support/read-imports.ts';

const SESSION = '3f1c9a52-7d0e-4b8a-9e61-2a4c8f7b1d03';

describe('the recipe for Langfuse', () => {
  it('sends spans to its address with its key, session, user and metadata among them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-langfuse-'));
    const sink = await startOtlpSink();
    const page = readFileSync(join(ROOT, 'docs/observability.md'), 'utf8');
    const recipe = /### Langfuse\n\n```toml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const file = join(folder, 'langfuse.toml');
    writeFileSync(file, recipe.replace('https://cloud.langfuse.com', sink.url).replace(/<base64.*>/, 'cGs6c2s='));
    const bed = await startCompareBed({}, file);
    try {
      await bed.ask({ body: { metadata: { user_id: `user_1_account_2_session_${SESSION}` } } });
      await sink.waitForRequests(1, 15_000);
      const [request] = sink.requests();
      expect(request?.path).to.equal('/api/public/otel/v1/traces');
      expect(request?.headers.authorization).to.equal('Basic cGs6c2s=');
      const sent = sink.raw().toString('latin1');
      for (const name of ['session.id', SESSION, 'user.id', 'metadata', 'gen_ai.request.model', 'input.value']) {
        expect(sent, name).to.include(name);
      }
      expect(sent).to.not.include('account_2');
    } finally {
      await bed.stop();
      await sink.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }).timeout(20_000);
});
