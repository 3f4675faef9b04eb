// A process of its own: a trace receiver that takes everything and keeps nothing.
import { createServer } from 'node:http';
import { reportReady } from './child.ts';

reportReady(
  createServer((req, res) => {
    req.resume();
    req.once('end', () => res.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
  }),
);
