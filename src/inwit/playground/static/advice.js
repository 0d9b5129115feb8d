"use strict";
/* The optimum in a world that answers: what it expects from here, what each token costs in expected reward, and what is
   known. Its world draws, so no program is a way. A page from disk reads it from a table of some problems
   (`advice_table.py` says what it holds); a server is asked. */

/** @typedef {{best: number[], values: Object<number, number>, value: number|null,
 *   facts: Object<string, string>}} Advised value null: the optimum is not known */
/** @typedef {{place: number, facts: string[][]}} Placed a position of the table, and the facts as they stand there */

const EXACT = 1e-9; // values are sums of fractions, rounded

/** @param {(node: SessionNode) => Advised|null|undefined} at
 * @param {(node: SessionNode, rest: Rest) => Promise<void>} search @returns {Ways} */
function waysByAdvice(at, search) {
  return {
    advises: true, at, search, luck: () => null, sure: () => "here",
    /** The regret of a token: what it gives away of the expected reward. */
    cost(node, token) {
      const here = at(node);
      if (here === undefined) return undefined;
      if (!here || here.value === null || here.values[token] === undefined) return null;
      const regret = here.value - here.values[token];
      return regret < EXACT ? 0 : regret;
    },
  };
}

/** What the track of the optimum is called. @param {Ways} ways */
const optimumName = ({ advises }) => (advises ? "optimum expects" : "to go");
/** What a token costs, in words. @param {number} cost @param {boolean} [advises] the cost is a regret */
function costWords(cost, advises) {
  if (cost === 0) return advises ? "as good as can be" : "keeps to a shortest way";
  if (cost === Infinity) return "leaves no way";
  return advises ? `gives away ${cost.toFixed(3)} of the expected reward` : `${cost} longer than a shortest way`;
}
/** A regret as a badge has it; a small one is not shown as nothing. @param {number} cost */
const regretText = (cost) => `−${cost < 0.01 ? cost.toFixed(3) : cost.toFixed(2)}`;

/** The server answers the newest question alone: one before it is asked again when somebody looks there.
 * @param {(path: any[]) => Promise<Advised>} ask what is known after tokens and changes of registers @returns {Ways} */
function askedAdvice(ask) {
  const found = new Map();
  let newest = 0;
  const step = ({ how }) => (how.kind === "token" ? how.token : { index: how.index, value: how.value });
  return waysByAdvice((node) => found.get(doneTo(node)), async (node) => {
    const key = doneTo(node), own = ++newest;
    if (found.has(key)) return;
    const path = pathTo(node).filter(({ how }) => how.kind === "token" || how.kind === "register").map(step);
    const told = await ask(path).catch(() => null);
    if (told || own === newest) found.set(key, told);
  });
}

/** @param {string[][]} facts @param {any[]} changes [fact, parts, added] @returns {string[][]} */
function changedFacts(facts, changes) {
  const after = [...facts];
  for (const [fact, parts, added] of changes) {
    after[fact] = added ? [...after[fact], ...parts.filter((part) => !after[fact].includes(part))] : parts;
  }
  return after;
}

/** What the page's own table knows of a problem. @param {Object<string, any>} page @param {Problem} problem
 * @returns {Ways} */
function tabledAdvice(page, problem) {
  const { facts: names, rows, changes, groups, positions, problems } = page.advice, placed = new WeakMap();
  const asked = JSON.stringify([problem.kind, problem.cells]);
  const start = problems.find(([task]) => JSON.stringify(task) === asked);

  /** Of positions that are alike the one in which the same may be written. */
  const among = (group, node) => {
    const may = node.ended ? [] : node.forced >= 0 ? [node.forced]
      : [...node.legal.keys()].filter((token) => node.legal[token] || (node.forced === CHOICE && !page.masks));
    return groups[group].find((place) => rows[positions[place][0]][0].join() === may.join());
  };
  /** @param {SessionNode} node @returns {Placed|null} */
  const find = (node) => {
    if (!node.parent) {
      const place = start && among(start[1], node);
      return place === undefined ? null : { place, facts: start[2] };
    }
    const before = positionOf(node.parent);
    if (!before || node.how.kind === "register") return null;
    if (node.how.kind !== "token") return before;
    const [row, after, changed] = positions[before.place], k = rows[row][0].indexOf(node.how.token);
    const place = k < 0 || !after.length ? undefined : among(after[k], node);
    return place === undefined ? null : { place, facts: changedFacts(before.facts, changes[changed[k]]) };
  };
  const positionOf = (node) => {
    if (!placed.has(node)) placed.set(node, find(node));
    return placed.get(node);
  };
  /** One token beyond the table the value is known: what was expected of the token, less what the token paid. */
  const beyond = (node) => {
    const before = node.how.kind === "token" && positionOf(node.parent);
    if (!before) return null;
    const [tokens, given] = rows[positions[before.place][0]], k = tokens.indexOf(node.how.token);
    return given && k >= 0 ? { best: [], values: {}, value: given[k] - node.reward, facts: {} } : null;
  };
  return waysByAdvice((node) => {
    const here = positionOf(node);
    if (!here) return beyond(node);
    const [tokens, given, best, value] = rows[positions[here.place][0]];
    const values = Object.fromEntries((given ?? []).map((each, k) => [tokens[k], each]));
    return { best, values, value, facts: byName(names, here.facts.map((parts) => parts.join(", ") || "none")) };
  }, async () => {});
}
