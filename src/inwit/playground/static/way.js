"use strict";
/* The shortest way to success from a position: all programs, shortest first, positions that are alike looked at once.
   Nothing in it knows the world. It runs in slices, so that a page stays awake. */

/** @typedef {{rows: number, clocks: string[], names: string[], open: (task: Tensor[]) => Named,
 *   look: (state: Named) => {legal: Uint8Array}, step: (state: Named, token: number) =>
 *   {state: Named, success: Uint8Array, over: Uint8Array}}} Rules of several rows */
/** @typedef {{tokens: number[]|null, looked: number, known: boolean}} Way tokens null: none was found; known: there
 *   is none */

const SLICE = 64; // positions between two pauses

/** @param {Object<string, any>} page with the rules `together` @param {Tensor[]} constants @returns {Rules|null} */
function rulesTogether(page, constants) {
  const graphs = page.together;
  if (!graphs) return null;
  const [open, look, step] = ["open", "look", "step"].map((name) => compile(graphs[name], constants));
  const { rows, clocks, state: names } = graphs, held = names.length;
  const inOrder = (state) => names.map((name) => state[name]);
  return {
    rows, clocks, names,
    open: (task) => byName(names, open(task).slice(3)),
    look: (state) => ({ legal: look(inOrder(state))[0].data }),
    step(state, token) {
      const out = step([tokenOf(token, rows), ...inOrder(state)]), [, terminated, truncated, success] = out.slice(held);
      const over = terminated.data.map((ended, row) => ended | truncated.data[row]);
      return { state: byName(names, out.slice(0, held)), success: success.data, over };
    },
  };
}

/** One row's state in all rows: what a person edited is that of no other problem.
 * @param {Named} state @param {number} rows @returns {Named} */
function inAllRows(state, rows) {
  const repeated = ({ type, shape, data }) => {
    const made = zeros(type, [rows, ...shape.slice(1)]);
    for (let row = 0; row < rows; row++) made.data.set(data, row * data.length);
    return made;
  };
  return Object.fromEntries(Object.entries(state).map(([name, tensor]) => [name, repeated(tensor)]));
}

/** Tells positions apart by all that they hold but the clocks.
 * @param {Rules} rules @returns {(state: Named) => string} */
function keysOf({ names, clocks }) {
  const kept = names.filter((name) => !clocks.includes(name));
  return (state) => {
    const parts = kept.map((name) => state[name].data), size = parts.reduce((sum, part) => sum + part.byteLength, 0);
    const bytes = new Uint8Array(size + (size % 2));
    let place = 0;
    for (const part of parts) {
      bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), place);
      place += part.byteLength;
    }
    return String.fromCharCode(...new Uint16Array(bytes.buffer));
  };
}

/** @param {Uint8Array} legal of all rows @param {number} rows @returns {number[]} the tokens that are legal in each */
function legalInAll(legal, rows) {
  const size = legal.length / rows, tokens = [];
  for (let token = 0; token < size; token++) {
    let every = true;
    for (let row = 0; row < rows; row++) every &&= legal[row * size + token] !== 0;
    if (every) tokens.push(token);
  }
  return tokens;
}

/** The shortest way from a position of all rows; after `most` positions it gives up. Yields how many it has looked at.
 * @param {Rules} rules @param {Named} start @param {number} most @returns {Generator<number, Way>} */
function* wayFrom(rules, start, most) {
  const key = keysOf(rules), seen = new Set([key(start)]);
  let frontier = [{ state: start, tokens: [] }], looked = 0;
  while (frontier.length) {
    const following = [];
    for (const { state, tokens } of frontier) {
      for (const token of legalInAll(rules.look(state).legal, rules.rows)) {
        if (looked === most) return { tokens: null, looked, known: false };
        if (++looked % SLICE === 0) yield looked;
        const after = rules.step(state, token), program = [...tokens, token];
        if (after.success.every((right) => right)) return { tokens: program, looked, known: true };
        if (after.over.some((ended) => ended)) continue;
        const own = key(after.state);
        if (seen.has(own)) continue;
        seen.add(own);
        following.push({ state: after.state, tokens: program });
      }
    }
    frontier = following;
  }
  return { tokens: null, looked, known: true };
}

/** The same at once. @param {Rules} rules @param {Named} start @param {number} most @returns {Way} */
function wayAtOnce(rules, start, most) {
  const search = wayFrom(rules, start, most);
  let answer = search.next();
  while (!answer.done) answer = search.next();
  return answer.value;
}
