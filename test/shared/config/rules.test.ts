// [[rules]] in the file: what is taken, what is refused and in which words, and that every example of the docs is right.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Config, loadConfig } from '#shared/config/load.ts';
import { ConfigError } from '#shared/errors.ts';
import { ROOT } from '../../support/read-imports.ts';

const MODELS = `
[providers.p]
base_url = "https://models.example.com"
[models.large]
provider = "p"
aliases = ["claude-big"]
[models.fast]
provider = "p"
`;

describe('[[rules]]', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-rules-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function load(toml: string, flags: Record<string, unknown> = {}): Config {
    writeFileSync(join(folder, 'cc-proxy.toml'), toml);
    return loadConfig({ env: { HOME: folder }, cwd: folder, flags });
  }

  function complaint(rules: string): string {
    try {
      load(MODELS + rules);
    } catch (error) {
      expect(error).to.be.instanceOf(ConfigError);
      return (error as Error).message.replace(join(folder, 'cc-proxy.toml'), 'FILE').replace(/^FILE:\d+:/, 'FILE:');
    }
    throw new Error('it was accepted');
  }

  const rule = (lines: string): string => `[[rules]]\nname = "r"\n${lines}\n`;

  it('S2-01 are read in the order of the file, with every condition there is', () => {
    const { rules } = load(`${MODELS}
[[rules]]
name = "all-of-it"
use = "claude-big"
[rules.when]
model = "claude-haiku-*"
class = ["main", "subagent", "workflow", "compaction", "auxiliary", "other"]
input_tokens_over = 60000
thinking = true
thinking_budget_over = 10000
plan_mode = false
tool_used = "mcp__*"
tool_offered = "WebSearch"
server_tool = "web_search*"
tool_forced = "Read"
has_images = false
stream = true
[[rules]]
name = "rest"
use = "fast"`);
    expect(rules.map(({ name, use }) => [name, use])).to.deep.equal([
      ['all-of-it', 'claude-big'],
      ['rest', 'fast'],
    ]);
    expect(Object.values(rules[0]?.when ?? {})).not.to.include(null);
    expect(rules[0]?.when.class).to.have.length(6);
    expect(Object.values(rules[1]?.when ?? {}).every((wanted) => wanted === null)).to.equal(true);
    expect(load(MODELS).rules).to.deep.equal([]);
  });

  const WRONG: ReadonlyArray<[what: string, rules: string, words: string]> = [
    [
      'a model that is none',
      rule('use = "gpt"'),
      'FILE: [[rules]] "r": use = "gpt" is no entry of [models] and no alias of one; there are large, fast',
    ],
    ['a tier', rule('use = "small"'), '[[rules]] "r": use = "small" is no entry of [models]'],
    [
      'a list',
      rule('use = ["large", "fast"]'),
      'FILE: [[rules]] "r": use = ["large","fast"] must be one model or alias: lists and weights are not part of this version',
    ],
    ['no model', rule(''), 'FILE: [[rules]] "r": use is missing: name a model or an alias'],
    [
      'no name',
      '[[rules]]\nuse = "fast"',
      'FILE: [[rules]] number 1: name is missing: headers and logs call the rule by it',
    ],
    [
      'an odd name',
      '[[rules]]\nname = "a; b"\nuse = "fast"',
      'FILE: [[rules]] "a; b": name = "a; b" must be 1 to 64 letters, digits, ".", "_" or "-"',
    ],
    [
      'a name twice',
      rule('when = { stream = true }\nuse = "fast"') + rule('use = "fast"'),
      'FILE: [[rules]] "r": name = "r" is also that of number 1; give each its own',
    ],
    [
      'a condition that is none',
      rule('when = { modle = "x" }\nuse = "fast"'),
      'FILE: [[rules]] "r": when.modle is no setting; there are when.model, when.class, when.input_tokens_over,',
    ],
    [
      'a condition of later',
      rule('when = { agent_type = "Plan" }\nuse = "fast"'),
      'when.agent_type is no setting; there are when.model',
    ],
    [
      'a key that is none',
      rule('wehn = {}\nuse = "fast"'),
      'FILE: [[rules]] "r": wehn is no setting; there are name, when, use',
    ],
    ['a when that is no table', rule('when = "thinking"\nuse = "fast"'), 'FILE: [[rules]] "r": when must be a table'],
    [
      'a class that is none',
      rule('when = { class = ["background"] }\nuse = "fast"'),
      'FILE: [[rules]] "r": when.class = ["background"] must be a list of one or more of "main", "subagent"',
    ],
    [
      'a class that is no list',
      rule('when = { class = "main" }\nuse = "fast"'),
      'when.class = "main" must be a list of one or more of',
    ],
    [
      'no class at all',
      rule('when = { class = [] }\nuse = "fast"'),
      'when.class = [] must be a list of one or more of',
    ],
    [
      'a length that is no number',
      rule('when = { input_tokens_over = "60k" }\nuse = "fast"'),
      'when.input_tokens_over = "60k" must be a whole number of at least 0',
    ],
    [
      'a flag that is none',
      rule('when = { thinking = "on" }\nuse = "fast"'),
      'when.thinking = "on" must be true or false',
    ],
    [
      'an empty pattern',
      rule('when = { model = "" }\nuse = "fast"'),
      'when.model = "" must be a text in which * stands for any characters',
    ],
    [
      'a rule that no request passes',
      rule('use = "fast"') + rule('when = { stream = true }\nuse = "large"').replace('"r"', '"later"'),
      'FILE: [[rules]] "r": when has no condition, so that no request reaches "later"; move the rule to the end or give it one',
    ],
    ['one table', '[rules]\nname = "r"', 'FILE: rules must be a list of tables, each under [[rules]]'],
    ['no tables', 'rules = ["r"]\n', 'FILE: rules must be a list of tables, each under [[rules]]'],
  ];
  for (const [what, rules, words] of WRONG) {
    it(`refuse ${what}, naming file, rule, key and remedy`, () => {
      if (what !== 'no tables') expect(complaint(rules)).to.include(words);
      else expect(() => load(rules + MODELS)).to.throw(ConfigError, words.replace('FILE: ', ''));
    });
  }

  it('are refused with the line of the rule that is wrong', () => {
    const lines = MODELS.split('\n').length;
    writeFileSync(
      join(folder, 'cc-proxy.toml'),
      `${MODELS}${rule('when = { stream = true }\nuse = "fast"')}${rule('use = "no"')}`,
    );
    expect(() => loadConfig({ env: { HOME: folder }, cwd: folder })).to.throw(
      ConfigError,
      `cc-proxy.toml:${lines + 4}: [[rules]] "r"`,
    );
  });

  it('are warned of where an earlier one takes all of their requests', () => {
    const named = (name: string, when: string): string =>
      rule(`when = { ${when} }\nuse = "fast"`).replace('"r"', `"${name}"`);
    const narrow = named('narrow', 'thinking = true, class = ["main"], stream = true');
    const wide = named('wide', 'class = ["main"], thinking = true');
    expect(load(MODELS + wide + narrow).warnings.join()).to.include(
      '[[rules]] "narrow" is never reached: whatever meets it has met "wide" before; put it ahead of that one or take it out',
    );
    expect(load(MODELS + narrow + wide).warnings).to.deep.equal([]);
    expect(load(MODELS + named('a', 'thinking = true') + named('b', 'thinking = false')).warnings).to.deep.equal([]);
    expect(
      load(MODELS + named('a', 'class = ["main"]') + named('b', 'class = ["main", "other"]')).warnings,
    ).to.deep.equal([]);
  });

  it('are warned of where an earlier one asks for less of the same', () => {
    const warnings = (earlier: string, later: string): string =>
      load(
        MODELS +
          rule(`when = { ${earlier} }\nuse = "fast"`).replace('"r"', '"first"') +
          rule(`when = { ${later} }\nuse = "fast"`).replace('"r"', '"second"'),
      ).warnings.join();
    const REACHED: ReadonlyArray<[string, string, boolean]> = [
      ['input_tokens_over = 60000', 'input_tokens_over = 100000', false],
      ['input_tokens_over = 100000', 'input_tokens_over = 60000', true],
      ['class = ["main", "subagent"]', 'class = ["subagent"], stream = true', false],
      ['class = ["main", "subagent"]', 'class = ["subagent", "other"]', true],
      ['model = "claude-*"', 'model = "claude-haiku-*"', false],
      ['model = "claude-*"', 'model = "claude-3"', false],
      ['model = "*"', 'model = "*haiku*"', false],
      ['model = "claude-haiku-*"', 'model = "claude-*"', true],
      ['model = "a*a"', 'model = "a"', true],
      ['model = "*a*"', 'model = "bab"', true],
      ['model = "claude-*"', 'tool_used = "claude-x"', true],
    ];
    for (const [earlier, later, isReached] of REACHED)
      expect(warnings(earlier, later).includes('"second" is never reached'), `${earlier}, ${later}`).to.equal(
        !isReached,
      );
  });

  it('are warned of where they have no effect', () => {
    const rules = rule('when = { stream = true }\nuse = "fast"');
    expect(load(MODELS + rules).warnings).to.deep.equal([]);
    expect(load(MODELS + rules, { 'target.url': 'http://127.0.0.1:1' }).warnings.join()).to.include(
      '[[rules]] have no effect: target.url (--target-url) answers every request',
    );
  });

  it('S2-01 are right in every example of the documentation, which shows those that are shipped', () => {
    const page = readFileSync(join(ROOT, 'docs/rules.md'), 'utf8');
    const examples = [...page.matchAll(/```toml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
    expect(examples.length).to.be.above(1);
    const search = /```toml\n(\[\[rules\]\][\s\S]*?)```/.exec(
      readFileSync(join(ROOT, 'docs/web-search.md'), 'utf8'),
    )?.[1];
    examples.push(`[providers.p]\nbase_url = "https://models.example.com"\n[models.sonar]\nprovider = "p"\n${search}`);
    for (const example of examples) {
      const { rules, warnings } = load(example);
      expect(rules.length, example).to.be.above(0);
      expect(warnings).to.deep.equal([]);
    }
    const shipped = readFileSync(join(ROOT, 'deploy/config/rules.toml'), 'utf8');
    expect(load(shipped).rules.map(({ name, use }) => [name, use])).to.deep.equal([
      ['web-search', 'sonar'],
      ['long-context', 'gemini-long'],
      ['background', 'fast'],
    ]);
    const stages = readFileSync(join(ROOT, 'deploy/config/stages.toml'), 'utf8');
    expect(page).to.include(stages.slice(stages.indexOf('[[rules]]')));
    expect(page).to.include(shipped.replace(/^(#.*\n)+/, ''));
  });
});
