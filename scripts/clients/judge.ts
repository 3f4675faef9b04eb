// What came of a trial: passed, or what did not, in words. A client that comes to its end by repeating itself, or by a
// way round, has not passed.
import type { SeenRequest } from '#services/simulator/service.ts';
import { lintStream } from '#shared/messages/lint-stream.ts';
import { createSseReader, type SseEvent } from '#shared/sse/read-sse.ts';
import type { ClientRun } from './client.ts';
import type { TappedCall } from './tap.ts';
import { isEngineRequest, modelRequests, type Trial } from './trial.ts';

/** `refused`: it cannot be had there, and the client is told. */
export type Outcome = 'pass' | 'refused' | 'fail';

export interface Verdict {
  outcome: Outcome;
  /** Sentences; of what was refused as well. */
  reasons: string[];
  requests: number;
}

export function judge(trial: Trial, run: ClientRun): Verdict {
  const calls = trial.tap.calls.filter(({ method, path }) => method === 'POST' && path === '/v1/messages');
  const searches = calls.filter(isSearch);
  const absence = trial.scene.name === 'web-search' ? findAbsence(searches) : undefined;
  const counted = absence === undefined ? calls : calls.filter((call) => !searches.includes(call));
  const faults = [
    ...faultsOfRun(trial, run, absence !== undefined),
    ...(calls.length === 0 ? ['the client asked nothing'] : faultsOfCalls(counted)),
    ...faultsOfUpstream(trial, calls),
    ...(trial.scene.name === 'web-search' && absence === undefined ? faultsOfSearch(searches) : []),
  ];
  const requests = calls.length;
  if (faults.length > 0) return { outcome: 'fail', reasons: faults, requests };
  return absence === undefined
    ? { outcome: 'pass', reasons: [], requests }
    : { outcome: 'refused', reasons: [absence], requests };
}

function faultsOfRun({ scene, secrets }: Trial, { code, output }: ClientRun, isAbsent: boolean): string[] {
  if (code === null) return ['the client did not come to an end in time'];
  // Where the refusal is all there is, a client that passes it on has understood it.
  const isToldSo = isAbsent && output.includes('web_search');
  if (code !== 0 && !isToldSo) return [`the client ended with ${code}: ${short(output)}`];
  const missing = isAbsent ? [] : scene.expected(secrets).filter((word) => !output.includes(word));
  return missing.length === 0 ? [] : [`the last answer lacks ${missing.join(', ')}: ${short(output)}`];
}

/** Between client and gateway. */
function faultsOfCalls(calls: TappedCall[]): string[] {
  const faults: string[] = [];
  const asked = new Map<string, number>();
  for (const [index, call] of calls.entries()) {
    const body = bodyOf(call);
    const place = `request ${index + 1} of the client`;
    if (call.status !== 200)
      faults.push(`${place} was answered ${call.status}: ${short(call.answer.toString('utf8'))}`);
    if (call.isCut) faults.push(`${place} was not answered to the end`);
    const before = asked.get(JSON.stringify(body.messages));
    if (before !== undefined) {
      const how = body.stream === true ? 'repeats' : 'falls back, without a stream, from';
      faults.push(`${place} ${how} request ${before + 1}`);
    }
    asked.set(JSON.stringify(body.messages), index);
    const broken = call.status === 200 && body.stream === true ? rulesBroken(call.answer) : [];
    if (broken.length > 0) faults.push(`${place} got a stream that breaks ${broken.join(', ')}`);
  }
  return faults;
}

/** Between gateway and server. */
function faultsOfUpstream(trial: Trial, calls: TappedCall[]): string[] {
  const requests = modelRequests(trial);
  const faults = requests.flatMap((request) => faultsOfRequest(request, trial.statuses.get(request.seq)));
  const answered = calls.filter(({ status }) => status === 200).length;
  // What the gateway searched for the model, it told the model in a request of its own.
  const searched = trial.simulator.seen().filter(isEngineRequest).length;
  if (requests.length !== answered + searched) {
    const why = searched === 0 ? '' : ` after ${searched} searches`;
    faults.push(`the client got ${answered} answers${why}, the server was asked ${requests.length} times`);
  }
  const bodies = new Set(requests.map(({ sha256 }) => sha256));
  if (bodies.size < requests.length) faults.push('the server was asked the same twice');
  const strange = trial.simulator
    .seen()
    .filter((request) => !requests.includes(request) && !isQuestionAboutModels(request) && !isEngineRequest(request));
  return [...faults, ...strange.map(({ method, url }) => `the server was asked for ${method} ${url}`)];
}

function faultsOfRequest({ seq, hungUp }: SeenRequest, status: number | undefined): string[] {
  const place = `request ${seq} to the server`;
  return [
    ...(status === 200 ? [] : [`${place} was answered ${status ?? 'never'}`]),
    ...(hungUp ? [`${place} was given up`] : []),
  ];
}

/** What a gateway may want to know of a server besides. */
function isQuestionAboutModels({ path }: SeenRequest): boolean {
  return /\/(?:models|api\/(?:show|tags|ps|version))/.test(path);
}

function faultsOfSearch(searches: TappedCall[]): string[] {
  if (searches.length === 0) return ['the client never asked for a search'];
  const told = ['server_tool_use', 'web_search_tool_result', 'web_search_result'];
  const answers = searches.map(({ answer }) => answer.toString('utf8'));
  const missing = told.filter((type) => !answers.some((answer) => answer.includes(`"type":"${type}"`)));
  return missing.length === 0 ? [] : [`the search was answered without ${missing.join(', ')}`];
}

/** Why there can be no search; undefined when there was to be one. */
function findAbsence(searches: TappedCall[]): string | undefined {
  const [first] = searches;
  if (first === undefined) return undefined;
  const said = first.answer.toString('utf8');
  const code = /"type":"web_search_tool_result_error","error_code":"(\w+)"/.exec(said)?.[1];
  if (code !== undefined) return `the search is answered with the error ${code}`;
  if (first.status !== 400 || !said.includes('web_search')) return undefined;
  const times = searches.length === 1 ? 'once' : `${searches.length} times`;
  return `asked for ${times}, answered 400: ${messageOf(said)}`;
}

function messageOf(body: string): string {
  return /"message":"([^"]*)"/.exec(body)?.[1] ?? short(body);
}

function isSearch(call: TappedCall): boolean {
  const { tools } = bodyOf(call);
  return Array.isArray(tools) && tools.length === 1 && String(tools[0]?.type ?? '').startsWith('web_search');
}

interface RequestBody {
  messages?: unknown;
  stream?: unknown;
  tools?: Array<{ type?: unknown }>;
}

function bodyOf({ body }: TappedCall): RequestBody {
  return JSON.parse(body.toString('utf8')) as RequestBody;
}

function rulesBroken(answer: Buffer): string[] {
  const events: SseEvent[] = [];
  const reader = createSseReader({ onEvent: (event) => events.push(event) });
  reader.push(answer, 0);
  return lintStream(events.map(({ event, data }) => ({ name: event, event: JSON.parse(data) })));
}

function short(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ');
  return line.length > 300 ? `${line.slice(0, 300)}…` : line || 'nothing was said';
}
