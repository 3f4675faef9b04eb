export { chunkDigits, chunkLeft, chunkNext, joinChunks } from './chunks';
export { beginWalk, walk } from './containers';
export { soundEnd, stringEnd } from './json-strings';
export { INPUT_SIZE, inputAt, OUTPUT_SIZE, outputAt } from './memory';
export { written } from './output';
export { copyPieces, joinDeltas, piecesLength } from './pieces';
export { weighJson } from './weigh-json';
