// The paths over which a client in another process says what is played and asks what was seen.
import { errorMessage } from '#shared/errors.ts';
import { parseSceneOrder } from './parse-scene.ts';
import type { SeenBook } from './seen.ts';
import { InvalidSceneError, type Stage } from './stage.ts';

export interface ControlReply {
  status: number;
  body: string;
}

export function isControlPath(path: string): boolean {
  return path.startsWith('/__');
}

export function answerControl(method: string, path: string, body: Buffer, stage: Stage, seen: SeenBook): ControlReply {
  switch (`${method} ${path}`) {
    case 'GET /__scene':
      return ok(stage.describe());
    case 'PUT /__scene':
      return order(body, stage);
    case 'DELETE /__scene':
      stage.reset();
      return ok(stage.describe());
    case 'GET /__seen':
      return ok({ data: seen.list() });
    case 'DELETE /__seen':
      seen.clear();
      return ok({ data: [] });
    default:
      return refuse(404, `no control path ${method} ${path}; there are /__scene and /__seen`);
  }
}

function order(body: Buffer, stage: Stage): ControlReply {
  try {
    const { scene, times } = parseSceneOrder(body.toString('utf8'));
    stage.use(scene, times);
    return ok(stage.describe());
  } catch (error) {
    if (!(error instanceof InvalidSceneError)) throw error;
    return refuse(400, errorMessage(error));
  }
}

function ok(value: unknown): ControlReply {
  return { status: 200, body: JSON.stringify(value) };
}

export function refuse(status: number, message: string): ControlReply {
  return { status, body: JSON.stringify({ type: 'error', error: { type: 'invalid_request_error', message } }) };
}
