// Whatever a client asks and whatever steps an operator writes: what is sent is JSON or refused by the name of a field, what
// no step is about stays, and what an answer becomes breaks no rule.
import { expect } from 'chai';
import fc from 'fast-check';
import type { StepSetting } from '#shared/config/schema.ts';
import { GatewayError } from '#shared/errors.ts';
import { type AnthropicEvent, createMessageWriter } from '#shared/messages/message-writer.ts';
import { findProvider } from '#shared/providers/index.ts';
import type { Target } from '#shared/providers/target.ts';
import { convertRequest } from '#shared/upstream/convert-request.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { pipelineOf } from '../pipelines.ts';
import { loadProviderFixtures } from '../provider-fixtures.ts';
import { testTarget } from '../target.ts';
import { type FuzzProperty, fuzzProperty } from './fuzz-property.ts';
import { anyRequest } from './request-shapes.ts';
import { NOTE, PLACE } from './requests.ts';
import { expectClean, looseVerb } from './writer-verbs.ts';

const names = fc.constantFrom(
  'messages',
  'system',
  'tools',
  'content',
  'thinking',
  'metadata',
  'max_tokens',
  'role',
  'text',
  'a.b',
);
const segment = fc.oneof(
  { weight: 3, arbitrary: names.map((name) => (name === 'a.b' ? '["a.b"]' : `.${name}`)) },
  { weight: 1, arbitrary: fc.constantFrom('[0]', '[1]', '[*]') },
);
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => `$${segments.join('')}`);
const value = fc
  .jsonValue({ maxDepth: 2, noUnicodeString: false })
  .filter((given) => !JSON.stringify(given).match(/null|__proto__/));
const tables = fc.dictionary(names, value, { maxKeys: 3 });

const bodyStep = fc.oneof(
  fc.record({ use: fc.constant('body-set'), path, value }),
  fc.record({ use: fc.constant('body-delete'), path }),
  fc.record({ use: fc.constant('body-append'), path, value }),
  fc.record({ use: fc.constant('body-merge'), path, value: tables }),
);
const promptStep: fc.Arbitrary<StepSetting> = fc.oneof(
  fc.constantFrom('drop-billing-block', 'fold-system', 'strip-git-status', 'effort', 'cache-breakpoints'),
  fc.record({ use: fc.constant('shorten-tool-descriptions'), max_chars: fc.integer({ min: 20, max: 40 }) }),
  fc.record({ use: fc.constant('cache-breakpoints'), max: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ use: fc.constant('effort'), level: fc.constantFrom('low', 'max') }),
);
const headerStep = fc.record({
  use: fc.constant('header-set'),
  name: fc.constantFrom('x-a', 'X-B'),
  value: fc.constant('v'),
});
const requestSteps = fc.array(
  fc.oneof(
    bodyStep,
    promptStep,
    headerStep,
    bodyStep.map((step) => ({ ...step, at: 'upstream' })),
  ),
  { maxLength: 6 },
);

/** Members of a request that prompt steps are about. */
const CHANGED: ReadonlySet<string> = new Set(['messages', 'system', 'tools', 'output_config']);

function allTargets(): Map<string, Target> {
  const known = loadProviderFixtures().flatMap(({ variants }) => variants.map(({ target }) => target));
  const native = testTarget({ type: 'anthropic' });
  return new Map([native, ...known].map((target, index) => [`${index} ${target.type} ${target.profile}`, target]));
}

export function pipelineProperties(): FuzzProperty[] {
  const targets = allTargets();
  const change = (steps: readonly StepSetting[], request: MessagesRequest): MessagesRequest =>
    pipelineOf([...steps]).changeRequest(request, []);
  return [
    fuzzProperty(
      'any request through any steps is sent as JSON, or refused by name',
      4,
      fc.property(fc.constantFrom(...targets.keys()), anyRequest, requestSteps, (name, request, steps) => {
        const target: Target = { ...(targets.get(name) ?? testTarget()), pipeline: pipelineOf(steps) };
        const provider = findProvider(target);
        if (provider === null) throw new Error('a pipeline is converted');
        const before = JSON.stringify(request);
        try {
          const { upstream, notes } = convertRequest(request, provider, target, { sessionId: null });
          expect(JSON.parse(String(upstream.body))).to.be.an('object');
          for (const note of notes) expect(note).to.match(NOTE);
        } catch (error) {
          if (!(error instanceof GatewayError) || error.status !== 400) throw error;
          expect(error.message).to.match(PLACE);
        }
        expect(JSON.stringify(request), 'the request is left as it was').to.equal(before);
      }),
    ),
    fuzzProperty(
      'steps on the prompt keep every member they are not about, and run in their order',
      2,
      fc.property(
        anyRequest,
        fc.dictionary(fc.string(), value),
        fc.array(promptStep, { maxLength: 4 }),
        (request, more, steps) => {
          const given = { ...more, ...request };
          const changed = change(steps, given);
          for (const [name, member] of Object.entries(given)) {
            if (!CHANGED.has(name)) expect(changed[name], name).to.equal(member);
          }
          expect(steps.reduce((last, step) => change([step], last), given)).to.deep.equal(changed);
        },
      ),
    ),
    fuzzProperty(
      'whatever a reader says through steps on answers, what is written breaks no rule',
      2,
      fc.property(
        fc.array(looseVerb, { maxLength: 14 }),
        fc.subarray(['think-tags', 'repair-tool-json'], { minLength: 1 }),
        fc.constantFrom('shown' as const, 'state' as const, 'none' as const),
        (verbs, steps, thinking) => {
          const events: AnthropicEvent[] = [];
          const start = { id: 'msg_1', model: 'm', usage: { input_tokens: 1, output_tokens: 0 } };
          const writer = createMessageWriter(start, (event) => events.push(structuredClone(event)));
          const wrapped = pipelineOf([], steps).wrapWriter(writer, thinking);
          for (const verb of verbs) {
            try {
              verb(wrapped);
            } catch (error) {
              const isKnown =
                error instanceof GatewayError || /has ended|started twice|not started/.test(String(error));
              if (!isKnown) throw error;
            }
          }
          expectClean(events, events.at(-1)?.type !== 'message_stop');
          expect(wrapped.hasEnded).to.equal(writer.hasEnded);
        },
      ),
    ),
  ];
}
