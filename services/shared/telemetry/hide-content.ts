// What OpenInference's variables take off a span, by the keys it stands under
// (https://github.com/Arize-ai/openinference/blob/main/spec/configuration.md).
import { MESSAGE, OPENINFERENCE } from './attribute-keys.ts';
import { LEFT_OUT } from './compact-json.ts';
import type { AttributeValue, SpanRecord } from './tracing.ts';

/** The last part of `OPENINFERENCE_HIDE_…`. No span of ours has prompts or choices: those belong to completions. */
export const HIDDEN_PARTS = [
  'inputs',
  'outputs',
  'input_messages',
  'output_messages',
  'input_text',
  'output_text',
  'input_images',
  'llm_tools',
  'llm_invocation_parameters',
  'prompts',
  'choices',
] as const;

export type HiddenPart = (typeof HIDDEN_PARTS)[number];

type Attributes = SpanRecord['attributes'];
type Value = AttributeValue | null | undefined;

/** Values become `__REDACTED__`; messages, images, tools and parameters go with their keys. */
export function hideContent(attributes: Attributes, parts: readonly HiddenPart[]): Attributes {
  if (parts.length === 0) return attributes;
  const hidden = new Set<string>(parts);
  const isHidden = (...names: HiddenPart[]): boolean => names.some((name) => hidden.has(name));
  const input: Side = {
    value: OPENINFERENCE.inputValue,
    mime: OPENINFERENCE.inputMimeType,
    messages: `${OPENINFERENCE.inputMessages}.`,
    all: isHidden('inputs'),
    withoutMessages: isHidden('inputs', 'input_messages'),
    // The value is a copy of the last text.
    withoutText: isHidden('input_text'),
    withoutImages: isHidden('input_images'),
  };
  const output: Side = {
    value: OPENINFERENCE.outputValue,
    mime: OPENINFERENCE.outputMimeType,
    messages: `${OPENINFERENCE.outputMessages}.`,
    all: isHidden('outputs'),
    withoutMessages: isHidden('outputs', 'output_messages'),
    withoutText: isHidden('output_text'),
    withoutImages: false,
  };
  const shown: Attributes = {};
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith(`${OPENINFERENCE.tools}.`) && hidden.has('llm_tools')) continue;
    if (key === OPENINFERENCE.invocationParameters && hidden.has('llm_invocation_parameters')) continue;
    const left = leave(key, value, key.startsWith('llm.output_') || key.startsWith('output.') ? output : input);
    if (left !== null) shown[key] = left;
  }
  return shown;
}

interface Side {
  value: string;
  mime: string;
  messages: string;
  all: boolean;
  withoutMessages: boolean;
  withoutText: boolean;
  withoutImages: boolean;
}

const TEXTS = [`.${MESSAGE.content}`, `.${MESSAGE.contentText}`];

/** null = nothing of it. */
function leave(key: string, value: Value, side: Side): Value {
  if (key === side.value) return side.all || side.withoutText ? LEFT_OUT : value;
  if (key === side.mime) return side.all ? null : value;
  if (!key.startsWith(side.messages)) return value;
  if (side.withoutMessages) return null;
  if (side.withoutImages && key.endsWith(MESSAGE.contentImageUrl)) return null;
  return side.withoutText && TEXTS.some((suffix) => key.endsWith(suffix)) ? LEFT_OUT : value;
}
