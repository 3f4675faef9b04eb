// How much a model shall think, said as the effort that conversions and newer models read.
import { chooseEffort, type Effort, readThinkingWish } from '#shared/providers/effort.ts';
import { type Fields, fieldsOf } from '#shared/providers/fields.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { choice, choices } from '../params.ts';
import type { StepKind } from '../step.ts';

/** What the Messages API knows of them. */
const LEVELS: readonly Effort[] = ['low', 'medium', 'high', 'xhigh', 'max'];

export const effort: StepKind = {
  name: 'effort',
  about: "Writes output_config.effort: a fixed level, or the one nearest to the client's effort or thinking budget.",
  places: ['request'],
  params: [
    choice('level', 'The level of every request; unset = as the client wants it.', LEVELS),
    choices('levels', 'Levels that the model takes; unset = all.', LEVELS),
  ],
  create: ({ level, levels = LEVELS }) => ({
    on: 'body',
    change: (body) => withEffort(body, (level as Effort | undefined) ?? wanted(body, levels as Effort[])),
  }),
};

/** null = the client says nothing of thinking, or wants none: no level is right. */
function wanted(body: Fields, legal: readonly Effort[]): Effort | null {
  const wish = readThinkingWish(body as MessagesRequest);
  if (wish.mode === 'disabled' && wish.effort === null) return null;
  return chooseEffort(
    { ...wish, mode: wish.mode === 'disabled' ? 'absent' : wish.mode },
    { legal, isOnByDefault: true },
  );
}

function withEffort(body: Fields, level: Effort | null): Fields {
  const config = fieldsOf(body.output_config);
  return level === null || config.effort === level ? body : { ...body, output_config: { ...config, effort: level } };
}
