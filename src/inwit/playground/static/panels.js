"use strict";
/* What stands around the score: the agent, the problem, what comes next, what may be changed, and the transport. */

/** @param {number} value @returns {string} 111,000 */
const grouped = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");
/** @param {any} app */
const nextWord = ({ desk }) => desk.engine.page.vocabulary[tokensTo(desk.session.at).at(-1)];

/** @param {any} about @returns {any[]} */
function aboutText(about) {
  const parts = [];
  if (about.parameters) parts.push(`${grouped(about.parameters)} parameters`);
  const { seconds } = about, minutes = seconds / 60;
  if (seconds !== undefined) {
    parts.push(`${seconds < 90 ? `${seconds.toFixed(0)} s` : `${minutes.toFixed(0)} min`} of training`);
  }
  const text = parts.join(", ");
  if (about.solved === undefined) return [text];
  return [text, text ? ", solves " : "solves ", h("b", {}, grouped(about.solved)),
    ` of ${grouped(about.problems)} ${about.what}`];
}
/** @param {any} app */
function drawAbout(app) {
  const { engine: { page }, agent } = app.desk, { about } = page.agents[agent];
  const label = (name) => [name, page.agents[name].about.width].filter((each) => each).join(" ");
  byId("about").replaceChildren(
    h("select", { "aria-label": "agent", "data-key": "agent", onchange: (event) => app.takeAgent(event.target.value) },
      Object.keys(page.agents).map((name) => h("option", { value: name, selected: name === agent }, label(name)))),
    weightsSlider(app), app.desk.engine.chosen[agent] === undefined ? span("soft", aboutText(about)) : "",
  );
}
/** @param {any} app @param {string} [where] */
function drawProblem(app, where = "problem") {
  const { desk, problem } = app, { page } = desk.engine, { fields } = page.problems[problem.kind], goal = goalOf(desk);
  const chosen = ([tensor, place, least, most, words], k) => h("select", { "aria-label": `word ${k + 1}`,
    "data-key": `n${k}`, onchange: (event) => app.typed(event.target, tensor, place, least, most) },
  words.map((word, value) => h("option", { value: least + value,
    selected: least + value === problem.cells[tensor][place] }, word)));
  const number = ([tensor, place, least, most], k) => h("input", {
    type: "number", min: least, max: most, value: problem.cells[tensor][place],
    "aria-label": `number ${k + 1}, ${least} to ${most}`, "data-key": `n${k}`,
    onchange: (event) => app.typed(event.target, tensor, place, least, most),
  });
  byId(where).replaceChildren(
    h("label", {}, "task ", h("select", { "data-key": "kind",
      onchange: (event) => app.pose(drawnProblem(page, Number(event.target.value), 1)) },
      page.problems.map(({ name, goal }, kind) => h("option", { value: kind, selected: kind === problem.kind },
        goal ? `${name}: ${goal}` : name)))),
    fields.length ? h("fieldset", {}, h("legend.unseen", {}, "numbers of the problem"), 
      fields.map((field, k) => (field[4] ? chosen : number)(field, k))) : "",
    h("button", { type: "button", "data-key": "another", onclick: () => app.another() }, "another ",
      h("kbd", { "aria-hidden": "true" }, "n")),
    page.draws ? h("button", { type: "button", "data-key": "answers", onclick: () => app.otherAnswers() },
      "other answers") : "",
    goal === null ? "" : h("span.goal", {}, "the goal is ", h("b", {}, minus(goal))),
  );
}

/** @param {any} cost @param {boolean} [advises] the cost is a regret @returns {HTMLElement} */
function badge(cost, advises) {
  if (cost === undefined) return h("span.badge.unknown", { title: "being searched" }, "…");
  const title = cost === null ? (advises ? "not known here" : "too far to search here") : costWords(cost, advises);
  if (cost === null) return h("span.badge.unknown", { title }, "?");
  if (cost === 0) return h("span.badge.good", { title }, "✓ best");
  if (cost === Infinity) return h("span.badge.bad", { title }, "✕ lost");
  return h("span.badge.soso", { title }, advises ? regretText(cost) : `+${cost}`);
}
/** Why no optimum is shown. @param {Desk} desk @returns {string} */
function unknownText({ ways, engine: { page } }) {
  if (!ways.advises) return "The best is too far to search.";
  return page.advice ? "This page does not know the optimum here; inwit playground does." : "No optimum is known here.";
}
/** What is known, of a world that answers. @param {any} app @param {SessionNode} node @returns {any} */
function knownFacts(app, node) {
  const { ways } = app.desk, told = ways?.advises && shownOn(app).togo ? ways.at(node)?.facts ?? {} : {};
  const facts = Object.entries(told);
  if (!facts.length) return "";
  const list = facts.map(([name, text]) => [h("dt", {}, name), h("dd", {}, text === "·" ? "nothing yet" : text)]);
  return h("div", {}, h("h3", {}, "What is known"), h("dl.minds.facts", {}, list));
}
/** @param {any} app @returns {any} */
function lead(app) {
  const { desk } = app, node = desk.session.at, own = node.agents[desk.agent];
  const left = desk.ways && shownOn(app).togo ? toGo(desk, node) : null;
  const best = left === null ? "" : left === "lost" ? span("bad", " · no way to the goal is left")
    : left === "searching" ? " · searching…" : left === "unknown" ? ` · ${unknownText(desk)}`
    : typeof left === "object" ? [" · the optimum expects ", h("b", {}, minus(left.reward.toFixed(2)))]
    : ` · best: ${left} more`;
  return h("p.lead", {}, "expects ", h("b", {}, minus(own.value.toFixed(2))), best,
    own.late ? " · the change shows after the next token" : "");
}
/** What the other agents would write, which have read the same. @param {any} app @param {SessionNode} node */
function otherMinds({ desk }, node) {
  const { engine: { page }, agent } = desk;
  const others = Object.keys(page.agents).filter((name) => name !== agent && node.agents[name]);
  if (!others.length || node.forced !== CHOICE) return "";
  return h("dl.minds", {}, others.map((name) => {
    const token = following(node, name, page.masks);
    return [h("dt", {}, name), h("dd", {}, span("mini", page.vocabulary[token]),
      ` ${percent(sharesAt(page, node, name)[token])}`)];
  }));
}
/** @param {any} app */
function drawNext(app) {
  const { desk } = app, { page } = desk.engine, node = desk.session.at, word = nextWord(app), shown = shownOn(app);
  if (node.ended) {
    return byId("next").replaceChildren(h("h2", {}, "The end"),
      h("p.lead", {}, "Step back, write another token, or take another problem."), knownFacts(app, node));
  }
  const offer = offered(desk, node), world = node.forced !== CHOICE;
  const choice = ({ token, share }, k) => h("li", {}, h("button.choice", {
    type: "button", "data-key": `t${token}`, onclick: () => app.write(token),
    title: world ? "let the world answer this" : "write this token yourself",
  }, h("kbd", { "aria-hidden": "true" }, k < 9 ? String(k + 1) : ""), span("word", page.vocabulary[token]),
  h("span.bar", { vars: { p: share }, "aria-hidden": "true" }, h("i")), span("share", percent(share)),
  world || !desk.ways || !shown.togo ? "" : badge(desk.ways.cost(node, token), desk.ways.advises)));
  const illegal = page.vocabulary.length - offer.length;
  byId("next").replaceChildren(
    h("h2", {}, world ? "The world answers" : node.column === 0 ? "Having read the problem" : `After ${word}`),
    world ? h("p.lead", {}, node.forced === UNDECIDED ? "by chance: step draws an answer, or choose one"
      : "with what was decided before") : lead(app),
    h(desk.ways && shown.togo && !world ? "ol.tokens" : "ol.tokens.plain", {}, offer.map(choice)),
    illegal && !world ? h("p.soft.small", {}, `${illegal} other tokens are not legal now`) : "",
    shown.rivals ? otherMinds(app, node) : "", knownFacts(app, node),
  );
}

/** @param {any} app */
function drawChange(app) {
  const { desk } = app, node = desk.session.at, branches = desk.session.leaves().length;
  const button = (key, label, action, off = false, mark = "") => (
    h("button", { type: "button", "data-key": key, disabled: off, onclick: action },
      label, mark ? [" ", h("kbd", { "aria-hidden": "true" }, mark)] : ""));
  byId("change").replaceChildren(
    h("h2", {}, "Change something"),
    h("div", {}, node.ended ? h("p.soft.small", {}, "An episode that has ended cannot be changed.")
      : [registerEdits(app, node), shownOn(app).memory ? memoryEdits(app, node, button) : ""]),
    h("div.buttons", {}, button("undo", "undo", () => app.undo(), false, "z"),
      button("redo", "redo", () => app.redo()),
      branches > 1 ? button("remove", "remove this branch", () => app.remove()) : ""),
  );
}
/** What a field holds: null for nothing, not a number for what is none, or is too large for the browser.
 * @param {HTMLInputElement} field @returns {number|null} */
const numberIn = ({ value, validity }) => (validity.badInput ? NaN : value.trim() === "" ? null : Number(value));
/** A field for each register. @param {any} app @param {SessionNode} node */
function registerEdits(app, node) {
  const { registers, writable, vocabulary } = app.desk.engine.page;
  if (!registers.length || !writable) return "";
  const put = (index, field) => app.setRegister(index, numberIn(field));
  const field = (register, index) => {
    const { name, kind, least, most, optional } = register;
    const value = node.registers[index], key = `r${index}`;
    const own = kind === "token" ? h("select", { "data-key": key, onchange: (event) => put(index, event.target) },
      optional ? h("option", { value: "", selected: value === null }, "empty") : "",
      vocabulary.map((word, token) => (!mayHold(register, token) ? "" : h("option",
        { value: token, selected: token === value }, word))))
      : h("input", { type: "number", min: least, max: most, value: value ?? "", placeholder: optional ? "empty" : "",
        "data-key": key, onchange: (event) => put(index, event.target) });
    return h("label", {}, span("", name), own);
  };
  return h("div.registers", {}, registers.map(field));
}
/** @param {any} app @param {SessionNode} node @param {any} button */
function memoryEdits(app, node, button) {
  const { desk } = app, { units } = desk.engine.page.agents[desk.agent], own = node.agents[desk.agent];
  if (!own || !units) return h("p.soft.small", {}, "This agent has no memory.");
  const unit = Math.min(app.unit ?? 0, (units.places?.length ?? 1) - 1);
  return [
    units.grows ? h("p.soft.small", {}, "Its memory is a list that grows with each token: its newest part is shown.")
      : unitEdit(app, units, own, unit),
    h("div.buttons", {}, button("silence", "set all units to 0", () => app.silence()),
      button("forget", "forget the program", () => app.forget(), node.column === 0),
      button("patch", "memory of another problem", () => app.patch())),
  ];
}
/** @param {any} app @param {any} units @param {Answer} own @param {number} unit @returns {HTMLElement} */
function unitEdit(app, units, own, unit) {
  const { tensor, unit: place } = units.places[unit], value = Number(own.memory[tensor].data[place]);
  const most = Math.max(units.scale, Math.abs(value));
  const put = (event) => app.setUnit(tensor, place, numberIn(event.target) ?? NaN);
  return h("div.unit-edit", {},
    h("label", {}, "unit ", h("input", { type: "number", min: 1, max: units.places.length, value: unit + 1,
      "data-key": "unit", oninput: (event) => app.lookAt(event.target, units.places.length) })),
    h("input", { type: "range", min: -most, max: most, step: "any", value, "aria-label": `value of unit ${unit + 1}`,
      "data-key": "slider", onchange: put }),
    h("input", { type: "number", step: "any", value: value.toFixed(2),
      "aria-label": `value of unit ${unit + 1}, as a number`, "data-key": "value", onchange: put }));
}

/** @param {any} app */
function drawTransport(app) {
  const { session, tip } = app.desk, { at } = session;
  const button = (name, label, action, off) => h("button", { type: "button",
    "data-key": name === "stop" ? "go-run" : `go-${name}`,
    "aria-label": label, title: label, "aria-disabled": String(off), onclick: action }, icon(name));
  byId("transport").replaceChildren(
    button("first", "to the start (Home)", () => app.first(), !at.parent),
    button("back", "one token back (Left)", () => app.back(), !at.parent),
    span("where", h("b", {}, String(at.column)), ` of ${tip.column}`),
    button("step", "one token on (Right)", () => app.step(), at.ended),
    button("last", "to the end (End)", () => app.last(), at.ended),
    app.desk.hand ? "" : button(app.run.on ? "stop" : "run", app.run.on ? "stop (Space)" : "run, a token after another "
      + "(Space)", () => app.run.toggle(), at.ended),
  );
}
