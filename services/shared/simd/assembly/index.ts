export { INPUT_SIZE, inputAt, OUTPUT_SIZE, outputAt } from './memory';
