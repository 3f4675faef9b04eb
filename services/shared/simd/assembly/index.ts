export { soundEnd, stringEnd } from './json-strings';
export { INPUT_SIZE, inputAt, OUTPUT_SIZE, outputAt } from './memory';
export { copyPieces, piecesLength, piecesWritten } from './pieces';
