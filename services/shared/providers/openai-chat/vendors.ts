// The servers we know: told by name or by address, each with what differs from a plain server, and within it the
// families of models that differ again. The first family that fits counts.
import type { Target } from '../target.ts';
import { type ChatTraits, PLAIN_SERVER } from './traits.ts';

interface Family {
  /** The model's name, in lower case, without the part before a slash. */
  models: RegExp;
  traits: Partial<ChatTraits>;
}

interface Vendor {
  /** Ends of host names. */
  hosts: readonly string[];
  traits: Partial<ChatTraits>;
  families: readonly Family[];
}

const LOW_TO_HIGH = ['low', 'medium', 'high'] as const;
const OPENAI_REASONING: Partial<ChatTraits> = {
  maxTokensField: 'max_completion_tokens',
  systemRole: 'developer',
  reasoningIn: 'effort',
  sampling: 'none',
  maxStops: 0,
};

/** Also served by others under the same names. */
const OPENAI_FAMILIES: readonly Family[] = [
  {
    models: /^o1-(?:mini|preview)/,
    traits: {
      ...OPENAI_REASONING,
      systemRole: 'user',
      reasoningIn: 'none',
      hasVision: false,
      takesParallelFlag: false,
    },
  },
  {
    models: /^o\d/,
    traits: { ...OPENAI_REASONING, efforts: LOW_TO_HIGH, takesParallelFlag: false },
  },
  { models: /^gpt-5(?:\.\d+)?-chat/, traits: { ...OPENAI_REASONING, reasoningIn: 'none' } },
  { models: /^gpt-5(?:\.1)?-(?:codex|pro)/, traits: { ...OPENAI_REASONING, efforts: LOW_TO_HIGH } },
  {
    models: /^gpt-5(?:-|$)/,
    traits: { ...OPENAI_REASONING, efforts: ['minimal', ...LOW_TO_HIGH] },
  },
  {
    models: /^gpt-5\.1/,
    traits: { ...OPENAI_REASONING, efforts: ['none', ...LOW_TO_HIGH], reasonsByDefault: false },
  },
  {
    models: /^gpt-5\.2/,
    traits: { ...OPENAI_REASONING, efforts: ['none', ...LOW_TO_HIGH, 'xhigh'], reasonsByDefault: false },
  },
  {
    models: /^gpt-5\.[34]/,
    traits: {
      ...OPENAI_REASONING,
      efforts: ['none', ...LOW_TO_HIGH, 'xhigh'],
      reasonsByDefault: false,
      isQuietWithTools: true,
    },
  },
  {
    models: /^gpt-(?:5\.\d|[6-9])/,
    traits: { ...OPENAI_REASONING, efforts: ['none', ...LOW_TO_HIGH, 'xhigh', 'max'], isQuietWithTools: true },
  },
  { models: /-search-(?:preview|api)/, traits: { webSearch: 'options', sampling: 'none' } },
  { models: /^gpt-3\.5/, traits: { hasVision: false } },
];

const OPEN_FAMILIES: readonly Family[] = [
  {
    models: /^gpt-oss/,
    traits: { reasoningIn: 'effort', efforts: LOW_TO_HIGH, takesRequiredChoice: false, hasVision: false },
  },
  { models: /^deepseek-(?:v[34]|r1)/, traits: { reasoningReplay: 'reasoning_content', hasVision: false } },
  { models: /^(?:kimi-k2|glm-[45]|mimo|minimax-m)/, traits: { reasoningReplay: 'reasoning_content' } },
];

/** Template arguments switch the thinking of Qwen's models on and off on servers that show them to the template. */
const TEMPLATE_FAMILIES: readonly Family[] = [
  { models: /^qwen-?3(?!.*coder)/, traits: { reasoningIn: 'template', efforts: ['none', 'high'] } },
  ...OPEN_FAMILIES,
];

const NOT_OPENAI = { takesCacheKey: false, takesUserHash: false } as const;

const OPENAI: Vendor = {
  hosts: ['api.openai.com'],
  traits: {
    texts: 'parts',
    takesDocuments: true,
    takesTopK: false,
    maxTools: 128,
    takesCacheKey: true,
    takesUserHash: true,
    takesServiceTier: true,
    dropsEmptyArguments: true,
  },
  families: OPENAI_FAMILIES,
};

const THINKING_SWITCH: Partial<ChatTraits> = {
  reasoningIn: 'thinking',
  efforts: ['none', 'high'],
  reasoningReplay: 'reasoning_content',
};

const VENDORS: Readonly<Record<string, Vendor>> = {
  openai: OPENAI,
  azure: {
    hosts: ['.openai.azure.com', '.cognitiveservices.azure.com', '.services.ai.azure.com'],
    traits: { ...OPENAI.traits, ...NOT_OPENAI, takesDocuments: false },
    families: OPENAI_FAMILIES,
  },
  openrouter: {
    hosts: ['openrouter.ai'],
    traits: {
      path: '/api/v1/chat/completions',
      texts: 'parts',
      takesDocuments: true,
      reasoningIn: 'reasoning',
      efforts: ['none', 'minimal', ...LOW_TO_HIGH, 'xhigh'],
      reasoningReplay: 'reasoning_details',
      webSearch: 'plugin',
    },
    families: [
      { models: /claude|gemini|qwen/, traits: { keepsCacheMarks: true } },
      { models: /^(?:gpt|o\d)/, traits: { dropsEmptyArguments: true, maxTools: 128 } },
    ],
  },
  deepseek: {
    hosts: ['api.deepseek.com'],
    traits: { hasVision: false, jsonAnswers: 'object', takesTopK: false, takesParallelFlag: false },
    families: [
      { models: /^deepseek-chat/, traits: { maxOutput: 8192 } },
      {
        models: /^deepseek-reasoner/,
        traits: {
          maxOutput: 65_536,
          takesRequiredChoice: false,
          takesNamedChoice: false,
          reasoningReplay: 'reasoning_content',
        },
      },
      { models: /./, traits: { ...THINKING_SWITCH, takesRequiredChoice: false, takesNamedChoice: false } },
    ],
  },
  xai: {
    hosts: ['api.x.ai'],
    traits: { texts: 'parts', takesTopK: false },
    families: [
      { models: /^grok-3-mini/, traits: { reasoningIn: 'effort', efforts: ['low', 'high'], maxStops: 0 } },
      {
        models: /^grok-4\.[3-9]/,
        traits: { reasoningIn: 'effort', efforts: ['none', ...LOW_TO_HIGH], maxStops: 0 },
      },
      { models: /^grok-(?:4|code)/, traits: { maxStops: 0 } },
    ],
  },
  groq: {
    hosts: ['api.groq.com'],
    traits: { path: '/openai/v1/chat/completions', takesTopK: false, maxTools: 128 },
    families: [
      {
        models: /^gpt-oss/,
        traits: { reasoningIn: 'effort', efforts: LOW_TO_HIGH, takesNamedChoice: false, hasVision: false },
      },
      { models: /^qwen3/, traits: { hasVision: false } },
    ],
  },
  mistral: {
    hosts: ['api.mistral.ai'],
    traits: {
      isSystemFirstOnly: true,
      mergesSameRole: true,
      toolIds: { max: 9, illegal: /[^a-zA-Z0-9]/g, exact: true },
      asksForUsage: false,
      takesTopK: false,
    },
    families: [{ models: /^(?:codestral|devstral|open-mistral|ministral-[38]b-2410)/, traits: { hasVision: false } }],
  },
  moonshot: {
    hosts: ['api.moonshot.ai', 'api.moonshot.cn'],
    traits: { takesRequiredChoice: false, jsonAnswers: 'object', takesTopK: false, sampling: 'none' },
    families: [
      { models: /^kimi-(?:k2\.[5-9]|k[3-9]|latest)/, traits: THINKING_SWITCH },
      { models: /^kimi-k2/, traits: { reasoningReplay: 'reasoning_content', hasVision: false } },
    ],
  },
  qwen: {
    hosts: ['dashscope.aliyuncs.com', 'dashscope-intl.aliyuncs.com', 'dashscope-us.aliyuncs.com'],
    traits: {
      path: '/compatible-mode/v1/chat/completions',
      isSystemFirstOnly: true,
      takesRequiredChoice: false,
      jsonAnswers: 'object',
    },
    families: [
      { models: /coder/, traits: { hasVision: false } },
      { models: /vl|omni|qvq|qwen3\.[5-9]/, traits: { reasoningIn: 'enable_thinking', efforts: ['none', 'high'] } },
      {
        models: /^(?:qwen3|qwen-(?:plus|turbo|flash|max)|qwq)/,
        traits: {
          reasoningIn: 'enable_thinking',
          efforts: ['none', 'high'],
          reasonsByDefault: false,
          hasVision: false,
        },
      },
    ],
  },
  zai: {
    hosts: ['api.z.ai', 'open.bigmodel.cn'],
    traits: {
      path: '/api/paas/v4/chat/completions',
      ...THINKING_SWITCH,
      takesRequiredChoice: false,
      takesNamedChoice: false,
      takesParallelFlag: false,
      jsonAnswers: 'object',
      takesTopK: false,
      hasVision: false,
    },
    families: [{ models: /^glm-[\d.]+v/, traits: { hasVision: true } }],
  },
  minimax: {
    hosts: ['api.minimax.io', 'api.minimaxi.com', 'api.minimax.chat'],
    traits: { hasThinkTags: true, hasVision: false, takesTopK: false, takesParallelFlag: false },
    families: [],
  },
  perplexity: {
    hosts: ['api.perplexity.ai'],
    traits: {
      path: '/chat/completions',
      isSystemFirstOnly: true,
      mergesSameRole: true,
      asksForUsage: false,
      webSearch: 'always',
    },
    families: [],
  },
  vllm: { hosts: [], traits: {}, families: TEMPLATE_FAMILIES },
  sglang: { hosts: [], traits: {}, families: TEMPLATE_FAMILIES },
  lmstudio: { hosts: [], traits: { takesNamedChoice: false }, families: OPEN_FAMILIES },
  litellm: { hosts: [], traits: { needsToolsForHistory: true }, families: [] },
  generic: { hosts: [], traits: {}, families: OPEN_FAMILIES },
};

/** Other names in use. */
const ALIASES: Readonly<Record<string, string>> = {
  dashscope: 'qwen',
  glm: 'zai',
  'z.ai': 'zai',
  grok: 'xai',
  'x.ai': 'xai',
  kimi: 'moonshot',
  'lm-studio': 'lmstudio',
};

export const VENDOR_NAMES: readonly string[] = Object.keys(VENDORS);

/** Who hosts the target: what its settings say, else its address, else `fallback`. */
export function vendorOf(target: Pick<Target, 'vendor' | 'baseUrl'>, fallback = 'generic'): string {
  const said = target.vendor?.toLowerCase() ?? '';
  const name = ALIASES[said] ?? said;
  if (Object.hasOwn(VENDORS, name)) return name;
  const host = new URL(target.baseUrl).hostname.toLowerCase();
  const found = Object.entries(VENDORS).find(([, { hosts }]) => hosts.some((end) => isHost(host, end)));
  return found?.[0] ?? fallback;
}

function isHost(host: string, end: string): boolean {
  return end.startsWith('.') ? host.endsWith(end) : host === end || host.endsWith(`.${end}`);
}

/** What the model can do there. */
export function chatTraits(vendorName: string, model: string): ChatTraits {
  const vendor = VENDORS[vendorName];
  const name = model.toLowerCase().split('/').at(-1) ?? '';
  const family = vendor?.families.find(({ models }) => models.test(name));
  return { ...PLAIN_SERVER, ...vendor?.traits, ...family?.traits };
}
