import Anthropic from '@anthropic-ai/sdk';
import type { ToolUnion } from '@anthropic-ai/sdk/resources/messages';
import { expect } from 'chai';
import { geminiQuirks } from '#services/simulator/scenarios/gemini-quirks.ts';
import { responsesQuirks } from '#services/simulator/scenarios/responses-quirks.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { loadRecordings } from '../../support/recordings.ts';

const TOOLS: ToolUnion[] = ['Bash', 'Read'].map((name) => ({ name, input_schema: { type: 'object', properties: {} } }));
const SEARCH: ToolUnion[] = [{ type: 'web_search_20250305', name: 'web_search' }];

/** What a client must see where it is not a turn with calls: `!` and a status for an error, else the stop reason. */
const ENDINGS: Record<string, string> = {
  'responses-incomplete': 'max_tokens',
  'responses-incomplete-in-call': 'max_tokens',
  'responses-incomplete-other': 'max_tokens',
  'responses-completed-incomplete': 'max_tokens',
  'responses-content-filter': 'refusal',
  'responses-refusal': 'refusal',
  'responses-failed': '!',
  'responses-failed-first': '!500',
  'responses-failed-overflow': '!400',
  'responses-failed-rate-limit': '!429',
  'responses-cancelled': '!',
  'responses-no-ending': '!',
  'responses-empty': 'end_turn',
  'responses-error': '!',
  'responses-error-first': '!500',
  'responses-error-nested': '!',
  'gemini-signature-text': 'end_turn',
  'gemini-signature-empty-text': 'end_turn',
  'gemini-grounding': 'end_turn',
  'gemini-grounding-in-every': 'end_turn',
  'gemini-finish-never': '!',
  'gemini-finish-other': 'end_turn',
  'gemini-blocked-prompt': 'refusal',
  'gemini-safety': 'refusal',
  'gemini-recitation': 'refusal',
  'gemini-max-tokens': 'max_tokens',
  'gemini-malformed-call': '!500',
  'gemini-malformed-after-text': 'end_turn',
  'gemini-empty': 'end_turn',
  'gemini-error': '!',
  'gemini-error-first': '!500',
  'gemini-error-list': '!400',
  'gemini-400-key': '!502',
};

for (const { type, model, quirks } of [
  { type: 'openai-responses', model: 'gpt-5.4', quirks: responsesQuirks },
  { type: 'gemini', model: 'gemini-3-pro-preview', quirks: geminiQuirks },
]) {
  describe(`${type}: every quirk the simulator knows`, () => {
    let simulator: Simulator;
    let gateway: TestGateway;
    let client: Anthropic;
    before(async () => {
      simulator = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 4 });
      const target = { 'target.url': simulator.url, 'target.type': type, 'target.model': model, 'target.api_key': 'k' };
      gateway = await startTestGateway({ settings: { ...target, 'passthrough.url': 'http://127.0.0.1:9' } });
      client = new Anthropic({ baseURL: gateway.url, apiKey: 'client-key', maxRetries: 0 });
    });
    after(async () => {
      await gateway.stop();
      await simulator.stop();
    });

    it('conv Q-06 takes every recorded turn of every client, as its checks of the protocol see it', async () => {
      const refused: string[] = [];
      for (const recorded of loadRecordings()) {
        if (!/^\/v1\/messages(\?|$)/.test(recorded.url)) continue;
        const { safeguards: _, thread, ...request } = JSON.parse(recorded.body.toString()) as Record<string, unknown>;
        if (thread !== undefined) continue;
        simulator.use('text');
        const answer = await fetch(`${gateway.url}/v1/messages`, { method: 'POST', body: JSON.stringify(request) });
        const said = await answer.text();
        if (answer.status !== 200) refused.push(`${recorded.file} ${recorded.seq}: ${said}`);
      }
      expect(refused).to.deep.equal([]);
      expect(simulator.seen().length).to.be.above(40);
    }).timeout(20_000);

    for (const scene of Object.keys(quirks)) {
      it(`${scene} ends in ${ENDINGS[scene] ?? 'tool_use'}, streamed and not`, async () => {
        const request = {
          model: 'claude-x',
          max_tokens: 2000,
          messages: [{ role: 'user' as const, content: 'Do both.' }],
          tools: scene.includes('grounding') ? SEARCH : TOOLS,
          thinking: { type: 'adaptive' as const },
        };
        const seen: string[] = [];
        for (const ask of [
          () => client.messages.create(request),
          () => client.messages.stream(request).finalMessage(),
        ]) {
          simulator.use(scene);
          seen.push(await endingOf(ask()));
        }
        const wanted = ENDINGS[scene] ?? 'tool_use';
        if (wanted === '!') for (const ending of seen) expect(ending).to.match(/^!/);
        else expect(seen).to.deep.equal([wanted, wanted]);
      });
    }
  });
}

async function endingOf(asked: Promise<Anthropic.Message>): Promise<string> {
  try {
    const { stop_reason, content } = await asked;
    for (const block of content) if (block.type === 'tool_use') expect(block.input).to.be.an('object');
    return stop_reason ?? 'none';
  } catch (error) {
    if (!(error instanceof Anthropic.APIError)) throw error;
    return `!${error.status ?? ''}`;
  }
}
