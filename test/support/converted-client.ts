// The whole way of a converted route: the real SDK → a gateway → an upstream of that protocol that plays recorded answers.
import { readFileSync } from 'node:fs';
import Anthropic from '@anthropic-ai/sdk';
import type { Message, MessageCreateParamsNonStreaming, MessageParam } from '@anthropic-ai/sdk/resources/messages';
import { expect } from 'chai';
import { failureOf } from './failure-of.ts';
import { type FakeUpstream, startFakeUpstream } from './fake-upstream.ts';
import { startTestGateway, type TestGateway } from './gateway.ts';

export interface ConvertedRoute {
  /** `target.type`; its fixtures are in the folder of that name. */
  type: string;
  model: string;
  /** Names of recorded streams. */
  streams: { text: string; thinkingTool: string; parallelTools: string; failed: string };
  /** Name of a recorded error of status 429. */
  limited: string;
  /** The header of the key and its value for the key `upstream-key`. */
  key: [string, string];
  path: string;
  /** The second turn after `thinkingTool`: does the upstream get its own state back? */
  expectReplay(body: Record<string, unknown>): void;
}

const ASK: MessageCreateParamsNonStreaming = {
  model: 'claude-opus-5-5',
  max_tokens: 1000,
  messages: [{ role: 'user', content: 'Look at /a.txt' }],
  tools: [{ name: 'Read', input_schema: { type: 'object', properties: { file_path: { type: 'string' } } } }],
  thinking: { type: 'adaptive' },
};

export function describeConvertedRoute(route: ConvertedRoute): void {
  describe(`${route.type}: the real SDK through a real gateway`, () => {
    let upstream: FakeUpstream;
    let gateway: TestGateway;
    let client: Anthropic;

    const start = async (): Promise<[TestGateway, Anthropic]> => {
      const started = await startTestGateway({
        settings: {
          'target.url': upstream.url,
          'target.type': route.type,
          'target.model': route.model,
          'target.api_key': 'upstream-key',
          'passthrough.url': 'http://127.0.0.1:9',
        },
      });
      return [started, new Anthropic({ baseURL: started.url, apiKey: 'client-key', maxRetries: 0 })];
    };
    const play = (name: string, cutAfter?: number): void => {
      const body = fixture(`streams/synthetic-${name}.sse`);
      upstream.answer = cutAfter === undefined ? { body } : { body, cutAfter };
    };
    const fixture = (path: string): Buffer =>
      readFileSync(new URL(`../fixtures/${route.type}/${path}`, import.meta.url));
    const told = ({ model, content, stop_reason, stop_sequence, usage }: Message) => ({
      ...{ model, content, stop_reason, stop_sequence, usage },
    });

    before(async () => {
      upstream = await startFakeUpstream();
      [gateway, client] = await start();
    });
    after(async () => {
      await gateway.stop();
      await upstream.stop();
    });
    beforeEach(() => {
      upstream.asked.length = 0;
    });

    for (const name of ['text', 'thinkingTool', 'parallelTools'] as const) {
      it(`gives ${name} the same streamed and not`, async () => {
        play(route.streams[name]);
        const streamed = await client.messages.stream(ASK).finalMessage();
        const whole = await client.messages.create(ASK);
        expect(told(whole)).to.deep.equal(told(streamed));
        expect(whole).to.include({ type: 'message', role: 'assistant', model: ASK.model });
        expect(whole.id).to.match(/^msg_/);
        expect(whole.usage.input_tokens).to.be.above(0);
        expect(upstream.asked.map(({ path }) => path)).to.deep.equal([route.path, route.path]);
      });
    }

    it("brings the gateway's own key in the protocol's header, and none of the client's", async () => {
      play(route.streams.text);
      await client.messages.create(ASK);
      const [header, value] = route.key;
      const headers = upstream.asked[0]?.headers ?? {};
      expect(headers[header]).to.equal(value);
      expect(JSON.stringify(upstream.asked)).not.to.contain('client-key');
      expect(upstream.asked[0]?.path).not.to.contain('upstream-key');
    });

    it('gives each parallel call its own block and id', async () => {
      play(route.streams.parallelTools);
      const { content, stop_reason } = await client.messages.create(ASK);
      const calls = content.flatMap((block) => (block.type === 'tool_use' ? [block] : []));
      expect(calls.slice(0, 2).map(({ input }) => input)).to.deep.equal([{ file_path: '/a' }, { file_path: '/b' }]);
      expect(new Set(calls.map(({ id }) => id)).size).to.equal(calls.length);
      expect(stop_reason).to.equal('tool_use');
    });

    it('conv T-07 conv G-04 C-04 C-19 brings thinking back to the upstream on the next turn, through another gateway', async () => {
      play(route.streams.thinkingTool);
      const { content } = await client.messages.stream(ASK).finalMessage();
      const results = content.flatMap((block) =>
        block.type === 'tool_use' ? [{ type: 'tool_result' as const, tool_use_id: block.id, content: 'line 1' }] : [],
      );
      expect(content[0]).to.have.property('type', 'thinking');
      const messages: MessageParam[] = [
        ...ASK.messages,
        { role: 'assistant', content },
        { role: 'user', content: results },
      ];
      const [another, otherClient] = await start();
      try {
        play(route.streams.text);
        upstream.asked.length = 0;
        await otherClient.messages.stream({ ...ASK, messages }).finalMessage();
      } finally {
        await another.stop();
      }
      route.expectReplay(upstream.asked[0]?.body ?? {});
    });

    it('keeps the status of an error that comes before the answer', async () => {
      upstream.answer = {
        status: 429,
        headers: { 'content-type': 'application/json' },
        body: fixture(`errors/${route.limited}.json`),
      };
      for (const call of [() => client.messages.create(ASK), () => client.messages.stream(ASK).finalMessage()]) {
        const error = await failureOf(call());
        expect(error.status).to.equal(429);
        expect(error.error).to.have.nested.property('error.type', 'rate_limit_error');
        expect(error.headers?.get('x-ccproxy-mode')).to.equal('target');
      }
    });

    it("tells a refused key as the gateway's failure", async () => {
      upstream.answer = { status: 401, body: '{"error":{"message":"bad key upstream-key"}}' };
      const error = await failureOf(client.messages.create(ASK));
      expect(error.status).to.equal(502);
      expect(error.headers?.get('x-should-retry')).to.equal('false');
      expect(error.message).not.to.contain('upstream-key');
    });

    it('P3 ends a stream that fails or breaks off in one error, and never in message_stop', async () => {
      const whole = fixture(`streams/synthetic-${route.streams.text}.sse`);
      const begun = whole.indexOf('\n', whole.indexOf('Grü')) + 3;
      for (const cut of [undefined, begun]) {
        play(cut === undefined ? route.streams.failed : route.streams.text, cut);
        const body = JSON.stringify({ ...ASK, stream: true });
        const answer = await fetch(`${gateway.url}/v1/messages`, { method: 'POST', body });
        const events = [...(await answer.text()).matchAll(/^event: (.*)$/gm)].map(([, event]) => event);
        expect(events.filter((event) => event === 'error')).to.have.length(1);
        expect(events.at(-1)).to.equal('error');
        expect(events).to.include('content_block_delta').and.not.to.include('message_stop');
        await failureOf(client.messages.create(ASK));
      }
    });
  });
}
