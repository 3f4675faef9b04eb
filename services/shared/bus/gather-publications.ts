// What is published in turns of the event loop that follow each other goes to the server together: a command costs more
// than what it says.
import type { Publication, PublishResult } from './bus.ts';

type Published = PublishResult | 'repeated';

/** More of them go one after the other, so that none waits long for others. */
const MOST_BYTES = 1024 * 1024;
const MOST_TOGETHER = 64;
/** The first waits no more turns for others: each may be long where much is to do. */
const MOST_TURNS = 4;

interface Waiting {
  publication: Publication;
  resolve(result: Published): void;
}

/** `publishAll` never rejects, and says of each what became of it, in their order. */
export function createPublicationGatherer(
  publishAll: (publications: readonly Publication[]) => Promise<readonly Published[]>,
): (publication: Publication) => Promise<Published> {
  let waiting: Waiting[] = [];
  const send = async (together: readonly Waiting[]): Promise<void> => {
    const results = await publishAll(together.map(({ publication }) => publication));
    for (const [index, { resolve }] of together.entries()) resolve(results[index] ?? 'failed');
  };
  const sendAll = (): void => {
    const all = waiting;
    waiting = [];
    let together: Waiting[] = [];
    let bytes = 0;
    for (const each of all) {
      const more = each.publication.body?.length ?? 0;
      if (together.length > 0 && (together.length >= MOST_TOGETHER || bytes + more > MOST_BYTES)) {
        void send(together);
        together = [];
        bytes = 0;
      }
      together.push(each);
      bytes += more;
    }
    void send(together);
  };
  /** `before`: how many they were a turn ago. */
  const sendUnlessMoreCame = (before: number, turns: number): void => {
    const hasRoom = turns < MOST_TURNS && waiting.length < MOST_TOGETHER && sizeOf(waiting) < MOST_BYTES;
    if (hasRoom && waiting.length > before) setImmediate(sendUnlessMoreCame, waiting.length, turns + 1);
    else sendAll();
  };
  return (publication) =>
    new Promise((resolve) => {
      if (waiting.length === 0) setImmediate(sendUnlessMoreCame, 0, 1);
      waiting.push({ publication, resolve });
    });
}

function sizeOf(waiting: readonly Waiting[]): number {
  return waiting.reduce((sum, { publication }) => sum + (publication.body?.length ?? 0), 0);
}
