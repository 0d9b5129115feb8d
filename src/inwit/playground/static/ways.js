"use strict";
/* The optimum from every position that a person looks at: searched once for each program so far, in slices. A way must
   be right on the problem and on others of its kind, lest it be luck. Memories have no part in it. */

/** @typedef {{length: number, program: number[]|null}|null} Found length Infinity: no way is left; null: the search
 *   gave up */

const SEARCHED = 40000; // positions that one search looks at
const OTHERS = 200; // problems that tell luck

/** @param {Object<string, any>} page @param {Tensor[]} constants @param {Problem} problem */
function waysOf(page, constants, problem) {
  const rules = rulesTogether(page, constants);
  if (!rules) return null;
  const found = new Map(), signatures = page.together.open.inputs, lucky = new Map();
  const first = rules.open(tasksOf(signatures, withOthers(page, problem, rules.rows)));
  const keyOf = (tokens) => tokens.join();
  const lost = { length: Infinity, program: null };

  /** The state of all rows after a program; null where one of them has ended. */
  const after = (tokens) => {
    let state = first;
    for (const token of tokens) {
      const step = rules.step(state, token);
      if (step.over.some((ended) => ended)) return null;
      ({ state } = step);
    }
    return state;
  };
  /** What is the way here is so along the way, too. */
  const learn = (tokens, way) => {
    found.set(keyOf(tokens), way);
    if (!way || !way.program) return;
    way.program.forEach((_, k) => {
      const left = way.length - k - 1;
      const there = keyOf([...tokens, ...way.program.slice(0, k + 1)]);
      if (left) found.set(there, { length: left, program: way.program.slice(k + 1) });
    });
  };
  return {
    rows: rules.rows,
    /** @param {number[]} tokens @returns {Found|undefined} undefined: not searched yet */
    at: (tokens) => found.get(keyOf(tokens)),
    /** Searches from the position after these tokens; yields now and then. @param {number[]} tokens */
    * search(tokens) {
      const state = after(tokens);
      if (!state) return learn(tokens, lost);
      const { tokens: program, known } = yield* wayFrom(rules, state, SEARCHED);
      learn(tokens, program ? { length: program.length, program } : known ? lost : null);
    },
    /** What a token costs: 0 keeps to a shortest way, n takes n tokens more, Infinity leaves no way; null: not known;
     * undefined: not searched yet. @param {number[]} tokens @param {number} token */
    cost(tokens, token) {
      const here = found.get(keyOf(tokens));
      if (!here) return here;
      if (here.length === Infinity) return Infinity;
      if (here.program[0] === token) return 0;
      const there = found.get(keyOf([...tokens, token]));
      return there ? 1 + there.length - here.length : there;
    },
    /** @param {number[]} tokens of a right program @returns {number} on how many of `OTHERS` problems it is right */
    luck(tokens) {
      const key = keyOf(tokens);
      if (!lucky.has(key)) {
        let right = 0;
        for (let done = 0; done < OTHERS; done += rules.rows) {
          const rows = Array.from({ length: rules.rows }, (_, k) => drawnProblem(page, problem.kind, 1000 + done + k));
          let state = rules.open(tasksOf(signatures, rows)), success = new Uint8Array(rules.rows);
          for (const token of tokens) ({ state, success } = rules.step(state, token));
          right += success.reduce((sum, each) => sum + each, 0);
        }
        lucky.set(key, Math.min(right, OTHERS));
      }
      return lucky.get(key);
    },
  };
}

/** What the machine shows, as registers: a value, or null for an empty one. A value beyond `SURE` is not exact.
 * @param {Object<string, any>} page @param {Tensor[]} constants
 * @returns {(task: Tensor[], state: Named) => {name: string, value: number|null}[]} */
function registersOf(page, constants) {
  if (!page.machine) return () => [];
  const { names, graph } = page.machine, run = compile(graph, constants);
  const places = [...names.keys()].filter((k) => names.includes(`${names[k]} full`));
  return (task, state) => {
    const numbers = run([...task, ...page.world.state.map((name) => state[name])])[0].data;
    const value = (shown) => Math.sign(shown) * Math.round(Math.expm1(Math.abs(shown)));
    const full = (name) => numbers[names.indexOf(`${name} full`)];
    return places.map((k) => ({ name: names[k], value: full(names[k]) ? value(numbers[k]) + 0 : null }));
  };
}
const SURE = 1e5; // of numbers that are given as logarithms of 32 bits
