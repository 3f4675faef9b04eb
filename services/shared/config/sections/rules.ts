// [[rules]]: which requests go to which model. The first whose conditions all hold decides.
import { label, modelName, optionalChoices, optionalFlag, optionalInteger, optionalPattern } from '../schema.ts';

export const CLASSES = ['main', 'subagent', 'workflow', 'compaction', 'auxiliary', 'other'] as const;

export const rule = {
  name: label('How headers, logs and spans call the rule; no two have the same name.'),
  when: {
    model: optionalPattern('Pattern of the model the client asks for; * stands for any characters.'),
    class: optionalChoices('What kind of request it is.', CLASSES),
    input_tokens_over: optionalInteger('The prompt is estimated at more tokens than this.', { min: 0 }),
    thinking: optionalFlag('Whether thinking is enabled or adaptive.'),
    thinking_budget_over: optionalInteger('Thinking is enabled with a budget of more tokens than this.', { min: 0 }),
    plan_mode: optionalFlag('Whether the client plans, and does not act yet.'),
    tool_used: optionalPattern('Pattern of a tool that the last assistant turn called.'),
    tool_offered: optionalPattern('Pattern of the name of a tool that the request offers.'),
    server_tool: optionalPattern('Pattern of the type or name of a typed tool, such as web_search_20250305.'),
    tool_forced: optionalPattern('Pattern of the tool that tool_choice demands by name.'),
    has_images: optionalFlag('Whether there is an image in the conversation.'),
    stream: optionalFlag('Whether the client wants a stream.'),
  },
  use: modelName('Where such requests go: a name of [models] or one of its aliases.'),
};
