// Finds, in formatted source, a function that is written where it is assigned to a property, by whatever operator: the engine
// takes it for a method.
const PROPERTY = String.raw`(?<!:\s[\w$.]*)[\w$)\]]\.#?[\w$]+`;
const ELEMENT = String.raw`^\s*[\w$.#()]+(?:\[[^\]\n]*\])+`;
const PARAMETERS = String.raw`(?:<[^()]*>)?\((?:[^()]|\([^()]*\))*\)(?::\s[^=;]+?)?`;
const FUNCTION = String.raw`\(?(?:async\s)?(?:function\b|${PARAMETERS}\s=>|[\w$]+\s=>)`;

export const ASSIGNED_FUNCTION = new RegExp(
  String.raw`(?:${PROPERTY}|${ELEMENT})\s(?:\?\?|\|\||&&)?=\s+${FUNCTION}`,
  'gm',
);
