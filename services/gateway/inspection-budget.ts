// Which requests are read to the bottom for what is new in them: the first of each shape, and of the others as many as
// cost nothing. A client that moves on changes its shape, or goes on sending what is new.

export interface InspectionBudget {
  /** `shape` is what is known of a request without reading it. */
  isWorthReading(shape: string, nowMs: number): boolean;
}

const READ_OF_EACH_SHAPE = 4;
/** A person's requests are all read; of a crowd's so many a second. */
const PER_SECOND = 2;
const MOST_SAVED = 20;
const MOST_SHAPES = 1024;

export function createInspectionBudget(): InspectionBudget {
  const read = new Map<string, number>();
  let saved = MOST_SAVED;
  let savedAtMs = 0;
  return {
    isWorthReading: (shape, nowMs) => {
      saved = Math.min(MOST_SAVED, saved + ((nowMs - savedAtMs) / 1000) * PER_SECOND);
      savedAtMs = nowMs;
      const times = read.get(shape) ?? 0;
      const isNew = times < READ_OF_EACH_SHAPE && (times > 0 || read.size < MOST_SHAPES);
      if (isNew) read.set(shape, times + 1);
      if (!isNew && saved < 1) return false;
      saved = Math.max(0, saved - 1);
      return true;
    },
  };
}
