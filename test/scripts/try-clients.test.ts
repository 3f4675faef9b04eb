// The trials of clients: that their judge sees what it has to see, and that a client which needs no installation goes
// through them.
import { expect } from 'chai';
import type { SeenRequest } from '#services/simulator/service.ts';
import type { Client, ClientRun } from '../../scripts/clients/client.ts';
import { judge } from '../../scripts/clients/judge.ts';
import { messagesSdk } from '../../scripts/clients/messages-sdk.ts';
import { writePage } from '../../scripts/clients/page.ts';
import { runCase } from '../../scripts/clients/run-case.ts';
import { SCENES, type SceneName } from '../../scripts/clients/scenes.ts';
import type { TappedCall } from '../../scripts/clients/tap.ts';
import type { Trial } from '../../scripts/clients/trial.ts';
import { findUpstream, usualUpstreams } from '../../scripts/clients/upstreams.ts';
import { chooseCases } from '../../scripts/try-clients.ts';

const SECRETS = { fileA: 'alder1', fileB: 'birch1', page: 'cedar1', summary: 'durian1' };
const USAGE = { input_tokens: 10, output_tokens: 2 };
const STREAM = [
  { type: 'message_start', message: { id: 'msg_1', type: 'message', role: 'assistant', content: [], usage: USAGE } },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hi' } },
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: USAGE },
  { type: 'message_stop' },
];

function toSse(events: Array<{ type: string }>): Buffer {
  return Buffer.from(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''));
}

function tapped(body: Record<string, unknown>, changes: Partial<TappedCall> = {}): TappedCall {
  return {
    method: 'POST',
    path: '/v1/messages',
    headers: {},
    body: Buffer.from(JSON.stringify({ stream: true, ...body })),
    status: 200,
    answerHeaders: {},
    answer: toSse(STREAM),
    isCut: false,
    ...changes,
  };
}

function seen(seq: number, changes: Partial<SeenRequest> = {}): SeenRequest {
  const [method, path] = ['POST', '/v1/chat/completions'];
  return { seq, method, path, url: path, sha256: `hash ${seq}`, hungUp: false, ...changes } as SeenRequest;
}

interface Story {
  scene?: SceneName;
  calls: TappedCall[];
  requests: SeenRequest[];
  statuses?: Array<[number, number]>;
}

function toTrial({ scene = 'tool', calls, requests, statuses }: Story): Trial {
  return {
    scene: SCENES[scene],
    secrets: SECRETS,
    tap: { url: '', calls },
    simulator: { seen: () => requests },
    statuses: new Map(statuses ?? requests.map(({ seq }) => [seq, 200])),
  } as unknown as Trial;
}

const GOOD: ClientRun = { code: 0, output: 'Known by now: alder1.' };
const [FIRST, SECOND] = [tapped({ messages: ['one'] }), tapped({ messages: ['one', 'two'] })];
const REQUESTS = [seen(1), seen(2)];
const SEARCH = { messages: ['search'], tools: [{ type: 'web_search_20250305', name: 'web_search' }] };

function reasons(story: Partial<Story>, run: ClientRun = GOOD): string {
  return judge(toTrial({ calls: [FIRST, SECOND], requests: REQUESTS, ...story }), run).reasons.join('; ');
}

describe('trials of clients', () => {
  it('pass a run in which all was asked once and answered', () => {
    const verdict = judge(toTrial({ calls: [FIRST, SECOND], requests: REQUESTS }), GOOD);
    expect(verdict).to.deep.equal({ outcome: 'pass', reasons: [], requests: 2 });
  });

  it('fail a client that ends badly, not at all, or without the words it was to bring', () => {
    expect(reasons({}, { code: 1, output: 'API Error' })).to.equal('the client ended with 1: API Error');
    expect(reasons({}, { code: null, output: '' })).to.equal('the client did not come to an end in time');
    expect(reasons({}, { code: 0, output: 'Done.' })).to.equal('the last answer lacks alder1: Done.');
  });

  it('fail a client that repeats itself, falls back to no stream, or is answered with an error', () => {
    expect(reasons({ calls: [FIRST, tapped({ messages: ['one'], model: 'other' })] })).to.include('repeats request 1');
    const whole = tapped({ messages: ['one'], stream: false }, { answer: Buffer.from('{}') });
    expect(reasons({ calls: [FIRST, whole] })).to.include('falls back, without a stream, from request 1');
    const refused = tapped({ messages: ['x'] }, { status: 400, answer: Buffer.from('no such field') });
    expect(reasons({ calls: [refused, FIRST, SECOND] })).to.include('was answered 400: no such field');
    expect(reasons({ calls: [FIRST, { ...SECOND, isCut: true }] })).to.include('was not answered to the end');
    expect(reasons({ calls: [], requests: [] })).to.equal('the client asked nothing');
  });

  it('fail a stream that breaks the rules of the protocol', () => {
    const unfinished = tapped({ messages: ['one', 'two'] }, { answer: toSse(STREAM.slice(0, -1)) });
    expect(reasons({ calls: [FIRST, unfinished] })).to.equal(
      'request 2 of the client got a stream that breaks no_message_stop',
    );
  });

  it('fail a gateway that asks the server twice, is refused by it, gives up, or asks for something strange', () => {
    expect(reasons({ requests: [...REQUESTS, seen(3)] })).to.include(
      'the client got 2 answers, the server was asked 3 times',
    );
    expect(reasons({ requests: [seen(1), seen(2, { sha256: 'hash 1' })] })).to.include(
      'the server was asked the same twice',
    );
    expect(
      reasons({
        statuses: [
          [1, 200],
          [2, 429],
        ],
      }),
    ).to.equal('request 2 to the server was answered 429');
    expect(reasons({ requests: [seen(1), seen(2, { hungUp: true })] })).to.equal(
      'request 2 to the server was given up',
    );
    const strange = seen(3, { method: 'GET', path: '/nowhere', url: '/nowhere' });
    expect(reasons({ requests: [...REQUESTS, strange] })).to.equal('the server was asked for GET /nowhere');
  });

  it('pass no search that was answered without its blocks, or never asked for', () => {
    const run = { code: 0, output: 'cedar1' };
    expect(reasons({ scene: 'web-search' }, run)).to.equal('the client never asked for a search');
    const told = judge(toTrial({ scene: 'web-search', calls: [tapped(SEARCH)], requests: [seen(1)] }), run);
    expect(told.reasons).to.deep.equal([
      'the search was answered without server_tool_use, web_search_tool_result, web_search_result',
    ]);
  });

  it('pass no search that was refused, by a block or by a status', () => {
    const run = { code: 0, output: 'Nothing yet.' };
    const content = { type: 'web_search_tool_result_error', error_code: 'unavailable' };
    const block = { type: 'content_block_start', index: 0, content_block: { type: 'web_search_tool_result', content } };
    const failed = tapped(SEARCH, { answer: toSse([...STREAM.slice(0, 1), block, ...STREAM.slice(3)]) });
    const told = judge(toTrial({ scene: 'web-search', calls: [failed], requests: [seen(1)] }), run);
    expect(told.outcome).to.equal('refused');
    expect(told.reasons).to.deep.equal(['the search is answered with the error unavailable']);
    const answer = Buffer.from('{"error":{"message":"web_search_20250305: this server has none"}}');
    const calls = [tapped(SEARCH, { status: 400, answer }), tapped(SEARCH, { status: 400, answer }), FIRST];
    const refused = judge(toTrial({ scene: 'web-search', calls, requests: [seen(1)] }), run);
    expect(refused.outcome).to.equal('refused');
    expect(refused.reasons[0]).to.equal('asked for 2 times, answered 400: web_search_20250305: this server has none');
  });

  it('count the requests that tell a model what was searched for it', () => {
    const run = { code: 0, output: 'cedar1' };
    const result = { type: 'web_search_result' };
    const blocks = [{ type: 'server_tool_use' }, { type: 'web_search_tool_result', content: [result] }];
    const answer = Buffer.concat([toSse(STREAM), Buffer.from(`: ${JSON.stringify(blocks)}\n\n`)]);
    const search = seen(2, { path: '/search-engines/tavily/search', url: '/search-engines/tavily/search' });
    const story = { scene: 'web-search' as const, calls: [tapped(SEARCH, { answer })] };
    expect(judge(toTrial({ ...story, requests: [seen(1), search, seen(3)] }), run).outcome).to.equal('pass');
    expect(judge(toTrial({ ...story, requests: [seen(1), search] }), run).reasons).to.deep.equal([
      'the client got 1 answers after 1 searches, the server was asked 1 times',
    ]);
  });

  it('choose cases by client, provider and scene, and refuse a word that is none of them', () => {
    const clients = [messagesSdk('1.0.0')];
    const choose = (only: string[]): string[] =>
      chooseCases(clients, ['gemini', 'openai'], only).map(({ provider, scene }) => `${provider} ${scene}`);
    expect(choose([])).to.have.length(6);
    expect(choose(['gemini', 'tool', 'parallel'])).to.deep.equal(['gemini tool', 'gemini parallel']);
    expect(choose(['sdk', 'web-search'])).to.deep.equal(['gemini web-search', 'openai web-search']);
    expect(() => choose(['nonsense'])).to.throw('--only nonsense is none of');
  });

  it('know how each kind of server is reached, and refuse one that is none', () => {
    for (const name of usualUpstreams()) {
      expect(findUpstream(name).settings('http://sim')).to.include.keys('type', 'url', 'model');
    }
    expect(findUpstream('azure').settings('http://sim')).to.include({ deployment: 'coder', api_version: '2024-10-21' });
    expect(findUpstream('anthropic:vllm').settings('http://sim')).to.include({ profile: 'vllm' });
    expect(() => findUpstream('nonsense')).to.throw('no provider type "nonsense"');
    expect(() => findUpstream('anthropic:nonsense')).to.throw('no profile "nonsense"');
  });

  it('write a page with a table for each client, and in words what is no pass', () => {
    const client = { name: 'Client 1', key: 'client' } as Client;
    const verdict = { outcome: 'fail' as const, reasons: ['it broke'], requests: 1 };
    const page = writePage({
      command: 'scripts/try-clients',
      date: '2026-01-01',
      node: '24.0.0',
      results: [
        { client, provider: 'gemini', scene: 'tool', verdict, output: '', tookMs: 1000 },
        { client, provider: 'openai', scene: 'tool', verdict, output: '', tookMs: 1000 },
      ],
    });
    expect(page).to.include('| gemini | **fail** | – | – | – | – |');
    expect(page).to.include('- tool: it broke\n  (Client 1: gemini, openai)');
  });

  for (const provider of usualUpstreams().filter((name) => !name.includes(':'))) {
    it(`let the Messages SDK make parallel calls before ${provider}`, async () => {
      const { verdict } = await runCase({ client: messagesSdk('installed'), provider, scene: 'parallel' });
      expect(verdict).to.deep.equal({ outcome: 'pass', reasons: [], requests: 2 });
    }).timeout(20_000);
  }

  for (const provider of ['openai-responses', 'gemini', 'openrouter']) {
    it(`let the Messages SDK search the web before ${provider}, with the blocks of a search`, async () => {
      const { verdict } = await runCase({ client: messagesSdk('installed'), provider, scene: 'web-search' });
      expect(verdict).to.deep.equal({ outcome: 'pass', reasons: [], requests: 1 });
    }).timeout(20_000);
  }

  for (const provider of ['openai-chat', 'openai', 'azure', 'ollama', 'anthropic:vllm']) {
    it(`let the Messages SDK search the web before ${provider}, whose searches the gateway makes`, async () => {
      const { verdict } = await runCase({ client: messagesSdk('installed'), provider, scene: 'web-search' });
      expect(verdict).to.deep.equal({ outcome: 'pass', reasons: [], requests: 1 });
    }).timeout(20_000);
  }
});
