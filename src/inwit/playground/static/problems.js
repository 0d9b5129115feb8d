"use strict";
/* Problems of a page: drawn by a seed, with numbers typed by hand, and the answers of a world that draws. The seed
   decides all, so that a link shows the same again. */

/** @typedef {{kind: number, cells: number[][], seed: number}} Problem cells: the task's tensors, flat */

/** @param {string} text @returns {number} in [0, 1), the same for the same text */
function chanceOf(text) {
  let one = 0xdeadbeef, two = 0x41c6ce57;
  for (let k = 0; k < text.length; k++) {
    one = Math.imul(one ^ text.charCodeAt(k), 2654435761);
    two = Math.imul(two ^ text.charCodeAt(k), 1597334677);
  }
  one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(two ^ (two >>> 13), 3266489909);
  two = Math.imul(two ^ (two >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909);
  return (4294967296 * (2097151 & two) + (one >>> 0)) / 2 ** 53;
}
/** @param {string} text @param {number} count @returns {number} 0..count-1 */
const pick = (text, count) => Math.floor(chanceOf(text) * count);

/** Of a page with a table of advice one of the problems of which the table tells the optimum.
 * @param {Object<string, any>} page @param {number} kind @param {number} seed @returns {Problem} */
function drawnProblem(page, kind, seed) {
  const { fields, examples } = page.problems[kind];
  const known = page.advice?.problems.map(([task]) => task).filter(([own]) => own === kind) ?? [];
  if (known.length) return { kind, cells: known[pick(`${kind} ${seed}`, known.length)][1], seed };
  const cells = examples[pick(`${kind} ${seed}`, examples.length)].map((row) => [...row]);
  for (const [tensor, place, least, most] of fields) {
    cells[tensor][place] = least + pick(`${kind} ${seed} ${tensor} ${place}`, most - least + 1);
  }
  return { kind, cells, seed };
}

/** Another problem of the kind, if there is one.
 * @param {Object<string, any>} page @param {Problem} problem @returns {Problem} */
function anotherProblem(page, { kind, cells }) {
  const before = JSON.stringify(cells);
  let other = null;
  for (let k = 0; k < 20 && (!other || JSON.stringify(other.cells) === before); k++) {
    other = drawnProblem(page, kind, Math.floor(Math.random() * 1e6) + 2);
  }
  return other;
}

/** The task of several problems of one kind, as graphs of so many rows take it.
 * @param {string[]} signatures kind, then the task's tensors @param {Problem[]} problems @returns {Tensor[]} */
function tasksOf(signatures, problems) {
  const rows = problems[0].cells.map((_, k) => problems.flatMap(({ cells }) => cells[k]));
  const columns = [problems.map(({ kind }) => kind), ...rows];
  return signatures.map((signature, k) => {
    const { type, shape } = madeFor(signature, 0);
    return tensorOf(type, shape, columns[k]);
  });
}
/** @param {Object<string, any>} page @param {Problem} problem @returns {Tensor[]} */
const taskFor = (page, problem) => tasksOf(page.task, [problem]);

/** @param {Problem} problem @returns {number[]} as a link names it */
const cellsOf = ({ kind, cells }) => [kind, ...cells.flat()];
/** @param {Tensor[]} task @param {number} seed @returns {Problem} */
const problemOf = ([kind, ...data], seed) => (
  { kind: Number(kind.data[0]), cells: data.map((tensor) => [...tensor.data].map(Number)), seed }
);

/** Every row another problem of the kind; the first is the problem itself.
 * @param {Object<string, any>} page @param {Problem} problem @param {number} rows @param {number} [from] a seed
 * @returns {Problem[]} */
function withOthers(page, problem, rows, from = 1) {
  const others = Array.from({ length: rows - 1 }, (_, k) => drawnProblem(page, problem.kind, from + k));
  return [problem, ...others];
}

/** The answer of a world that draws: the same call has the same answer each time that it is made for the first time,
 * the same for the second time, whoever makes it and when.
 * @param {number} seed @param {{token: number, world: boolean}[]} written so far @param {Numbers} chance
 * @returns {number} */
function drawnAnswer(seed, written, chance) {
  const calls = [];
  let own = [], answers = 0;
  for (const { token, world } of written) {
    if (world) answers++;
    else if (answers) [own, answers] = [[token], 0];
    else own.push(token);
    calls.push(`${own.join()}/${answers}`);
  }
  const call = calls[calls.length - 1] ?? "", times = calls.filter((each) => each === call).length;
  let left = chanceOf(`${seed} ${call} ${times}`) * chance.reduce((sum, each) => sum + Number(each), 0);
  for (let token = 0; token < chance.length; token++) {
    left -= Number(chance[token]);
    if (left < 0 && chance[token] > 0) return token;
  }
  return chance.findLastIndex((each) => each > 0);
}

/** @param {SessionNode[]} path @returns {{token: number, world: boolean}[]} */
const writtenOn = (path) => (
  path.filter(({ how }) => how.kind === "token")
    .map(({ how, parent }) => ({ token: how.token, world: parent.forced !== CHOICE }))
);

/** An agent's whole episode from a node: the world's answers are drawn.
 * @param {any} session @param {SessionNode} node @param {string} name @param {number} seed
 * @returns {Promise<SessionNode>} */
async function playOn(session, node, name, seed) {
  let last = await session.run(node, name);
  while (!last.ended) {
    const token = drawnAnswer(seed, writtenOn(session.path(last)), last.chance);
    last = await session.run(await session.advance(last, token), name);
  }
  return last;
}

/** The world's answers alone, up to where somebody else writes.
 * @param {any} session @param {SessionNode} node @param {number} seed @returns {Promise<SessionNode>} */
async function worldOn(session, node, seed) {
  let last = node;
  while (!last.ended && last.forced !== CHOICE) {
    const drawn = () => drawnAnswer(seed, writtenOn(session.path(last)), last.chance);
    last = await session.advance(last, last.forced >= 0 ? last.forced : drawn());
  }
  return last;
}

/** What an agent does on a problem when nobody interferes, beside the session's tree; up to so many tokens.
 * @param {any} engine @param {Position} start @param {string} name @param {number} seed @param {number} [most]
 * @returns {Promise<{tokens: number[], success: boolean, truncated: boolean, position: any}>} */
async function playedAlone(engine, start, name, seed, most = Infinity) {
  const written = [];
  let position = { ...start, agents: { [name]: start.agents[name] } };
  while (!position.terminated && !position.truncated && written.length < most) {
    const world = position.forced !== CHOICE;
    const token = following(position, name, engine.page.masks) ?? drawnAnswer(seed, written, position.chance);
    written.push({ token, world });
    position = await engine.advance(position, token);
  }
  const tokens = written.map(({ token }) => token), { success = false, truncated = false } = position;
  return { tokens, success, truncated, position };
}
