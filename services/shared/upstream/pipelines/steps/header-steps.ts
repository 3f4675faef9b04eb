// Steps on the headers of a request to an upstream. Those that carry its credential come later, and are none of theirs.
import { textOf } from '#shared/providers/fields.ts';
import { withHeaders } from '../../constant-headers.ts';
import { headerName, headerValue } from '../params.ts';
import type { StepKind } from '../step.ts';

export const headerSet: StepKind = {
  name: 'header-set',
  about: 'Sets a header of the request to the upstream.',
  places: ['request upstream'],
  params: [headerName('Which.'), headerValue('Its value.')],
  create: ({ name, value }) => {
    const header = [textOf(name), textOf(value)];
    return { on: 'headers', change: (headers) => withHeaders(headers, header), sets: header };
  },
};

export const headerDelete: StepKind = {
  name: 'header-delete',
  about: 'Takes a header out of the request to the upstream.',
  places: ['request upstream'],
  params: [headerName('Which.')],
  create: ({ name }) => {
    const lower = textOf(name).toLowerCase();
    return {
      on: 'headers',
      change: (headers) => headers.filter((_, index) => (headers[index - (index % 2)] ?? '').toLowerCase() !== lower),
      sets: [],
    };
  },
};
