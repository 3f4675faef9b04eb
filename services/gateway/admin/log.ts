// `/api/log`: which lines are written, on all replicas; read it, change it, give it back to the configuration.
import type { IncomingMessage } from 'node:http';
import type { LogState } from '#shared/control/log-switch.ts';
import type { GatewayContext } from '../context.ts';
import { readJson } from './read-json.ts';

export async function getLog(_request: IncomingMessage, context: GatewayContext): Promise<LogState> {
  return context.logLevels.current();
}

export async function putLog(request: IncomingMessage, context: GatewayContext): Promise<LogState> {
  const state = await context.logLevels.change(await readJson(request));
  context.events.logChanged(state);
  return state;
}

export async function deleteLog(_request: IncomingMessage, context: GatewayContext): Promise<LogState> {
  const state = await context.logLevels.reset();
  context.events.logChanged(state);
  return state;
}
