"use strict";
/* What is shown of a training: the form that starts it, its curves, its specimen, its events. */

const SHOWN_LINES = 200; // specimens and events, the newest
const CLOCK_MS = 1000; // between two drawings of a training that has reported nothing yet
const CURVES = [["success", "success by stage", 1], ["entropy", "entropy of the choices"],
  ["value_error", "error of what is expected"]];

/** @param {any} app */
function drawTrain(app) {
  if (!byId("training")) {
    byId("train").replaceChildren(
      h("form.card", { id: "train-form", onsubmit: (event) => {
        event.preventDefault();
        if (app.training.recipes && !app.training.busy) startTraining(app);
      } }, h("div", { id: "train-fields" }), h("div", { id: "train-actions" })),
      h("div.training", { id: "training" }));
  }
  drawFields(app);
  drawStart(app);
  drawTraining(app);
}

/** The settings of the recipe. They are drawn once for each object of values, so that nothing disturbs who types, and
 * so that no field writes into another object than the one that is sent. @param {any} app */
function drawFields(app) {
  const { training } = app, { recipes, recipe, values } = training, place = byId("train-fields");
  if (!recipes) return place.replaceChildren(h("h2", {}, "Train"), h("p.soft", {}, "The recipes are being read …"));
  if (training.drawn === values) return;
  training.drawn = values;
  const { settings, about, world } = recipes.find(({ name }) => name === recipe);
  const field = (setting) => {
    const { name, type, least, most, choices: offered, help } = setting, value = values[name], key = `set-${name}`;
    const label = name.replace(/^.*\./, "").replace("max_", "").replaceAll("_", " ").replace(/^id$/, "policy");
    const put = (event) => { values[name] = type === "choice" ? event.target.value : Number(event.target.value); };
    const limits = [least, most].every((each) => each === null || each === undefined) ? ""
      : most === null || most === undefined ? `from ${least}` : `${least} to ${grouped(most)}`;
    const own = type === "choice"
      ? h("select", { "data-key": key, onchange: put },
        offered.map((each) => h("option", { value: each, selected: each === value }, each)))
      : h("input", { type: "number", min: least, max: most, step: type === "whole" ? 1 : "any", value, required: true,
        "data-key": key, oninput: put });
    return h("label", { title: help }, label, own, limits ? h("small", {}, limits) : "");
  };
  const choose = h("select", { "data-key": "recipe", onchange: (event) => takeRecipe(app, event.target.value) },
    recipes.map(({ name }) => h("option", { value: name, selected: name === recipe }, name)));
  place.replaceChildren(h("h2", {}, "Train"), h("p.lead", {}, `${about} (${world})`),
    h("div.fields", {}, h("label", {}, "recipe", choose), settings.map(field)));
}
/** @param {any} app */
function drawStart(app) {
  const { recipes, busy, said, mood } = app.training;
  byId("train-actions").replaceChildren(h("div.buttons", {},
    h("button.main", { type: "submit", "data-key": "start",
      "aria-disabled": !recipes || busy ? "true" : null }, "start"),
    h("span.small", { className: `small ${mood}` }, said)));
}

/** @param {any} app */
function drawTraining(app) {
  const { run, about } = app.training, place = byId("training");
  if (!run || !about) {
    place.replaceChildren(run ? h("p.soft", {}, `${run} is being read …`) : "");
    return;
  }
  if (place.dataset.of !== run) {
    place.dataset.of = run;
    place.replaceChildren(h("div.card", { id: "train-head" }), h("div.card.curves", { id: "train-curves" }),
      h("div.card", { id: "train-specimen" }), h("div.card", { id: "train-events" }));
  }
  drawHead(app);
  drawCurves(app);
  drawSpecimens(app);
  drawEvents(app);
}
/** Which run it is, how far, and what can be done with it. @param {any} app */
function drawHead(app) {
  const { training } = app, { run, own, about, reports, end, busy } = training, last = reports.at(-1);
  const button = (key, label, action, main) => doButton(key, label, !!busy, action, main);
  const most = about.most ? ` of at most ${grouped(about.most)}` : "";
  const far = last ? `update ${grouped(end?.update ?? last.update)}${most}, `
    + `${timeText(end?.seconds ?? last.seconds)}` : end ? "no report"
    : `no report yet, watched for ${Math.round((Date.now() - training.since) / 1000)} s`;
  clearTimeout(training.clock);
  if (!last && !end) training.clock = setTimeout(() => drawAgain(app), CLOCK_MS);
  const solved = end?.problems ? ["solves ", h("b", {}, grouped(end.solved)), ` of ${grouped(end.problems)}`] : null;
  const facts = [about.recipe, about.world, about.policy, `seed ${about.seed}`].filter((each) => each).join(", ");
  byId("train-head").replaceChildren(
    h("div.heading", {}, h("h2", {}, run), stateOf(end?.status ?? "running"), h("span.soft.small", {}, facts)),
    h("p.lead", {}, far, solved ? [" · ", solved] : "", end ? ` · ${end.text}` : ""),
    h("div.buttons", {},
      end || !own ? "" : button("stop", "stop", () => stopTraining(app)),
      end && end.status !== "gone" ? button("open-run", "open it", () => openTrained(app), true) : "",
      button("to-runs", "all runs", () => app.turnTo("runs"))));
}
/** @param {any} app */
function drawCurves(app) {
  const { reports } = app.training, updates = reports.at(-1)?.update ?? 0;
  const of = (name) => {
    const lines = new Map();
    for (const report of reports) {
      const value = report[name], named = typeof value === "object" && value !== null ? value : { "": value };
      for (const [each, own] of Object.entries(named)) {
        if (!lines.has(each)) lines.set(each, []);
        if (typeof own === "number") lines.get(each).push([report.update, own]);
      }
    }
    return [...lines].map(([each, points]) => ({ name: each, points }));
  };
  byId("train-curves").replaceChildren(...CURVES.map(([name, title, most]) => (
    curveOf(title, of(name), { most, updates }))));
}

/** The tokens of a program; those that differ from the earlier one are marked. @param {any} specimen
 * @param {any} [before] @returns {HTMLElement[]} */
function programOf({ words, chosen }, before) {
  return words.map((word, k) => {
    const differs = before && before.words[k] !== word, world = chosen[k] === false;
    return h(`span.written${differs ? ".parts" : ""}${world ? ".world" : ""}`, {}, word,
      differs ? unseen(", changed") : "");
  });
}
/** One problem, as the agent wrote its program after each report: the newest on top. @param {any} app */
function drawSpecimens(app) {
  const { specimens, end, busy } = app.training, scroll = byId("train-specimen").querySelector(".scroll");
  const shown = specimens.map((each, k) => ({ ...each, before: specimens[k - 1] })).slice(-SHOWN_LINES).reverse();
  const [newest] = shown;
  if (!newest) {
    byId("train-specimen").replaceChildren(h("h2", {}, "The specimen"), h("p.lead", {}, end
      ? "Of this run no earlier weights are kept, so there is nothing to replay."
      : "One problem, replayed at each report: it comes with the first weights that are kept."));
    return;
  }
  const row = (each) => h("tr", {}, h("th.number", { scope: "row" }, grouped(each.update)),
    h("td.words", {}, programOf(each, each.before)),
    h(each.success ? "td.good" : "td.bad", {}, each.success ? "✓ right" : "✕ wrong"),
    h("td.number", {}, each.values.length ? minus(each.values[0].toFixed(2)) : "–"),
    h("td", {}, doButton(`open-${each.update}`, "open it here", !!busy, () => openTrained(app, each), false,
      { "aria-label": `open it here, after update ${each.update}` })));
  const [, ...cells] = newest.task, numbers = cells.flat().join(" ");
  const table = h("div.scroll.tall", { tabIndex: 0, role: "region", "aria-label": "the specimen, update by update" },
    h("table.list", {}, h("thead", {}, h("tr", {}, h("th.number", { scope: "col" }, "update"),
      h("th", { scope: "col" }, "program"), h("th", { scope: "col" }, "is"),
      h("th.number", { scope: "col" }, "expects"), h("th", { scope: "col" }, unseen("open")))),
    h("tbody", {}, shown.map(row))));
  byId("train-specimen").replaceChildren(h("h2", {}, "The specimen"),
    h("p.lead", {}, "One problem, ", h("b", {}, `${newest.kind}: ${numbers}`), ", as the agent solves it after each "
      + "report. A token with a blue outline differs from the row below."), table);
  table.scrollTop = scroll?.scrollTop ?? 0;
  table.scrollLeft = scroll?.scrollLeft ?? 0;
}
/** @param {any} app */
function drawEvents(app) {
  const { events } = app.training, place = byId("train-events");
  place.hidden = !events.length;
  place.replaceChildren(h("h2", {}, "Events"), h("ul.lines", { tabIndex: 0, "aria-label": "events, the newest first" },
    events.slice(-SHOWN_LINES).reverse().map(({ update, text }) => h("li", {}, `${grouped(update)}  ${text}`))));
}
