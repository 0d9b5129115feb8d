"use strict";
/* Draws the score: one table, a column for each token. The head is a matter of classes alone, so that a step draws
   nothing anew. */

/** @param {any} cost of a chip @returns {string} */
const moodOf = (cost) => (cost === 0 ? "good" : cost === Infinity ? "bad" : cost > 0 ? "soso" : "");

/** @param {any} app @param {Chip} chip @param {Object<string, any>} props @returns {HTMLElement} */
function chipButton(app, chip, props) {
  const mood = moodOf(chip.cost), writer = ["hand", "world"].includes(chip.writer) ? chip.writer : "";
  const classes = ["chip", writer, mood].filter((each) => each);
  const cost = mood && costWords(chip.cost, app.desk.ways.advises);
  const by = chip.by && `written by ${chip.by}`;
  const likely = chip.share === null ? chip.word : `${chip.word}: ${percent(chip.share)} likely`;
  const title = [likely, by, cost].filter((each) => each).join(", ");
  return h(`button.${classes.join(".")}`, { type: "button", vars: { p: chip.share ?? 0 }, title, ...props },
    span("", chip.word), chip.share === null ? "" : h("i", { "aria-hidden": "true" }));
}

/** @param {number|string|{reward: number}|null} left @returns {HTMLElement|string} */
function toGoCell(left) {
  if (left === null) return "";
  if (left === "right") return span("good", "✓", unseen(" right"));
  if (left === "wrong") return span("bad", "✕", unseen(" wrong"));
  if (left === "lost") return h("span.bad", { title: "no way to the goal is left" }, "✕", unseen(" no way is left"));
  if (left === "searching") return span("soft", "…");
  if (left === "unknown") return h("span.soft", { title: "too far to search here" }, "?");
  if (typeof left === "object") return gauge(left.reward);
  return h("span", { title: "tokens of the shortest way from here" }, String(left));
}
/** @param {number|null} value @returns {HTMLElement|string} */
function gauge(value) {
  if (value === null) return "";
  const share = Math.max(0, Math.min(1, value));
  return h("span.gauge", { vars: { v: share } }, h("i", { "aria-hidden": "true" }),
    h("b", {}, minus(value.toFixed(2))));
}

/** A track: a cell for each column, the first under the last token of the prompt.
 * @param {any} score @param {string} name @param {string} style @param {(column: number) => any} make */
function track(score, name, style, make) {
  const wide = score.prompt.length;
  return h(`tr.${style}`, {}, h("th", { scope: "row" }, name),
    score.prompt.map((_, k) => h(k === wide - 1 ? "td.edge" : "td", {}, k === wide - 1 ? make(0) : "")),
    Array.from({ length: score.columns }, (_, k) => h("td", {}, make(k + 1))));
}
/** @param {any} score @returns {HTMLElement} */
function numbersRow(score) {
  const wide = score.prompt.length;
  return h("tr.numbers", {}, h("th", { scope: "col" }, unseen("track")),
    score.prompt.map((_, k) => (
      h(k === wide - 1 ? "th.edge" : "th", { scope: "col" }, k ? unseen(`prompt ${k + 1}`) : "reads"))),
    Array.from({ length: score.columns }, (_, k) => h("th", { scope: "col" }, String(k + 1))));
}
/** @param {any} app @param {any} score @param {any} line @param {number} number @returns {HTMLElement} */
function lineRow(app, score, line, number) {
  const wide = score.prompt.length;
  const noteAt = (column) => (line.edits.has(column) ? h("span.note-edit", { title: "changed by you" },
    `✎ ${line.edits.get(column).text}`) : "");
  const read = (word, k) => [
    number ? "" : h("button.chip.read", { type: "button", title: "of the problem", "data-key": `p${k}`,
      onclick: () => app.first() }, word),
    k === wide - 1 ? noteAt(0) : "",
  ];
  const written = (column) => {
    const chip = line.chips.get(column), edit = line.edits.get(column);
    const forks = number && !chip && !edit && column === line.parts;
    const fork = forks ? h("span.fork", { "aria-hidden": "true" }, "└") : "";
    const show = () => app.show(edit ? edit.node : chip.node, line.leaf);
    return [chip ? chipButton(app, chip, { "data-key": `c${chip.node.id}`, onclick: show }) : fork, noteAt(column)];
  };
  return h(line.active ? "tr.program.active" : "tr.program", {}, h("th", { scope: "row" }, line.name),
    score.prompt.map((word, k) => h(k === wide - 1 ? "td.edge" : "td", {}, read(word, k))),
    Array.from({ length: score.columns }, (_, k) => h("td", {}, written(k + 1))));
}
/** @param {any} score @param {any} register @param {boolean} first @returns {HTMLElement} */
function registerRow(score, { name, cells }, first) {
  return track(score, name, first ? "register.first" : "register", (column) => {
    const cell = cells[column];
    if (!cell) return "";
    const classes = [cell.value === null ? "empty" : "", cell.changed ? "changed" : ""].filter((each) => each);
    return span(classes.join("."), cell.text || "·");
  });
}
/** @param {any} app @param {any} score @returns {HTMLElement|null} */
function memoryRow(app, score) {
  const { desk } = app, agent = desk.engine.page.agents[desk.agent], wide = score.prompt.length;
  if (!agent.units) return null;
  const real = [...desk.session.prompt[1].data.keys()].filter((place) => desk.session.prompt[1].data[place]);
  const column = (memory, place, node) => {
    if (!memory) return "";
    const values = unitsOf(agent, memory, place), chosen = app.unit !== null && !agent.units.grows;
    const choose = (event) => app.chooseUnit(event, values.length, node);
    const line = () => h("i.unit", { vars: { u: (app.unit + 0.5) / values.length }, "aria-hidden": "true" });
    return h("div.heat", { onclick: choose }, heat(values, agent.units.scale, memory), chosen ? line() : "");
  };
  const memoryOf = (node) => node?.agents[desk.agent]?.memory, shown = score.nodes;
  const count = unitsOf(agent, desk.session.root.agents[desk.agent].memory, -1).length;
  const most = agent.units.scale.toFixed(agent.units.scale < 0.95 ? 1 : 0);
  const heading = h("th", { scope: "row" }, "memory", h("small", {}, `${count} units`),
    h("span.scale", { "aria-hidden": "true" }, h("i"), h("small", {}, span("", `−${most}`), span("", `+${most}`))),
    unseen(". Pictures: blue is below 0, orange above. The unit field gives the numbers."));
  return h("tr.memory", {}, heading,
    score.prompt.map((_, k) => h(k === wide - 1 ? "td.edge" : "td", {}, k === wide - 1
      ? column(memoryOf(shown[0]), real[k], shown[0]) : column(desk.readings[k]?.memory, real[k], desk.session.root))),
    Array.from({ length: score.columns }, (_, k) => h("td", {}, column(memoryOf(shown[k + 1]), -1, shown[k + 1]))));
}
/** @param {any} score @param {any} other @param {boolean} first @returns {HTMLElement} */
function otherRow(score, other, first) {
  const verdict = {
    oracle: () => [h("b", {}, String(other.length)), ` tokens, ${other.proven ? "proven shortest" : "shortest found"}`],
    shortcut: () => ["right on ", h("b", {}, percent(other.share)), " of problems"],
    agent: () => (other.success ? span("good", h("b", {}, "✓"), ` right, ${other.tokens.length} tokens`)
      : span("bad", h("b", {}, "✕"), other.truncated ? " out of tokens" : " wrong")),
  }[other.kind]();
  const title = {
    oracle: other.proven ? "the shortest program that is right on every problem of its kind"
      : "the shortest program that this page's search found",
    shortcut: "the best program that is shorter than the oracle's", agent: "another agent on the same problem",
  }[other.kind];
  return h(first ? "tr.rival.firstrival" : "tr.rival", {}, h("th", { scope: "row", title }, other.name),
    h("td.edge.verdict", { colSpan: score.prompt.length }, verdict),
    Array.from({ length: score.columns }, (_, k) => {
      const token = other.tokens[k];
      return h("td", {}, token ? span(token.differs ? "mini.other" : "mini", token.word) : "");
    }));
}

/** @param {any} app */
function drawScore(app) {
  const shown = shownOn(app), score = scoreOf(app.desk, shown);
  const lines = score.lines.map((line, k) => lineRow(app, score, line, k));
  const rows = [numbersRow(score), ...lines];
  const { togo } = score, name = togo && optimumName(app.desk.ways);
  if (togo) rows.push(track(score, name, "verdicts", (column) => toGoCell(togo[column])));
  if (score.expects) rows.push(track(score, "expects", "values", (column) => gauge(score.expects[column])));
  rows.push(...score.registers.map((register, k) => registerRow(score, register, k === 0)));
  if (shown.memory) rows.push(memoryRow(app, score) ?? "");
  rows.push(...score.others.map((other, k) => otherRow(score, other, k === 0)));
  const wide = score.columns + score.prompt.length, said = verdictOf(app.desk);
  const style = wide > 18 ? "table.long" : shown.hand ? "table.own" : "table";
  const more = h("button.more", { type: "button", "data-key": "more", "aria-expanded": String(app.more),
    onclick: () => app.unfold() }, "memory and others");
  byId("score").classList.toggle("folded", !app.more && !shown.hand);
  const table = h(style, { vars: { columns: wide } }, h("tbody", {}, rows));
  byId("score").replaceChildren(
    h("div.scroll", { tabIndex: 0, role: "region", "aria-label": "the episode as a table, a column for each token" },
      table),
    shown.hand ? "" : more,
    h("p.verdict-line", {}, said
      ? [h(`b.${said.mood}`, {}, said.head), said.text, said.warning ? h("b", {}, said.warning) : ""]
      : app.desk.hand ? "You write: choose the next token."
        : app.desk.tip.forced === UNDECIDED ? "The world answers next." : "The episode goes on: step, or press End."),
  );
}

/** Marks the column of the position that is looked at, and brings it into view. @param {any} app */
function moveHead(app) {
  const box = byId("score").querySelector(".scroll"), { session, engine: { page } } = app.desk;
  const wide = session.prompt[1].data.reduce((sum, one) => sum + one, 0);
  for (const cell of box.querySelectorAll(".now")) cell.classList.remove("now");
  for (const cell of box.querySelectorAll("[aria-current]")) cell.removeAttribute("aria-current");
  for (const row of box.querySelectorAll("tr")) {
    let column = -wide;
    for (const cell of [...row.children].slice(1)) {
      column += /** @type {HTMLTableCellElement} */ (cell).colSpan;
      if (column === session.at.column && !cell.classList.contains("verdict")) cell.classList.add("now");
    }
  }
  let here = session.at;
  while (here.parent && here.how.kind !== "token") here = here.parent;
  const key = here.parent ? `c${here.id}` : `p${wide - 1}`;
  box.querySelector(`[data-key="${key}"]`)?.setAttribute("aria-current", "step");
  const places = pointedAt(page, session.at);
  [...box.querySelectorAll(".read")].forEach((chip, place) => chip.classList.toggle("next", places.includes(place)));
  const now = /** @type {HTMLElement|null} */ (box.querySelector("tr.numbers .now"));
  const names = box.querySelector("th").offsetWidth;
  if (!now) return;
  const left = now.offsetLeft - names - 8, right = now.offsetLeft + now.offsetWidth + 8;
  if (box.scrollLeft > left) box.scrollLeft = left;
  if (right > box.scrollLeft + box.clientWidth) box.scrollLeft = right - box.clientWidth;
}
