"use strict";
/* An agent as it was after earlier updates: the same problem with the weights of then. */

const TIMES_KEPT = 8; // weights whose sessions are kept, and so the graphs that were compiled for them

/** Which weights an engine has, as a text. @param {Object<string, number|null>} chosen @returns {string} */
const timeOf = (chosen) => JSON.stringify(Object.entries(chosen).filter(([, update]) => update !== null).sort());

/** The desk with other weights of its agent. What was tried with them on this problem is there again.
 * @param {any} desk @param {number|null} update null: the agent as it is
 * @returns {Promise<{engine: any, known: any, times: Map<string, any>}>} */
async function atAnotherTime(desk, update) {
  const { engine, agent } = desk, times = desk.times ?? new Map();
  times.delete(timeOf(engine.chosen));
  times.set(timeOf(engine.chosen), desk);
  if (times.size > TIMES_KEPT) times.delete(times.keys().next().value);
  const before = times.get(timeOf({ ...engine.chosen, [agent]: update }));
  const known = before?.agent === agent ? before : null;
  return { engine: known?.engine ?? await engine.after(agent, update), known, times };
}

/** The same problem with the agent's weights after an update. @param {any} app @param {number|null} update null: as it
 * is */
function takeWeights(app, update) {
  app.weights = update;
  return app.changeWeights(update);
}
/** @param {any} app @param {number|null} update @param {(known: any) => Promise<void>} show */
async function changedWeights(app, update, show) {
  if (app.weights !== update) return; // the slider has moved on
  const { engine, known, times } = await atAnotherTime(app.desk, update);
  [app.engine, app.fresh] = [engine, true];
  await show(known);
  [app.desk.times, app.weights] = [times, app.weights === update ? undefined : app.weights];
}

/** The updates of which the agent has weights; empty until they are known. @param {any} app @returns {number[]} */
function updatesOf(app) {
  const { agent, engine } = app.desk;
  if (!(agent in app.updates)) {
    app.updates[agent] = [];
    engine.earlier(agent).then((updates) => {
      app.updates[agent] = updates;
      if (app.desk.agent === agent && updates.length && !byId("step").hidden) keepingFocus(() => part(app, "about"));
    });
  }
  return app.updates[agent];
}
/** @param {any} app @param {number} by one to later weights, or to earlier ones */
function moveWeights(app, by) {
  const updates = updatesOf(app), shown = app.desk.engine.chosen[app.desk.agent];
  const now = app.weights === undefined ? shown : app.weights;
  const place = now === undefined || now === null ? updates.length : updates.indexOf(now);
  const next = Math.max(0, Math.min(updates.length, place + by));
  if (next !== place) takeWeights(app, updates[next] ?? null);
}
/** @param {number|null|undefined} update @returns {any[]} */
const weightsText = (update) => (update === undefined || update === null ? ["as trained"]
  : ["after ", h("b", {}, grouped(update)), update === 1 ? " update" : " updates"]);
/** A slider over the weights that were kept. @param {any} app */
function weightsSlider(app) {
  const updates = updatesOf(app), now = app.desk.engine.chosen[app.desk.agent];
  if (!updates.length) return now === undefined ? "" : span("soft", weightsText(now));
  const place = now === undefined ? updates.length : updates.indexOf(now), said = span("", weightsText(now));
  const at = (event) => updates[Number(event.target.value)];
  const text = (update) => (update === undefined ? "as trained" : `after ${update} updates`);
  return h("label.weights", {}, h("input", { type: "range", min: 0, max: updates.length, step: 1, value: place,
    "data-key": "weights", "aria-label": "weights", "aria-valuetext": text(now),
    title: "the agent after earlier updates (PageUp, PageDown)",
    oninput: (event) => {
      said.replaceChildren(...weightsText(at(event)));
      event.target.setAttribute("aria-valuetext", text(at(event)));
    },
    onchange: (event) => takeWeights(app, at(event) ?? null) }), said);
}
