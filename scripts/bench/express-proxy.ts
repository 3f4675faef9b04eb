// A process of its own: Express with http-proxy-middleware, as many a gateway begins.
import { Agent, createServer } from 'node:http';
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { reportReady } from './child.ts';

const KEEP_ALIVE_MS = 120_000;

const app = express();
app.use(createProxyMiddleware({ target: process.argv[2] ?? '', agent: new Agent({ keepAlive: true }) }));
reportReady(createServer({ noDelay: true, keepAliveTimeout: KEEP_ALIVE_MS }, app));
