"use strict";
/* The score of a problem as data: a column for each token, a track for each thing that goes along with them. What draws
   it knows no rules, and a test reads it without a browser. */

/** @typedef {{engine: any, session: any, agent: string, tip: SessionNode, rivals: Object<string, any>,
 *   ways: Ways|null, seed: number, readings: Answer[]}} Desk what lies on the table: `tip` is the last node of the
 *   branch that is shown; `readings`: what the agent answers after each token of the prompt */
/** @typedef {{node: SessionNode, token: number, word: string, share: number|null,
 *   writer: "agent"|"other"|"hand"|"world", cost: number|null|undefined,
 *   by: string}} Chip by: of whose writing it is, empty for the agent's own */

/* What of a score may be shown; hand: a person writes the tokens. */
const EVERYTHING = {
  togo: true, expects: true, memory: true, oracle: true, shortcut: true, rivals: true, hand: false,
};

/** @param {SessionNode} node @returns {number[]} the tokens so far */
const tokensTo = (node) => tokensOn(pathTo(node));

/** What an agent would write with which probability; where the world draws, what may come.
 * @param {any} page @param {SessionNode} node @param {string} name @returns {Float64Array} */
function sharesAt(page, node, name) {
  if (node.forced === UNDECIDED) return Float64Array.from(node.chance, Number);
  if (node.forced !== CHOICE) return Float64Array.from(node.legal, (_, token) => (token === node.forced ? 1 : 0));
  const own = node.agents[name];
  return own ? probabilities(own.logits, choices(node, page.masks)) : new Float64Array(node.legal.length); // no agent
}
/** The tokens that may be written, the likeliest first; by hand in the order of the vocabulary, since nobody's
 * likelihoods are shown there unless asked for. @param {Desk} desk @param {SessionNode} node */
function offered({ engine, session, agent, hand }, node) {
  if (node.ended) return [];
  const shares = hand && !hand.ask ? null : sharesAt(engine.page, node, hand?.ask ?? agent);
  const offer = session.allowed(node).map((token) => ({ token, share: shares?.[token] ?? 0 }));
  return hand ? offer : offer.sort((a, b) => b.share - a.share);
}

/** @param {Desk} desk @param {SessionNode} node with a token @param {any} [shown] @returns {Chip} */
function chipOf(desk, node, shown = EVERYTHING) {
  const { engine: { page }, session, agent } = desk, { token } = node.how, before = node.parent;
  const writers = session.writers(node), own = shown.hand || writers.includes(agent);
  const writer = writers.includes("world") ? "world" : own ? "agent" : writers.length ? "other" : "hand";
  const by = { agent: "", other: writers.join(" and "), hand: "you", world: "the world" }[writer];
  const cost = shown.togo && desk.ways && writer !== "world" ? desk.ways.cost(before, token) : null;
  const share = shown.hand ? null : sharesAt(page, before, agent)[token];
  return { node, token, word: page.vocabulary[token], share, writer, cost, by };
}
/** @param {SessionNode} node of an edit @param {Object<string, any>} page @returns {string} what it did */
function editText({ how, parent }, { agents, registers, vocabulary }) {
  if (how.kind === "register") {
    const { name, kind } = registers[how.index];
    return how.value === null ? `${name} empty` : `${name}=${registerText(how.value, kind, vocabulary)}`;
  }
  if (how.kind === "patch") return "memory of another";
  if (how.kind === "memory") return how.from === 0 ? "forgot" : `as after ${pathTo(parent)[how.from].column}`;
  if (how.unit === null) return how.value === 0 ? "all=0" : `all=${signed(how.value)}`;
  return `unit ${placeOf(agents[how.agent].units, how.tensor, how.unit) + 1}=${signed(how.value)}`;
}
/** @param {number} value @param {string} kind @param {string[]} vocabulary */
const registerText = (value, kind, vocabulary) => (kind === "token" ? vocabulary[value] ?? minus(value) : minus(value));

/** Rows of the tree: each branch with the nodes that no earlier branch has.
 * @param {Desk} desk @returns {{leaf: SessionNode, own: SessionNode[], name: string}[]} */
function branchesOf({ session, hand = null }) {
  const seen = new Set();
  return session.leaves().map((leaf, k) => {
    const own = session.path(leaf).filter((node) => !seen.has(node));
    own.forEach((node) => seen.add(node));
    return { leaf, own, name: k ? `branch ${k}` : hand ? "you" : "program" };
  });
}
/** @param {Desk} desk @param {any} shown @returns {any[]} for each branch its chips and edits by column */
function linesOf(desk, shown) {
  return branchesOf(desk).map(({ leaf, own, name }) => {
    const chips = new Map(), edits = new Map();
    for (const node of own) {
      if (node.how.kind === "token") chips.set(node.column, chipOf(desk, node, shown));
      else if (node.parent) edits.set(node.column, { node, text: editText(node, desk.engine.page) });
    }
    const active = desk.session.path(desk.tip).includes(leaf);
    const parts = own[0]?.how.kind === "token" ? own[0].column - 1 : -1;
    return { name, leaf, active, chips, edits, parts };
  });
}

/** How many tokens are to go, by the shortest way: a number, "lost", "right", "wrong", "unknown" or "searching". In a
 * world that answers the reward that the optimum expects, as {reward}.
 * @param {Desk} desk @param {SessionNode} node @returns {number|string|{reward: number}} */
function toGo(desk, node) {
  if (node.ended) return node.success ? "right" : "wrong";
  const way = desk.ways.at(node);
  if (way && desk.ways.advises) return way.value === null ? "unknown" : { reward: way.value };
  return way === undefined ? "searching" : way === null ? "unknown" : way.length === Infinity ? "lost" : way.length;
}

/** Why no token of a path is shown to leave the shortest way. @param {Ways|null} ways @param {SessionNode[]} path */
function noLossText(ways, path) {
  if (!ways) return "No optimum is known on this page.";
  const found = path.filter((node) => !node.ended && node.forced === CHOICE).map((node) => ways.at(node));
  if (found.includes(undefined)) return "The search goes on: ask again when all numbers are there.";
  return found.some((each) => !each || each.value === null)
    ? "No further token is known to leave the shortest way. Of some positions the best is not known."
    : "No further token here leaves the shortest way.";
}

/** @param {Desk} desk @param {any} [shown] what of it is shown @returns {any} the whole score */
function scoreOf(desk, shown = EVERYTHING) {
  const { engine: { page }, session, tip, agent } = desk, path = session.path(tip), lines = linesOf(desk, shown);
  const [tokens, mask] = session.prompt, along = new Map(path.map((node) => [node.column, node]));
  const program = tokensTo(tip), known = page.yardsticks[Number(session.task[0].data[0])];
  const compared = (token, k) => ({ word: page.vocabulary[token], differs: program[k] !== token });
  const others = otherLines(desk, known, shown).map((other) => ({ ...other, tokens: other.tokens.map(compared) }));
  const columns = Math.max(...lines.map(({ leaf }) => leaf.column), ...others.map((other) => other.tokens.length));
  const nodes = Array.from({ length: columns + 1 }, (_, column) => along.get(column) ?? null);
  return {
    prompt: [...tokens.data].map((token, k) => ({ word: page.vocabulary[Number(token)], shown: mask.data[k] }))
      .filter(({ shown }) => shown).map(({ word }) => word),
    columns, lines, others, nodes,
    togo: desk.ways && shown.togo ? nodes.map((node) => (node ? toGo(desk, node) : null)) : null,
    expects: shown.expects ? nodes.map((node) => node?.agents[agent]?.value ?? null) : null,
    registers: registerLines(desk, nodes),
  };
}

/** Other programs on the same problem. @param {Desk} desk @param {any} known the yardsticks of the kind
 * @param {any} shown rivals: all, those of a list, or none */
function otherLines({ ways, rivals, agent, session }, known, shown) {
  const found = [], start = ways?.at(session.root);
  const oracle = known.oracle ?? start?.program;
  if (oracle && shown.oracle) {
    found.push({ name: "oracle", kind: "oracle", tokens: oracle, length: oracle.length, proven: !!known.oracle });
  }
  for (const [name, { tokens, success, truncated }] of Object.entries(rivals)) {
    const wanted = Array.isArray(shown.rivals) ? shown.rivals.includes(name) : shown.rivals && name !== agent;
    if (wanted) found.push({ name, kind: "agent", tokens, success, truncated });
  }
  if (known.shortcut && shown.shortcut) {
    found.push({ name: "shortcut", kind: "shortcut", tokens: known.shortcut, share: known.share });
  }
  return found;
}

/** What the machine holds along the branch: a text for each column, empty for nothing. Pointers are drawn elsewhere.
 * @param {Desk} desk @param {(SessionNode|null)[]} nodes */
function registerLines({ engine: { page } }, nodes) {
  const told = ({ kind }, value) => (value === null ? "" : registerText(value, kind, page.vocabulary));
  return page.registers.flatMap((register, k) => (register.kind === "pointer" ? [] : [{
    name: register.name,
    cells: nodes.map((node, column) => node && {
      text: told(register, node.registers[k]), value: node.registers[k],
      changed: column > 0 && !!nodes[column - 1] && nodes[column - 1].registers[k] !== node.registers[k],
    }),
  }]));
}
/** The places of the prompt that are read next. @param {Object<string, any>} page @param {SessionNode} node */
const pointedAt = ({ registers }, node) => (
  node.registers.filter((value, k) => registers[k].kind === "pointer" && value !== null)
);

/** Where a unit stands among those that are shown. @param {any} units @param {string} tensor @param {number} unit */
const placeOf = (units, tensor, unit) => (
  units?.places ? units.places.findIndex((each) => each.tensor === tensor && each.unit === unit) : -1
);

/** The units of an agent, each a tensor and a place in it, in the order in which they are shown: adds `places`.
 * @param {any} agent of the page */
function arrangeUnits({ units }) {
  if (!units || units.grows) return;
  const places = (tensor, k) => Array.from({ length: units.sizes[k] }, (_, unit) => ({ tensor, unit }));
  const all = units.tensors.flatMap(places);
  units.places = units.order.map((place) => all[place]);
}

/** The numbers of a memory, as they are shown: its units; of one that grows what its newest position holds.
 * @param {any} agent of the page @param {Named} memory @param {number} place of the newest position, -1: the last
 * @returns {number[]} */
function unitsOf({ units }, memory, place) {
  if (!units.grows) return units.places.map(({ tensor, unit }) => Number(memory[tensor].data[unit]));
  const { shape, data } = memory[units.grows], { axis } = units, size = shape[axis];
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
  const { engine: { page }, session, tip, ways } = desk, tokens = tokensTo(tip);
  if (!tip.ended) return null;
  if (!tip.success) {
    const [answer] = page.registers, [value] = tip.registers, goal = goalOf(desk);
    const held = answer && (value === null ? "empty" : minus(value));
    const why = tip.truncated ? "out of tokens." : answer && goal !== null
      ? `${answer.name} is ${held}, the goal was ${minus(goal)}.` : "";
    return { mood: "bad", head: "✕ Wrong", text: why ? `: ${why}` : ` after ${tokens.length} tokens.`, warning: "" };
  }
  const known = page.yardsticks[Number(session.task[0].data[0])].oracle;
  const best = rewritten(tip) ? NaN : known?.length ?? ways?.at(session.root)?.length;
  const over = tokens.length - best; // not a number where no best is known
  const length = over === 0 ? ", as short as can be" : over > 0 ? `; ${best} would do` : "";
  const said = { mood: "good", head: "✓ Right", text: ` in ${tokens.length} tokens${length}.`, warning: "" };
  if (!ways || ways.sure(tip) === "here") return said;
  if (ways.sure(tip) === "proven") return { ...said, text: said.text.replace(/\.$/, ", for every input: proven.") };
  const right = ways.luck(tip);
  if (right === undefined || right === null) return said;
  const sure = ` The same program is right on ${right} of ${OTHERS} other problems of this kind.`;
  if (right === OTHERS) return { ...said, text: `${said.text}${sure}` };
  const but = ` On other problems of this kind the same program is right ${right} times in ${OTHERS}: `;
  return { ...said, text: `${said.text}${but}`, warning: "luck." };
}
/** The number that is to be computed, where the world has one and shows it. @param {Desk} desk */
function goalOf({ engine: { page }, session }) {
  const goal = session.root.state.goal;
  return !page.draws && goal && goal.data.length === 1 ? Number(goal.data[0]) : null;
}
