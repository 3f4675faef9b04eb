// What clients ask at their start to see whether anybody is there: no credential, no upstream.
import type { RequestHandler } from 'express';

export const hello: RequestHandler = (_req, res) => {
  res.status(200).end();
};

export const health: RequestHandler = (_req, res) => {
  res.type('text/plain').send('ok');
};
