// `/api/mode`: read it, set it, give it back to the configuration.
import type { IncomingMessage } from 'node:http';
import { MODES, type ModeState } from '#shared/control/mode.ts';
import { GatewayError } from '#shared/errors.ts';
import type { Mode } from '#shared/exchange/exchange.ts';
import type { GatewayContext } from '../context.ts';
import { readJson } from './read-json.ts';

export async function getMode(_request: IncomingMessage, context: GatewayContext): Promise<ModeState> {
  return context.mode.current();
}

export async function putMode(request: IncomingMessage, context: GatewayContext): Promise<ModeState> {
  const { mode } = await readJson(request);
  if (!MODES.includes(mode as Mode)) {
    throw new GatewayError(
      'invalid_request_error',
      `mode: must be one of ${MODES.map((name) => `"${name}"`).join(', ')}`,
    );
  }
  if (mode === 'compare') requireTarget(context);
  return context.mode.set(mode as Mode);
}

export async function deleteMode(_request: IncomingMessage, context: GatewayContext): Promise<ModeState> {
  return context.mode.reset();
}

function requireTarget(context: GatewayContext): void {
  if (context.targets.forced || context.targets.models.size > 0) return;
  throw new GatewayError(
    'invalid_request_error',
    'mode: compare needs a model to compare with: give --target-url and --model',
  );
}
