export {
  beginWalk,
  walk,
  walkCommas,
  walkDepth,
  walkFields,
  walkLastStart,
  walkObjects,
  walkSawPrefix,
} from './containers';
export { soundEnd, stringEnd } from './json-strings';
export { INPUT_SIZE, inputAt, OUTPUT_SIZE, outputAt } from './memory';
export { copyPieces, joinDeltas, piecesLength, piecesWritten } from './pieces';
