"use strict";
/* The page against Python: it plays the episodes that Python played when the page was made. */

const CLOSE = 1e-4; // of floats
const NEAR = 1e-2; // where a policy multiplies in half precision, which the page does not

/** @typedef {{agent: string, task: any[], tokens: number[], values: number[], success: boolean}} Golden */

/** @param {any} engine @param {Golden} golden
 * @returns {{differs: string, apart: number}} empty if the page does the same; how far apart the values are, at most */
function comparedWith(engine, { agent, task: [kind, ...cells], tokens, values, success }) {
  const { page } = engine;
  let position = engine.begin(tasksOf(page.task, [{ kind, cells, seed: 0 }])), apart = 0;
  const otherwise = (differs) => ({ differs, apart });
  for (const [column, token] of tokens.entries()) {
    if (position.terminated || position.truncated) return otherwise(`the episode ends after ${column} tokens`);
    const own = position.agents[agent], legal = choices(position, page.masks),
      off = Math.abs(own.value - values[column]);
    if (!(off <= NEAR)) {
      const said = [own.value, values[column]].map((value) => value.toFixed(4)).join(", not ");
      return otherwise(`the value before token ${column + 1} is ${said}`);
    }
    apart = Math.max(apart, off);
    const ours = following(position, agent, page.masks) ?? token;
    const tie = () => position.forced === CHOICE && legal[token]
      && Math.abs(own.logits[ours] - own.logits[token]) < (apart > CLOSE ? NEAR : CLOSE);
    if (ours !== token && !tie()) {
      return otherwise(`token ${column + 1} is ${page.vocabulary[ours]}, not ${page.vocabulary[token]}`);
    }
    position = engine.advance({ state: position.state, agents: { [agent]: own } }, token);
  }
  return otherwise(position.success === success ? "" : `the episode ends ${success ? "wrong" : "right"}`);
}

/** @param {any} engine @param {() => Promise<void>} rest between two episodes
 * @returns {Promise<{agrees: boolean, text: string}>} */
async function checked(engine, rest) {
  const { golden } = engine.page, wrong = [];
  let most = 0;
  for (const each of golden) {
    const { differs, apart } = comparedWith(engine, each);
    if (differs) wrong.push(`${each.agent}: ${differs}`);
    most = Math.max(most, apart);
    await rest();
  }
  const right = golden.length - wrong.length, of = `${right} of ${golden.length} episodes`;
  if (wrong.length) return { agrees: false, text: `This page differs from Python: it agrees on ${of}. ${wrong[0]}.` };
  const away = `; its values are up to ${most.toFixed(4)} away, since Python multiplied in half precision`;
  const rounded = most > CLOSE ? away : "";
  return { agrees: true, text: `This page agrees with Python on ${of}${rounded}.` };
}
