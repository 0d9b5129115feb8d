"use strict";
/* Programs one below the other: what agents do on the problem, and branches of the session. Shared columns, the first
   difference marked, how far two memories are apart; and who is right on 64 problems of the kind. */

/** @typedef {{name: string, agent: string, branch: boolean, nodes: (SessionNode|null)[], tokens: number[],
 *   last: SessionNode}} Line nodes: by column, of several in a column the last */

const MATRIX = 64; // problems
const LINES = 4;

/** @param {string} name @param {string} agent @param {SessionNode} last @param {boolean} branch @returns {Line} */
function lineTo(name, agent, last, branch) {
  const along = new Map(pathTo(last).map((node) => [node.column, node]));
  const nodes = Array.from({ length: last.column + 1 }, (_, column) => along.get(column) ?? null);
  return { name, agent, branch, nodes, tokens: tokensTo(last), last };
}
/** What may be compared: each agent's own episode, beside the session's tree, then each branch of the session.
 * @param {any} desk @returns {Promise<Line[]>} */
async function comparable(desk) {
  const { engine, session, seed, agent } = desk, own = await sessionOf(engine, session.task), found = [];
  for (const name of Object.keys(engine.page.agents)) {
    found.push(lineTo(name, name, await playOn(own, own.root, name, seed), false));
  }
  return [...found, ...branchesOf(desk).map(({ leaf, name }) => lineTo(name, agent, leaf, true))];
}
/** Where two programs part: the first column, from 1; null where they are the same.
 * @param {number[]} one @param {number[]} other @returns {number|null} */
function firstDifference(one, other) {
  const longer = one.length > other.length ? one : other, column = longer.findIndex((_, k) => one[k] !== other[k]);
  return column < 0 ? null : column + 1;
}
/** How far two memories are apart: the root of the mean squared difference of their numbers; null where they have not
 * the same shape. @param {Named|undefined} one @param {Named|undefined} other @returns {number|null} */
function apart(one, other) {
  if (!one || !other) return null;
  const shapes = (memory) => Object.entries(memory).map(([name, { type, shape }]) => `${name} ${type} ${shape}`).join();
  if (shapes(one) !== shapes(other)) return null;
  let sum = 0, count = 0;
  for (const [name, { type, data }] of Object.entries(one)) {
    if (!"fd".includes(type)) continue;
    data.forEach((value, k) => { sum += (Number(value) - Number(other[name].data[k])) ** 2; });
    count += data.length;
  }
  return count ? Math.sqrt(sum / count) : null;
}
/** @param {Line} line @param {Line} first @returns {(number|null)[]} by column */
const distances = (line, first) => line.nodes.map((node, column) => (
  apart(node?.agents[line.agent]?.memory, first.nodes[column]?.agents[first.agent]?.memory)));

/** Who is right on problems 1 to 64 of a kind. `told` after each of them; `rest` between slices.
 * @param {any} engine @param {number} kind @param {Rest} rest
 * @param {(problem: Problem, ends: Object<string, {success: boolean, tokens: number[]}>) => void} told */
async function whoIsRight(engine, kind, rest, told) {
  let until = Date.now() + SLICE_MS;
  for (let seed = 1; seed <= MATRIX; seed++) {
    const problem = drawnProblem(engine.page, kind, seed), ends = {};
    const start = await engine.begin(taskFor(engine.page, problem));
    for (const name of Object.keys(engine.page.agents)) ends[name] = await playedAlone(engine, start, name, seed);
    told(problem, ends);
    if (Date.now() < until) continue;
    if (!await rest()) return;
    until = Date.now() + SLICE_MS;
  }
}

SCREENS.compare = {
  title: "Compare", places: ["compare"], desk: "step",
  draw: (app) => drawCompare(app),
  found: (app) => drawLines(app),
  async enter(app) {
    await prepare(app);
    draw(app);
    app.speak(byId("compared").querySelector(".verdict-line").textContent, false);
    countRight(app);
  },
  wanted({ compared, desk }) {
    const lines = compared?.desk === desk ? chosenLines(compared) : [];
    const nodes = lines.flatMap(({ nodes: along }) => along).filter((node) => node && !node.ended);
    const node = nodes.find((each) => desk.ways.at(each) === undefined);
    return node ? { node, tokens: false } : null;
  },
};

/** @param {any} compared @returns {Line[]} */
const chosenLines = ({ lines, chosen }) => lines.filter(({ name }) => chosen.includes(name));
/** What is compared on this problem; what was chosen before stays chosen. @param {any} app */
async function prepare(app) {
  const { desk } = app, lines = await comparable(desk), names = lines.map(({ name }) => name);
  const kept = (app.compared?.chosen ?? []).filter((name) => names.includes(name));
  const branches = lines.filter(({ branch }) => branch).length;
  const agents = lines.filter(({ branch }) => !branch).map(({ name }) => name);
  const first = agents.length > 1 ? agents : names.slice(-branches).length > 1 ? names.slice(-branches) : names;
  app.compared = { desk, lines, size: desk.session.size, chosen: kept.length > 1 ? kept : first.slice(0, LINES) };
}
/** @param {any} app @param {string} name */
function choose(app, name) {
  const { compared } = app, { chosen } = compared, has = chosen.includes(name);
  if (has ? chosen.length < 3 : chosen.length === LINES) {
    return app.speak(`Between 2 and ${LINES} are compared.`);
  }
  compared.chosen = has ? chosen.filter((each) => each !== name) : [...chosen, name];
  return draw(app);
}
/** What was counted with the weights that the agents have now, by kind. @param {any} app @returns {any} */
function matricesOf({ matrices, desk: { engine } }) {
  if (!matrices.has(engine)) matrices.set(engine, {});
  return matrices.get(engine);
}
/** Fills the matrix of the kind, which is kept. With other weights the count stops. @param {any} app */
async function countRight(app) {
  const { engine, problem: { kind } } = app.desk, matrices = matricesOf(app);
  if (matrices[kind]) return;
  const rows = matrices[kind] = [];
  const rest = () => new Promise((next) => { setTimeout(() => next(app.desk.engine === engine)); });
  await whoIsRight(engine, kind, rest, (problem, ends) => {
    rows.push({ problem, ends });
    const drawn = (rows.length % 16 === 0 || rows.length === MATRIX) && app.desk.engine === engine;
    if (drawn && app.screen === "compare" && app.problem.kind === kind) keepingFocus(() => drawMatrix(app));
  }).catch((error) => app.speak(error.message));
  // What was stopped is counted afresh when somebody looks again.
  if (rows.length < MATRIX && matrices[kind] === rows) delete matrices[kind];
}

/** @param {any} app */
function drawCompare(app) {
  const stale = app.compared?.desk !== app.desk || app.compared.size !== app.desk.session.size;
  if (stale) { // another problem was taken, or this screen is only just opened
    if (app.compared && app.compared.desk !== app.desk) prepare(app).then(() => {
      draw(app);
      countRight(app);
    });
    return;
  }
  if (!byId("compared")) {
    byId("compare").replaceChildren(h("div.problem", { id: "compare-task" }), h("div.card", { id: "compared" }),
      h("div.card", { id: "matrix" }));
    addEventListener("resize", () => app.screen === "compare" && byId("matrix").firstChild
      && keepingFocus(() => drawMatrix(app)));
  }
  drawProblem(app, "compare-task");
  drawLines(app);
  drawMatrix(app);
}
/** @param {any} app */
function drawLines(app) {
  const { compared, desk } = app, lines = chosenLines(compared), { page } = desk.engine, [first] = lines;
  const shown = shownOn(app), columns = Math.max(...lines.map(({ last }) => last.column));
  const toggle = ({ name }) => h("button", { type: "button", "data-key": `with-${name}`,
    "aria-pressed": String(compared.chosen.includes(name)), onclick: () => choose(app, name) }, name);
  const scroll = byId("compared").querySelector(".scroll")?.scrollLeft ?? 0;
  const head = h("thead", {}, h("tr.numbers", {}, h("th", { scope: "col" }, unseen("track")),
    Array.from({ length: columns + 1 }, (_, column) => h("th", { scope: "col" }, column ? String(column) : "read"))));
  const bodies = lines.map((line) => h("tbody", {}, linesRows(app, line, first, columns, shown)));
  byId("compared").replaceChildren(
    h("div.buttons.chooser", { role: "group", "aria-label": "what is compared" }, compared.lines.map(toggle)),
    h("div.scroll", { tabIndex: 0, role: "region", "aria-label": "programs one below the other" },
      h("table.scores", { vars: { columns: columns + 1 } }, head, bodies)),
    h("p.verdict-line", {}, lines.length < 2
      ? "There is nothing to compare yet: write another token on Step, or make a page of several runs."
      : [...lines.slice(1).map((line) => differenceText(page, line, first)), compared.lines.length > 2 ? ""
        : "Write another token on Step, and its branch can be compared here."].join(" ")));
  byId("compared").querySelector(".scroll").scrollLeft = scroll;
}
/** @param {Object<string, any>} page @param {Line} line @param {Line} first @returns {string} */
function differenceText({ vocabulary }, line, first) {
  const at = firstDifference(line.tokens, first.tokens);
  if (at === null) return `${line.name} writes the same as ${first.name}.`;
  const word = ({ tokens }) => (at > tokens.length ? "nothing more" : vocabulary[tokens[at - 1]]);
  return `${line.name} parts from ${first.name} at ${at}: ${word(line)}, not ${word(first)}.`;
}
/** The tracks of one program. @param {any} app @param {Line} line @param {Line} first @param {number} columns
 * @param {any} shown */
function linesRows(app, line, first, columns, shown) {
  const { desk } = app, { page } = desk.engine, { name, agent, nodes, tokens, last } = line;
  const at = line === first ? null : firstDifference(tokens, first.tokens), { units } = page.agents[agent];
  const row = (style, title, make) => h(`tr.${style}`, {}, h("th", { scope: "row" }, title),
    Array.from({ length: columns + 1 }, (_, k) => h("td", {}, k < nodes.length ? make(nodes[k], k) : "")));
  const verdict = !last.ended ? span("soft", "open") : last.success ? span("good", "✓ right")
    : span("bad", "✕ wrong");
  const word = (node, column) => {
    if (!column) return "";
    const chip = chipOf({ ...desk, agent }, node.how.kind === "token" ? node : writtenBefore(node), shown);
    const own = chip.writer === "world" ? "world" : moodOf(chip.cost);
    const classes = ["written", own, column === at ? "parts" : ""].filter((each) => each);
    return [h(`span.${classes.join(".")}`, { vars: { p: chip.share } }, chip.word, h("i", { "aria-hidden": "true" }),
      column === at ? unseen(", the first difference") : ""), node.how.kind === "token" ? ""
      : h("span.note-edit", {}, `✎ ${editText(node, page)}`)];
  };
  const painted = (node) => {
    const memory = node?.agents[agent]?.memory;
    return memory && units ? h("div.heat.small", {}, heat(unitsOf(page.agents[agent], memory, -1),
      units.scale, memory)) : "";
  };
  const rows = [row("program.active.start", [name, h("small", {}, verdict)], word)];
  const toGoAt = (node) => node && toGoCell(toGo(desk, node));
  if (desk.ways && shown.togo) rows.push(row("verdicts", optimumName(desk.ways), toGoAt));
  rows.push(row("values", "expects", (node) => gauge(node?.agents[agent]?.value ?? null)));
  if (shown.memory && units) rows.push(row("memory", "memory", painted));
  if (line !== first && shown.memory) {
    const far = distances(line, first);
    rows.push(row("apart", `from ${first.name}`, (_, column) => (far[column] === null ? h("span.soft",
      { title: "memories of other shapes, or none" }, "–") : far[column].toFixed(2))));
  }
  return rows;
}
/** @param {SessionNode} node @returns {SessionNode} the last one with a token */
const writtenBefore = (node) => (node.how.kind === "token" ? node : writtenBefore(node.parent));

/** @param {any} app */
function drawMatrix(app) {
  const { engine: { page }, problem: { kind } } = app.desk, rows = matricesOf(app)[kind] ?? [];
  const names = Object.keys(page.agents), room = byId("matrix").clientWidth, free = room - (room < 540 ? 86 : 136);
  const one = matchMedia("(pointer: coarse), (max-width: 560px)").matches ? 42 : 36; // as the style has it
  const wide = [32, 16, 8, 6, 5].find((count) => count * one <= free) ?? 4, bands = [];
  const right = (name) => rows.filter(({ ends }) => ends[name].success).length;
  const differ = ({ ends }) => new Set(names.map((name) => ends[name].success)).size > 1;
  const cell = (name) => ({ ends: { [name]: { success, tokens } } }) => h(success ? "td.good" : "td.bad",
    { title: `${name}: ${success ? "right" : "wrong"}, ${tokens.length} tokens` }, success ? "✓" : "✕",
    unseen(success ? " right" : " wrong"));
  for (let from = 0; from < rows.length; from += wide) {
    const band = rows.slice(from, from + wide);
    const open = (each, k) => {
      const here = sameProblem(each, app.desk);
      return h(differ(each) ? "th.differ" : "th", { scope: "col" }, h("button", { type: "button",
        "data-key": `x${from + k}`, title: differ(each) ? "here they differ: open it" : "open this problem",
        "aria-current": here ? "true" : null, onclick: () => app.pose(each.problem) }, String(from + k + 1)));
    };
    bands.push(h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, unseen("agent")), band.map(open))),
      h("tbody", {}, names.map((name) => h("tr", {}, h("th", { scope: "row" }, name), band.map(cell(name)))))));
  }
  const sums = names.map((name, k) => [k ? ", " : "", h("b", {}, name), ` ${right(name)}`]);
  byId("matrix").replaceChildren(
    h("h2", {}, `Who is right on ${MATRIX} problems of this task`),
    h("p.lead", {}, rows.length < MATRIX ? `${rows.length} of ${MATRIX} …` : [sums, ". A number opens its problem."]),
    h("div.scroll", { tabIndex: 0, role: "region", "aria-label": "who is right on which problem" }, bands));
}
