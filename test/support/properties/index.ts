// Every property, for the tests and for scripts/fuzz.ts.
import { answerProperties } from './answers.ts';
import { errorProperties } from './errors.ts';
import { frameProperties } from './frames.ts';
import type { FuzzProperty } from './fuzz-property.ts';
import { pipelineProperties } from './pipelines.ts';
import { repeatedEventProperties } from './repeated-events.ts';
import { replyProperties } from './replies.ts';
import { requestByteProperties } from './request-bytes.ts';
import { requestProperties } from './requests.ts';
import { writerProperties } from './writer-verbs.ts';

export function allProperties(): FuzzProperty[] {
  return [
    ...requestProperties(),
    ...answerProperties(),
    ...repeatedEventProperties(),
    ...errorProperties(),
    ...writerProperties(),
    ...requestByteProperties(),
    ...frameProperties(),
    ...replyProperties(),
    ...pipelineProperties(),
  ];
}
