// A Messages request → a streamed `generateContent` of the Gemini API or of Vertex, which share their bodies.
import { createHash } from 'node:crypto';
import { madeOnce } from '#shared/made-once.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { addNote, systemBlocks } from '../content.ts';
import { readThinkingWish } from '../effort.ts';
import { type Fields, fieldsOf, invalid, isFields, listOf, numberOf, textsOf } from '../fields.ts';
import { type SchemaBudget, schemaBudget, toGeminiSchema } from '../gemini-schema.ts';
import { outputLimit } from '../output-limit.ts';
import type { ConversionInput, ConvertedRequest } from '../provider.ts';
import { omitRefused } from '../refused-fields.ts';
import type { Target } from '../target.ts';
import { type FunctionTool, readToolChoice, readTools, type ToolDefinitions } from '../tool-definitions.ts';
import { createToolNames, type ToolNameRule, type ToolNames } from '../tool-names.ts';
import { toTurns } from '../tool-results.ts';
import { writeJson } from '../write-json.ts';
import { toContents } from './contents.ts';
import { type GeminiTraits, OPENAPI_SCHEMA, toThinkingConfig, traitsOf } from './models.ts';

const TOOL_NAMES: ToolNameRule = { max: 128, illegal: /[^A-Za-z0-9_.:-]/g, start: /^[A-Za-z_]/ };
const MOST_STOP_SEQUENCES = 5;

export function toUpstreamRequest(request: MessagesRequest, input: ConversionInput): ConvertedRequest {
  if (listOf(request.mcp_servers).length > 0) throw invalid('mcp_servers: this provider cannot reach MCP servers');
  const notes: string[] = [];
  const traits = targetTraits(input);
  const turns = toTurns(request.messages, notes);
  const tools = withinTraits(readTools(request.tools, request.messages, notes), traits, notes);
  const names = createToolNames(tools.functions, TOOL_NAMES);
  const format = readFormat(request, tools, traits, notes);
  const instructions = [...systemBlocks(request.system).map(({ text }) => text), ...format.instructions];
  const stopSequences = textsOf(request.stop_sequences);
  const contents = toContents(turns, { model: input.model, traits, toToolName: names.toUpstream });
  const generationConfig = {
    ...limits(request, input, notes),
    ...(stopSequences.length > 0 ? { stopSequences: stopSequences.slice(0, MOST_STOP_SEQUENCES) } : {}),
    ...format.fields,
    ...thinkingField(request, traits),
  };
  const asked = {
    ...(instructions.length > 0 ? { systemInstruction: { parts: instructions.map((text) => ({ text })) } } : {}),
    ...toolFields(request, tools, names, traits, notes),
    contents,
    ...(Object.keys(generationConfig).length > 0 ? { generationConfig } : {}),
  };
  const body = writeJson(omitRefused(asked, input.learned, notes));
  return {
    path: pathOf(input.target, input.model),
    headers: ['content-type', 'application/json', 'accept', 'text/event-stream'],
    body: Buffer.from(body),
    notes,
    memory: {
      model: input.model,
      modelAsked: input.modelAsked,
      toolNames: names.renamed,
      stopSequences: stopSequences.slice(MOST_STOP_SEQUENCES),
      inputTokens: input.inputTokens,
      thinking: wantsThoughts(request) ? 'shown' : 'state',
      idSeed: createHash('sha256').update(body).digest('hex'),
    },
  };
}

export function targetTraits({ target, model, learned }: ConversionInput): GeminiTraits {
  const traits = { ...traitsOf(model), ...learned };
  return target.profile === OPENAPI_SCHEMA ? { ...traits, takesJsonSchema: false } : traits;
}

/** The key is never part of it. A base URL with a path names version, and on Vertex project and location, itself. */
function pathOf({ baseUrl }: Target, model: string): string {
  const version = new URL(baseUrl).pathname === '/' ? '/v1beta' : '';
  const steps = model.replace(/^models\//, '').split('/');
  // A name must not lead anywhere but to a model.
  if (steps.some((step) => /^\.{0,2}$/.test(step))) throw invalid(`model: "${model}" is no name of a model`);
  const name = steps.map((step) => encodeURIComponent(step.toWellFormed())).join('/');
  const place = /^(tunedModels|publishers|projects|endpoints)\//.test(name) ? name : `models/${name}`;
  return `${version}/${place}:streamGenerateContent?alt=sse`;
}

function wantsThoughts(request: MessagesRequest): boolean {
  const wish = readThinkingWish(request);
  return (wish.mode === 'enabled' || wish.mode === 'adaptive') && !wish.isHidden;
}

function thinkingField(request: MessagesRequest, traits: GeminiTraits): Fields {
  const thinkingConfig = toThinkingConfig(readThinkingWish(request), traits);
  return thinkingConfig === null ? {} : { thinkingConfig };
}

function limits(request: MessagesRequest, input: ConversionInput, notes: string[]): Fields {
  const given = {
    maxOutputTokens: outputLimit(request.max_tokens, input, notes),
    temperature: numberOf(request.temperature),
    topP: numberOf(request.top_p),
    topK: topKOf(request.top_k),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
}

/** @throws GatewayError 400 for a fraction, which the server refuses without a word that a client would know */
function topKOf(value: unknown): number | null {
  const topK = numberOf(value);
  if (topK !== null && !Number.isInteger(topK)) throw invalid(`top_k: must be a whole number, not ${topK}`);
  return topK;
}

/** Where the search cannot stand beside functions, a request that wants it wants it first. */
function withinTraits(tools: ToolDefinitions, traits: GeminiTraits, notes: string[]): ToolDefinitions {
  if (tools.webSearch === null || tools.functions.length === 0 || traits.mixesTools) return tools;
  addNote(notes, 'omitted:functions');
  return { ...tools, functions: [] };
}

function toolFields(
  request: MessagesRequest,
  tools: ToolDefinitions,
  names: ToolNames,
  traits: GeminiTraits,
  notes: string[],
): Fields {
  const { functions, webSearch } = tools;
  const list: Fields[] = [];
  if (functions.length > 0) {
    const dialect = traits.takesJsonSchema ? 'json-schema' : OPENAPI_SCHEMA;
    const toList = (): Fields[] => {
      const budget = schemaBudget(functions.length);
      return functions.map((tool) => toDeclaration(tool, names, traits, budget));
    };
    list.push({ functionDeclarations: madeOnce(functions, dialect, toList) });
  }
  if (webSearch) {
    if (webSearch.allowedDomains.length > 0) addNote(notes, 'omitted:allowed_domains');
    if (webSearch.blockedDomains.length > 0) addNote(notes, 'omitted:blocked_domains');
    list.push({ googleSearch: {} });
  }
  if (list.length === 0) return {};
  const toolConfig = {
    ...callingConfig(request, tools, names),
    // Both kinds of tools at once are refused without it.
    ...(list.length > 1 ? { includeServerSideToolInvocations: true } : {}),
  };
  return { tools: list, ...(Object.keys(toolConfig).length > 0 ? { toolConfig } : {}) };
}

function toDeclaration(
  { name, description, schema }: FunctionTool,
  names: ToolNames,
  traits: GeminiTraits,
  budget: SchemaBudget,
): Fields {
  const base = { name: names.toUpstream(name), ...(description === '' ? {} : { description }) };
  if (traits.takesJsonSchema) return { ...base, parametersJsonSchema: schema };
  // An object without properties is refused there.
  const parameters = toGeminiSchema(schema, budget);
  return parameters.properties === undefined ? base : { ...base, parameters };
}

const MODES = { none: 'NONE', auto: 'AUTO', any: 'ANY' } as const;

function callingConfig(request: MessagesRequest, tools: ToolDefinitions, names: ToolNames): Fields {
  const choice = readToolChoice(request.tool_choice, tools);
  if (choice === null || choice.kind === 'search' || tools.functions.length === 0) return {};
  if (choice.kind !== 'tool') return { functionCallingConfig: { mode: MODES[choice.kind] } };
  return { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: [names.toUpstream(choice.name)] } };
}

interface Format {
  fields: Fields;
  /** Said to the model where the protocol cannot. */
  instructions: string[];
}

function readFormat(request: MessagesRequest, tools: ToolDefinitions, traits: GeminiTraits, notes: string[]): Format {
  const { type, schema } = fieldsOf(fieldsOf(request.output_config).format ?? request.output_format);
  if (type !== 'json_schema' || !isFields(schema)) return { fields: {}, instructions: [] };
  const hasTools = tools.functions.length > 0 || tools.webSearch !== null;
  if (hasTools && !traits.mixesTools) {
    addNote(notes, 'instructed:format');
    return { fields: {}, instructions: [`Answer with JSON alone that fits this JSON Schema:\n${writeJson(schema)}`] };
  }
  const responseMimeType = 'application/json';
  return {
    fields: traits.takesJsonSchema
      ? { responseMimeType, responseJsonSchema: schema }
      : { responseMimeType, responseSchema: toGeminiSchema(schema) },
    instructions: [],
  };
}
