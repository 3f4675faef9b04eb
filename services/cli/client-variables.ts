// The variables by which Claude Code works best behind this gateway: where it is, what it may ask, and how much the model
// takes and gives, which the client cannot know of a model that is not Anthropic's. Pure.

/** What the gateway lists of a model. */
export interface ListedModel {
  id: string;
  max_input_tokens?: number | null;
  max_tokens?: number | null;
}

export interface ClientVariable {
  name: string;
  value: string;
}

/** A model's window and output, as far as they are known. */
export function windowVariables(model: ListedModel | undefined): ClientVariable[] {
  const window = model?.max_input_tokens ?? null;
  const output = model?.max_tokens ?? null;
  return [
    ...(window === null
      ? []
      : [
          { name: 'CLAUDE_CODE_MAX_CONTEXT_TOKENS', value: String(window) },
          { name: 'CLAUDE_CODE_AUTO_COMPACT_WINDOW', value: String(window) },
        ]),
    ...(output === null ? [] : [{ name: 'CLAUDE_CODE_MAX_OUTPUT_TOKENS', value: String(output) }]),
  ];
}

export function clientVariables(baseUrl: string, model: ListedModel | undefined): ClientVariable[] {
  return [
    { name: 'ANTHROPIC_BASE_URL', value: baseUrl },
    { name: 'CLAUDE_CODE_GATEWAY_HINT_HEADERS', value: '1' },
    { name: 'CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY', value: '1' },
    ...windowVariables(model),
  ];
}

const JOINED = '--model=';

/** The model a client of these arguments and variables starts with; null = its own default. */
export function chosenModel(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): string | null {
  const at = args.findIndex((argument) => argument === '--model' || argument.startsWith(JOINED));
  const argument = args[at] ?? '';
  const named = argument.startsWith(JOINED) ? argument.slice(JOINED.length) : at < 0 ? undefined : args[at + 1];
  const model = named ?? environment.ANTHROPIC_MODEL;
  return model === undefined || model === '' ? null : model.replace(/\[1m\]$/, '');
}

/**
 * Who will answer it. Where every name leads to one of our models, a name that is not listed leads to the first; where
 * the passthrough answers, the client knows its own models.
 */
export function answeringModel(
  models: readonly ListedModel[],
  chosen: string | null,
  isOurs: boolean,
): ListedModel | undefined {
  return models.find(({ id }) => id === chosen) ?? (isOurs ? models[0] : undefined);
}
