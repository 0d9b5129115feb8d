"use strict";
/* The score of a problem as data: a column for each token, a track for each thing that goes along with them. What draws
   it knows no rules, and a test reads it without a browser. */

/** @typedef {{engine: any, session: any, agent: string, tip: SessionNode, rivals: Object<string, any>, ways: any,
 *   registers: any, seed: number}} Desk what lies on the table: `tip` is the last node of the branch that is shown */
/** @typedef {{node: SessionNode, token: number, word: string, share: number|null, writer: "agent"|"hand"|"world",
 *   cost: number|null|undefined}} Chip */

/** @param {Desk} desk @param {SessionNode} node @returns {number[]} the tokens so far */
const tokensTo = ({ session }, node) => writtenOn(session.path(node)).map(({ token }) => token);

/** What an agent would write with which probability; where the world draws, what may come.
 * @param {any} page @param {SessionNode} node @param {string} name @returns {Float64Array} */
function sharesAt(page, node, name) {
  if (node.forced === UNDECIDED) return Float64Array.from(node.chance, Number);
  if (node.forced !== CHOICE) return Float64Array.from(node.legal, (_, token) => (token === node.forced ? 1 : 0));
  return probabilities(node.agents[name].logits, choices(node, page.masks));
}
/** The tokens that may be written, the likeliest first. @param {Desk} desk @param {SessionNode} node */
function offered({ engine, session, agent }, node) {
  if (node.ended) return [];
  const shares = sharesAt(engine.page, node, agent);
  return session.allowed(node).map((token) => ({ token, share: shares[token] })).sort((a, b) => b.share - a.share);
}

/** @param {Desk} desk @param {SessionNode} node with a token @returns {Chip} */
function chipOf(desk, node) {
  const { engine: { page }, session, agent } = desk, { token } = node.how, before = node.parent;
  const writers = session.writers(node), own = writers.includes(agent) ? "agent" : "hand";
  const writer = writers.includes("world") ? "world" : own;
  const cost = desk.ways && writer !== "world" ? desk.ways.cost(tokensTo(desk, before), token) : null;
  return { node, token, word: page.vocabulary[token], share: sharesAt(page, before, agent)[token], writer, cost };
}
/** @param {How} how @param {any} units of the agent @returns {string} what an edit did */
function editText(how, units) {
  if (how.kind === "memory") return how.from === 0 ? "forgot" : `as after ${how.from}`;
  if (how.unit === null) return how.value === 0 ? "silent" : `all=${signed(how.value)}`;
  return `unit ${placeOf(units, how.tensor, how.unit) + 1}=${signed(how.value)}`;
}

/** Rows of the tree: each branch with the nodes that no earlier branch has.
 * @param {Desk} desk @returns {{leaf: SessionNode, own: SessionNode[], name: string}[]} */
function branchesOf({ session }) {
  const seen = new Set();
  return session.leaves().map((leaf, k) => {
    const own = session.path(leaf).filter((node) => !seen.has(node));
    own.forEach((node) => seen.add(node));
    return { leaf, own, name: k ? `branch ${k}` : "program" };
  });
}
/** @param {Desk} desk @returns {any[]} for each branch its chips and edits by column */
function linesOf(desk) {
  return branchesOf(desk).map(({ leaf, own, name }) => {
    const chips = new Map(), edits = new Map();
    for (const node of own) {
      if (node.how.kind === "token") chips.set(node.column, chipOf(desk, node));
      else if (node.parent) {
        const { units } = desk.engine.page.agents[node.how.agent];
        edits.set(node.column, { node, text: editText(node.how, units) });
      }
    }
    const active = desk.session.path(desk.tip).includes(leaf);
    const parts = own[0]?.how.kind === "token" ? own[0].column - 1 : -1;
    return { name, leaf, active, chips, edits, parts };
  });
}

/** How many tokens are to go, by the shortest way: a number, "lost", "right", "wrong", "unknown" or "searching".
 * @param {Desk} desk @param {SessionNode} node @returns {number|string} */
function toGo(desk, node) {
  if (node.ended) return node.success ? "right" : "wrong";
  const way = desk.ways.at(tokensTo(desk, node));
  return way === undefined ? "searching" : way === null ? "unknown" : way.length === Infinity ? "lost" : way.length;
}

/** @param {Desk} desk @returns {any} the whole score */
function scoreOf(desk) {
  const { engine: { page }, session, tip, agent } = desk, path = session.path(tip), lines = linesOf(desk);
  const [tokens, mask] = session.prompt, along = new Map(path.map((node) => [node.column, node]));
  const program = tokensTo(desk, tip), known = page.yardsticks[Number(session.task[0].data[0])];
  const compared = (token, k) => ({ word: page.vocabulary[token], differs: program[k] !== token });
  const others = otherLines(desk, known).map((other) => ({ ...other, tokens: other.tokens.map(compared) }));
  const columns = Math.max(...lines.map(({ leaf }) => leaf.column), ...others.map((other) => other.tokens.length));
  const nodes = Array.from({ length: columns + 1 }, (_, column) => along.get(column) ?? null);
  return {
    prompt: [...tokens.data].map((token, k) => ({ word: page.vocabulary[Number(token)], shown: mask.data[k] }))
      .filter(({ shown }) => shown).map(({ word }) => word),
    columns, lines, others, nodes,
    togo: desk.ways ? nodes.map((node) => (node ? toGo(desk, node) : null)) : null,
    expects: nodes.map((node) => node?.agents[agent]?.value ?? null),
    registers: registerLines(desk, nodes),
  };
}

/** Other programs on the same problem. @param {Desk} desk @param {any} known the yardsticks of the kind */
function otherLines({ ways, rivals, agent }, known) {
  const found = [], start = ways?.at([]);
  const oracle = known.oracle ?? start?.program;
  if (oracle) {
    found.push({ name: "oracle", kind: "oracle", tokens: oracle, length: oracle.length, proven: !!known.oracle });
  }
  for (const [name, { tokens, success, truncated }] of Object.entries(rivals)) {
    if (name !== agent) found.push({ name, kind: "agent", tokens, success, truncated });
  }
  if (known.shortcut) found.push({ name: "shortcut", kind: "shortcut", tokens: known.shortcut, share: known.share });
  return found;
}

/** What the machine holds along the branch. @param {Desk} desk @param {(SessionNode|null)[]} nodes */
function registerLines({ registers, session }, nodes) {
  const seen = nodes.map((node) => (node ? registers(session.task, node.state) : null));
  return seen[0].map(({ name }, k) => ({
    name,
    cells: seen.map((now, column) => now && {
      value: now[k].value, changed: column > 0 && !!seen[column - 1] && seen[column - 1][k].value !== now[k].value,
    }),
  }));
}

/** Where a unit stands among those that are shown. @param {any} units @param {string} tensor @param {number} unit */
const placeOf = (units, tensor, unit) => (
  units?.places ? units.places.findIndex((each) => each.tensor === tensor && each.unit === unit) : -1
);

/** The units of an agent, each a tensor and a place in it, in the order in which they are shown: adds `places`.
 * @param {any} agent of the page */
function arrangeUnits(agent) {
  const { units } = agent;
  if (!units || units.grows) return;
  const signature = (tensor) => agent.step.inputs[1 + agent.memory.indexOf(tensor)];
  const all = units.tensors.flatMap((tensor) => (
    Array.from({ length: madeFor(signature(tensor), 0).data.length }, (_, unit) => ({ tensor, unit }))
  ));
  units.places = units.order.map((place) => all[place]);
}

/** The numbers of a memory, as they are shown: its units; of one that grows what its newest position holds.
 * @param {any} agent of the page @param {Named} memory @param {number} place of the newest position, -1: the last
 * @returns {number[]} */
function unitsOf(agent, memory, place) {
  const { units } = agent;
  if (!units.grows) return units.places.map(({ tensor, unit }) => Number(memory[tensor].data[unit]));
  const { shape, data } = memory[units.grows], signature = agent.step.inputs[1 + agent.memory.indexOf(units.grows)];
  const axis = signature.slice(1).split(",").indexOf("n"), size = shape[axis];
  const inner = sizeOf(shape.slice(axis + 1)), shown = [];
  const at = place < 0 ? size - 1 : place;
  for (let outer = 0; outer < data.length / (size * inner); outer++) {
    for (let k = 0; k < inner; k++) shown.push(Number(data[(outer * size + at) * inner + k]));
  }
  return shown;
}

const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);
const minus = (value) => String(value).replace("-", "−");
/** @param {number} share @returns {string} */
function percent(share) {
  if (share >= 0.995) return share > 0.9995 ? "100 %" : "99 %";
  return share < 0.005 ? (share < 0.0005 ? "0 %" : "<1 %") : `${Math.round(100 * share)} %`;
}

/** One sentence on how the branch ends; empty before its end. @param {Desk} desk
 * @returns {{mood: "good"|"bad", head: string, text: string, warning: string}|null} */
function verdictOf(desk) {
  const { engine: { page }, session, tip, ways, registers } = desk, tokens = tokensTo(desk, tip);
  if (!tip.ended) return null;
  if (!tip.success) {
    const known = registers(session.task, tip.state)[0], goal = goalOf(desk);
    const why = tip.truncated ? "out of tokens." : known && goal !== null
      ? `${known.name} is ${known.value === null ? "empty" : minus(known.value)}, the goal was ${minus(goal)}.` : "";
    return { mood: "bad", head: "✕ Wrong", text: why ? `: ${why}` : ` after ${tokens.length} tokens.`, warning: "" };
  }
  const best = page.yardsticks[Number(session.task[0].data[0])].oracle?.length ?? ways?.at([])?.length;
  const over = tokens.length - best; // not a number where no best is known
  const length = over === 0 ? ", as short as can be" : over > 0 ? `; ${best} would do` : "";
  const said = { mood: "good", head: "✓ Right", text: ` in ${tokens.length} tokens${length}.`, warning: "" };
  if (!ways) return said;
  if (ways.rows === 1) return { ...said, text: said.text.replace(/\.$/, ", for every input: proven.") };
  const right = ways.luck(tokens);
  const sure = ` The same program is right on ${right} of ${OTHERS} other problems of this kind.`;
  if (right === OTHERS) return { ...said, text: `${said.text}${sure}` };
  const but = ` On other problems of this kind the same program is right ${right} times in ${OTHERS}: `;
  return { ...said, text: `${said.text}${but}`, warning: "luck." };
}
/** The number that is to be computed, where the world has one and shows it. @param {Desk} desk */
function goalOf({ engine: { page }, session }) {
  const goal = session.root.state.goal;
  return !page.world.draws && goal && goal.data.length === 1 ? Number(goal.data[0]) : null;
}
