// The error a call of the real SDK must end with.
import { APIError } from '@anthropic-ai/sdk';
import { expect } from 'chai';

export async function failureOf(call: Promise<unknown>): Promise<InstanceType<typeof APIError>> {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(APIError);
  return error as InstanceType<typeof APIError>;
}
