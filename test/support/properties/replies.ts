// What holds for every reply of an upstream, over real connections.
import fc from 'fast-check';
import { REPLY } from '../replies/arbitrary-replies.ts';
import { askBoth, difference } from '../replies/compare-legs.ts';
import { startReplyPlayer } from '../replies/play-replies.ts';
import { type FuzzProperty, resultOf } from './fuzz-property.ts';

const REPLIES_A_CASE = 8;

export function replyProperties(): FuzzProperty[] {
  return [
    {
      name: 'a reply and those after it are the same with the short cut past undici and without',
      weight: 1,
      async run(cases, seed) {
        const player = await startReplyPlayer();
        try {
          const replies = fc.array(REPLY, { minLength: 1, maxLength: REPLIES_A_CASE });
          const property = fc.asyncProperty(replies, async (given) => {
            player.requests.length = 0;
            await askBoth(player, given, (own, undicis, reply) => {
              const differs = difference(own, undicis, reply);
              if (differs !== null) throw new Error(differs);
            });
          });
          return resultOf(await fc.check(property, { numRuns: cases, seed }));
        } finally {
          await player.stop();
        }
      },
    },
  ];
}
