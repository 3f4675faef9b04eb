import { expect } from 'chai';
import fc from 'fast-check';
import { type Drift, findDrift } from '#shared/messages/find-drift.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { loadRecordings, type RecordedRequest } from '../../support/recordings.ts';

function driftOf(recorded: Pick<RecordedRequest, 'rawHeaders' | 'body'>): Drift[] {
  const pairs = recorded.rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [[name.toLowerCase(), recorded.rawHeaders[index + 1] ?? ''] as const] : [],
  );
  return findDrift({
    request: JSON.parse(recorded.body.toString('utf8')) as MessagesRequest,
    headerNames: pairs.map(([name]) => name),
    betas: pairs.find(([name]) => name === 'anthropic-beta')?.[1] ?? '',
    isOurModel: () => false,
  });
}

const recordings = loadRecordings().filter(({ url }) => url.startsWith('/v1/messages'));

describe('drift', () => {
  it('M-10 no recorded request raises any, but for the beta that one user made up', () => {
    const raised = recordings.flatMap((recorded) =>
      driftOf(recorded).map((drift) => ({ file: recorded.file, ...drift })),
    );
    expect(recordings.length).to.be.at.least(75);
    expect(raised).to.deep.equal([{ file: 'cc-custom', kind: 'beta', path: 'foo-2025-01-01' }]);
  });

  it('M-10 a request with something new in every place raises exactly that, without a value', () => {
    const [recorded] = recordings;
    if (!recorded) throw new Error('no recording');
    const secret = 'sk-ant-secret';
    const original = JSON.parse(recorded.body.toString('utf8')) as MessagesRequest;
    const request = {
      ...original,
      model: 'holo-large-3',
      mood: secret,
      thinking: { type: 'adaptive', depth: secret },
      tools: [
        { name: 'A', input_schema: {}, colour: secret },
        { type: 'web_search_20990101', name: 'w', anything: 1 },
      ],
      messages: [
        { role: 'user', content: 'hi', weather: secret },
        {
          role: 'user',
          content: [
            { type: 'hologram', of: secret },
            { type: 'text', text: secret, accent: secret },
            { type: 'tool_result', tool_use_id: 't', content: [{ type: 'smell', of: secret }] },
          ],
        },
      ],
    };
    const rawHeaders = [
      ...['anthropic-beta', 'claude-code-20250219, warp-2027-01-01'],
      ...['anthropic-mood', secret, 'x-claude-code-shoe-size', secret, 'x-team', 'blue'],
    ];
    const drift = driftOf({ rawHeaders, body: Buffer.from(JSON.stringify(request)) });
    expect(drift).to.have.deep.members([
      { kind: 'header', path: 'anthropic-mood' },
      { kind: 'header', path: 'x-claude-code-shoe-size' },
      { kind: 'beta', path: 'warp-2027-01-01' },
      { kind: 'field', path: 'mood' },
      { kind: 'field', path: 'thinking.depth' },
      { kind: 'field', path: 'tools[].colour' },
      { kind: 'field', path: 'messages[].weather' },
      { kind: 'field', path: 'messages[].content[text].accent' },
      { kind: 'block', path: 'messages[].content[hologram]' },
      { kind: 'block', path: 'messages[].content[tool_result].content[smell]' },
      { kind: 'model', path: 'holo-large' },
    ]);
    expect(JSON.stringify(drift)).to.not.include(secret);
  });

  it('M-10 names of models of any version of a known family raise none, ours under their aliases neither', () => {
    const modelDrift = (model: string, isOurModel = (_: string): boolean => false): Drift[] =>
      findDrift({ request: { model, messages: [] }, headerNames: [], betas: '', isOurModel });
    for (const model of [
      'claude-opus-9',
      'claude-3-5-haiku-20241022',
      'gpt-9',
      'openai/o9-mini',
      'glm-5-fp8',
      'claude-glm-5-fp8',
    ]) {
      expect(modelDrift(model), model).to.deep.equal([]);
    }
    expect(modelDrift('house-model', (name) => name === 'house-model')).to.deep.equal([]);
    expect(modelDrift('claude-nimbus-1')).to.deep.equal([{ kind: 'model', path: 'claude-nimbus' }]);
  });

  it('tells no name that does not look like one, and never throws', () => {
    const strange = { 'a secret: hunter2': 1, ['x'.repeat(100)]: 2 };
    const drift = findDrift({
      request: { model: 'gpt-5', messages: [], ...strange },
      headerNames: [],
      betas: '',
      isOurModel: () => false,
    });
    expect(drift).to.deep.equal([{ kind: 'field', path: '(unnamed)' }]);
    fc.assert(
      fc.property(fc.object(), fc.array(fc.string()), fc.string(), (request, headerNames, betas) => {
        const body = { ...request, messages: Object.values(request) } as unknown as MessagesRequest;
        findDrift({ request: body, headerNames, betas, isOurModel: () => false });
      }),
    );
  });
});
