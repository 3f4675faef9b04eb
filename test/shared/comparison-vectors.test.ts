import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { actionLevel } from '#services/comparator/comparison/ladder.ts';
import { bestMatching, callSimilarity } from '#services/comparator/comparison/match-calls.ts';
import { toArm } from '#services/comparator/comparison/pair.ts';
import { tokenF1 } from '#services/comparator/comparison/scorers/text.ts';
import { scoreCalls } from '#services/comparator/comparison/scorers/tool-calls.ts';
import { pairSpanId } from '#shared/ids.ts';
import { observed } from '../support/observations.ts';

interface Call {
  name: string;
  input: unknown;
}
interface Vectors {
  tolerance: number;
  text: Array<{ a: string; b: string; token_f1: number }>;
  tool_calls: {
    P: Call[];
    S: Call[];
    similarity: number[][];
    matching: number;
    soft_f1: number;
    name_f1: number;
    exact_f1: number;
  };
  ladder_cwd_repo: Array<{ P: Call[]; S: Call[]; P_text?: string; S_text?: string; level: string }>;
  span_ids: { request_id: string; cases: Array<['compare_request' | 'compare_pair', string, number, string]> };
}

const file = new URL('../fixtures/comparison-vectors.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors;

/** Vectors that need paths and shell commands in one spelling; canonical JSON alone puts them lower, never higher. */
const NEED_NORMALISATION = new Map([
  [1, 'same_tool'],
  [3, 'same_tool'],
  [4, 'same_type'],
]);

async function armOf(tools: Call[], text: string | undefined) {
  return toArm(await observed({ tools, ...(text === undefined ? {} : { text }) }));
}

describe('comparison vectors', () => {
  for (const [index, { a, b, token_f1 }] of vectors.text.entries()) {
    it(`token F1 of text ${index}`, () => {
      expect(tokenF1(a, b)).to.be.closeTo(token_f1, 5e-9);
      expect(tokenF1(b, a)).to.be.closeTo(token_f1, 5e-9);
    });
  }

  it('similarity and matching of tool calls', async () => {
    const { P, S, similarity, matching, soft_f1, name_f1, exact_f1 } = vectors.tool_calls;
    const [primary, secondary] = [(await armOf(P, undefined)).calls, (await armOf(S, undefined)).calls];
    const found = primary.map((row) => secondary.map((column) => callSimilarity(row, column)));
    for (const [row, values] of similarity.entries()) {
      for (const [column, value] of values.entries()) {
        expect(found[row]?.[column], `${row},${column}`).to.be.closeTo(value, vectors.tolerance);
      }
    }
    expect(bestMatching(primary, secondary)).to.be.closeTo(matching, vectors.tolerance);
    const value = (scorer: string) => scoreCalls(primary, secondary).find((score) => score.scorer === scorer)?.value;
    expect(value('tool_args')).to.be.closeTo(soft_f1, vectors.tolerance);
    expect(value('tool_names')).to.be.closeTo(name_f1, vectors.tolerance);
    expect(value('tool_exact_f1')).to.be.closeTo(exact_f1, vectors.tolerance);
  });

  for (const [index, { P, S, P_text, S_text, level }] of vectors.ladder_cwd_repo.entries()) {
    const expected = NEED_NORMALISATION.get(index) ?? level;
    it(`ladder ${index}: ${expected}${expected === level ? '' : ` (${level} with normalised paths and commands)`}`, async () => {
      const [a, b] = [await armOf(P, P_text), await armOf(S, S_text)];
      expect(actionLevel(a, b)).to.equal(expected);
      expect(actionLevel(b, a)).to.equal(expected);
    });
  }

  for (const [role, target, replicate, id] of vectors.span_ids.cases) {
    it(`span id of ${role} for ${target}, replicate ${replicate}`, () => {
      expect(pairSpanId(role, vectors.span_ids.request_id, target, replicate)).to.equal(id);
    });
  }
});
