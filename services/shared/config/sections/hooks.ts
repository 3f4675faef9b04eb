// [[hooks]]: built-in work on the way of a request, in the order of the file.
import { strings, text } from '../schema.ts';

export const hook = {
  use: text('Which hook: capture-headers.', ''),
  headers: strings(
    'capture-headers: request headers to keep on spans and in the history, never one that holds a credential.',
  ),
};
