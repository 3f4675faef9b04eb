// The steps of one pipeline, sorted by where they stand, and run in their order.
import type { MessageWriter } from '#shared/messages/message-writer.ts';
import { addNote } from '#shared/providers/content.ts';
import { type Fields, isFields, parseJson } from '#shared/providers/fields.ts';
import type { Pipeline, WrittenRequest } from '#shared/providers/pipeline.ts';
import { writeJson } from '#shared/providers/write-json.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import type { Place, StepWork } from './step.ts';

export interface PlacedStep {
  name: string;
  place: Place;
  work: StepWork;
}

type Work<On extends StepWork['on']> = Extract<StepWork, { on: On }>;

export function runSteps(name: string, steps: readonly PlacedStep[]): Pipeline {
  const onRequest = bodySteps(steps, 'request');
  const onWritten = bodySteps(steps, 'request upstream');
  const onEvents = bodySteps(steps, 'response upstream');
  const onHeaders = steps.flatMap(({ name: step, work }) => (work.on === 'headers' ? [{ step, work }] : []));
  const onWriter = steps.flatMap(({ work }) => (work.on === 'writer' ? [work] : []));

  const changeHeaders = (headers: readonly string[], notes: string[]): readonly string[] =>
    onHeaders.reduce((before, { step, work }) => {
      const after = work.change(before);
      if (!isSameList(before, after)) addNote(notes, noteOf(step));
      return after;
    }, headers);
  const changeBody = (body: Buffer, notes: string[]): Buffer => {
    const before = onWritten.length === 0 ? undefined : parseJson(body.toString('utf8'));
    if (!isFields(before)) return body;
    const after = run(onWritten, before, notes);
    return after === before ? body : Buffer.from(writeJson(after));
  };
  return {
    name,
    changeRequest: (request, notes) => run(onRequest, request, notes) as MessagesRequest,
    changeWritten: ({ headers, body }, notes): WrittenRequest => ({
      body: changeBody(body, notes),
      headers: changeHeaders(headers, notes),
    }),
    setHeaders: onHeaders.flatMap(({ work }) => work.sets),
    readsAnswers: onEvents.length > 0 || onWriter.length > 0,
    changeEvent: (data) => {
      const before = onEvents.length === 0 ? undefined : parseJson(data);
      if (!isFields(before)) return data;
      const after = run(onEvents, before, []);
      return after === before ? data : JSON.stringify(after);
    },
    // The first step is told first, and tells the next.
    wrapWriter: (writer, thinking) =>
      onWriter.reduceRight((inner: MessageWriter, { wrap }) => wrap(inner, thinking), writer),
  };
}

interface NamedWork {
  step: string;
  work: Work<'body'>;
}

function bodySteps(steps: readonly PlacedStep[], wanted: Place): NamedWork[] {
  return steps.flatMap(({ name: step, place, work }) =>
    place === wanted && work.on === 'body' ? [{ step, work }] : [],
  );
}

function run(steps: readonly NamedWork[], body: Fields, notes: string[]): Fields {
  return steps.reduce((before, { step, work }) => {
    const after = work.change(before);
    if (after !== before) addNote(notes, noteOf(step));
    return after;
  }, body);
}

/** What a step changed is its own affair: its content stays out of headers and spans. */
function noteOf(step: string): string {
  return `step:${step}`;
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}
