"use strict";
/* The page against Python: it plays the episodes that Python played when the page was made. */

const CLOSE = 1e-4;

/** @param {any} engine @param {{agent: string, task: any[], tokens: number[], values: number[], success: boolean}} golden
 * @returns {string} empty if the page does the same; else what differs */
function differsFrom(engine, { agent, task: [kind, ...cells], tokens, values, success }) {
  const { page } = engine;
  let position = engine.begin(tasksOf(page.world.open.inputs, [{ kind, cells, seed: 0 }]));
  for (const [column, token] of tokens.entries()) {
    if (position.terminated || position.truncated) return `the episode ends after ${column} tokens`;
    const own = position.agents[agent], legal = choices(position, page.masks);
    if (!(Math.abs(own.value - values[column]) <= CLOSE * Math.max(1, Math.abs(values[column])))) {
      return `the value before token ${column + 1} is ${own.value}, not ${values[column]}`;
    }
    const ours = following(position, agent, page.masks) ?? token, near = () => Math.abs(own.logits[ours] - own.logits[token]) < CLOSE;
    if (ours !== token && !(position.forced === CHOICE && legal[token] && near())) {
      return `token ${column + 1} is ${page.vocabulary[ours]}, not ${page.vocabulary[token]}`;
    }
    position = engine.advance({ state: position.state, agents: { [agent]: own } }, token);
  }
  return position.success === success ? "" : `the episode ends ${success ? "wrong" : "right"}`;
}

/** @param {any} engine @param {() => Promise<void>} rest between two episodes
 * @returns {Promise<{agrees: boolean, text: string}>} */
async function checked(engine, rest) {
  const { golden } = engine.page, wrong = [];
  for (const each of golden) {
    const differs = differsFrom(engine, each);
    if (differs) wrong.push(`${each.agent}: ${differs}`);
    await rest();
  }
  const right = golden.length - wrong.length, of = `${right} of ${golden.length} episodes`;
  if (!wrong.length) return { agrees: true, text: `This page agrees with Python on ${of}.` };
  return { agrees: false, text: `This page differs from Python: it agrees on ${of}. ${wrong[0]}.` };
}
