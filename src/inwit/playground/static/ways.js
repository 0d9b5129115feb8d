"use strict";
/* The optimum from every position that a person looks at, searched once for all that was done to the world so far. A
   way must be right on the problem and on others of its kind, lest it be luck. Memories have no part in it. */
/** @typedef {{length: number, program: number[]|null}|null} Found length Infinity: no way is left; null: the search
 *   gave up */
/** @typedef {() => Promise<boolean>} Rest between two slices; false: the search is wanted no more */
/** @typedef {{at: (node: SessionNode) => Found|undefined,
 *   cost: (node: SessionNode, token: number) => number|null|undefined,
 *   luck: (node: SessionNode) => number|null|undefined, sure: (node: SessionNode) => "proven"|"others"|"here",
 *   search: (node: SessionNode, rest: Rest, tokens?: boolean) => Promise<void>, advises?: boolean}} Ways undefined: not
 *   searched yet; null: not known. `tokens`: what each token costs, too. `sure`: a way is right for every input, on
 *   other problems of the kind, or in this one position. `luck`: on how many of `OTHERS` problems a program is right.
 *   `advises`: the world answers, so costs are regrets, see `advice.js` */

const SEARCHED = 40000; // positions that one search looks at
const OTHERS = 200; // problems that tell luck
const BEGUN = 8; // searches that are kept unfinished
const SLICE_MS = 8; // of searching between two rests

/** What was done to the world on the way to a node, as a text. @param {SessionNode} node @returns {string} */
function doneTo(node) {
  const done = pathTo(node).map(({ how }) => (
    how.kind === "token" ? `${how.token},` : how.kind === "register" ? `@${how.index}=${how.value ?? ""},` : ""));
  return done.join("");
}
/** The last node on the way to this one at which a register was changed. @param {SessionNode} node */
const rewritten = (node) => pathTo(node).findLast(({ how }) => how.kind === "register");
/** @param {SessionNode[]} path @returns {number[]} */
const tokensOn = (path) => path.filter(({ how }) => how.kind === "token").map(({ how }) => how.token);

/** What is known so far, by what was done to the world: the part that searches in the page and on a server share.
 * @returns {any} */
function foundWays() {
  const found = new Map(), LOST = { length: Infinity, program: null };
  const at = (node, more = []) => found.get(doneTo(node) + more.map((token) => `${token},`).join(""));
  return {
    at,
    /** What is the way here is so along the way, too. @param {SessionNode} node @param {number[]} more tokens after it
     * @param {Found|"lost"} way */
    learn(node, more, way) {
      const key = doneTo(node) + more.map((token) => `${token},`).join(""), here = way === "lost" ? LOST : way;
      found.set(key, here);
      if (!here || !here.program) return;
      here.program.forEach((_, k) => {
        const length = here.length - k - 1, there = here.program.slice(0, k + 1).map((token) => `${token},`).join("");
        if (length) found.set(key + there, { length, program: here.program.slice(k + 1) });
      });
    },
    /** What a token costs: 0 keeps to a shortest way, n takes n tokens more, Infinity leaves no way.
     * @param {SessionNode} node @param {number} token */
    cost(node, token) {
      const here = at(node);
      if (!here) return here;
      if (here.length === Infinity) return Infinity;
      if (here.program[0] === token) return 0;
      const there = at(node, [token]);
      return there ? 1 + there.length - here.length : there;
    },
  };
}

/** The ways on a problem, searched in the page. @param {Object<string, any>} page @param {Tensor[]} constants
 * @param {Problem} problem @returns {Ways|null} */
function waysOf(page, constants, problem) {
  const rules = rulesTogether(page, constants);
  if (!rules) return null;
  const { at, learn, cost } = foundWays(), signatures = page.together.open.inputs, lucky = new Map();
  const begun = new Map();
  const first = rules.open(tasksOf(signatures, withOthers(page, problem, rules.rows)));

  /** The state of all rows after what was done, and more tokens; null where one of them has ended. */
  const stateAt = (node, more) => {
    const begin = rewritten(node), path = pathTo(node), after = begin ? path.slice(path.indexOf(begin) + 1) : path;
    let state = begin ? inAllRows(begin.state, rules.rows) : first;
    for (const token of [...tokensOn(after), ...more]) {
      const step = rules.step(state, token);
      if (step.over.some((ended) => ended)) return null;
      ({ state } = step);
    }
    return state;
  };
  const seek = async (node, more, rest) => {
    const key = [doneTo(node), ...more].join(), state = begun.has(key) ? null : stateAt(node, more);
    if (!state && !begun.has(key)) return learn(node, more, "lost");
    const search = begun.get(key) ?? wayFrom(rules, state, SEARCHED); // one that was left goes on
    begun.delete(key);
    begun.set(key, search);
    if (begun.size > BEGUN) begun.delete(begun.keys().next().value);
    let until = Date.now() + SLICE_MS, next = search.next();
    for (; !next.done; next = search.next()) {
      if (Date.now() < until) continue;
      if (!await rest()) return undefined;
      until = Date.now() + SLICE_MS;
    }
    begun.delete(key);
    const { tokens, known } = next.value;
    return learn(node, more, tokens ? { length: tokens.length, program: tokens } : known ? "lost" : null);
  };
  const count = async (node, rest) => {
    const tokens = tokensOn(pathTo(node));
    let right = 0;
    for (let done = 0; done < OTHERS; done += rules.rows) {
      const rows = Array.from({ length: rules.rows }, (_, k) => drawnProblem(page, problem.kind, 1000 + done + k));
      let state = rules.open(tasksOf(signatures, rows)), success = new Uint8Array(rules.rows);
      for (const token of tokens) ({ state, success } = rules.step(state, token));
      right += success.reduce((sum, each) => sum + each, 0);
      if (!await rest()) return;
    }
    lucky.set(doneTo(node), Math.min(right, OTHERS));
  };
  return {
    at, cost,
    sure: (node) => (rewritten(node) ? "here" : rules.rows === 1 ? "proven" : "others"),
    luck: (node) => (rewritten(node) || rules.rows === 1 ? null : lucky.get(doneTo(node))),
    async search(node, rest, tokens = false) {
      if (node.ended) return node.success ? count(node, rest) : undefined;
      if (at(node) === undefined) await seek(node, [], rest);
      const here = at(node), may = choices(node, page.masks);
      const open = tokens && here && here.length < Infinity ? [...may.keys()].filter((token) => may[token]) : [];
      for (const token of open.filter((each) => cost(node, each) === undefined)) {
        await seek(node, [token], rest);
        if (at(node, [token]) === undefined) return undefined; // wanted no more
        if (!await rest()) return undefined;
      }
      return undefined;
    },
  };
}
