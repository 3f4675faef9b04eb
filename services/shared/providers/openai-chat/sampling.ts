// Temperature and its kin, and where an answer has to stop.
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { addNote } from '../content.ts';
import { type Fields, numberOf, textsOf } from '../fields.ts';
import type { ChatTraits } from './traits.ts';

export function samplingFields(request: MessagesRequest, traits: ChatTraits, notes: string[]): Fields {
  const { temperature, top_p, top_k } = request;
  const fields: Fields = {};
  if (traits.sampling === 'all') {
    if (numberOf(temperature) !== null) fields.temperature = temperature;
    if (numberOf(top_p) !== null) fields.top_p = top_p;
  } else {
    // 1 is what such models do anyway.
    if (numberOf(temperature) !== null && temperature !== 1) addNote(notes, 'omitted:temperature');
    if (numberOf(top_p) !== null && top_p !== 1) addNote(notes, 'omitted:top_p');
  }
  if (numberOf(top_k) !== null) {
    if (traits.takesTopK && traits.sampling === 'all') fields.top_k = top_k;
    else addNote(notes, 'omitted:top_k');
  }
  const stops = stopSequences(request);
  if (traits.maxStops > 0 && stops.length > 0) fields.stop = stops.slice(0, traits.maxStops);
  if (traits.maxStops > 0 && stops.length > traits.maxStops) addNote(notes, `stop_sequences:${traits.maxStops}`);
  return fields;
}

export function stopSequences(request: MessagesRequest): string[] {
  return textsOf(request.stop_sequences);
}
