"use strict";
/* The list of runs: looked through, opened together, watched, made into pages. */

const TOGETHER = 6; // runs beside each other, as the server has it
const TYPING_MS = 150; // until what was typed is looked for

/** @typedef {{run: string, name: string|null, status: string, world: string, policy: string, solved: number|null,
 *   problems: number|null, updates: number|null, seconds: number|null, seed: number|null, here: boolean}} RunRow */

SCREENS.runs = {
  title: "Runs", places: ["runs"], desk: null,
  draw: (app) => drawRuns(app),
  enter: (app) => readRuns(app),
};

/** @param {any} app */
function runsOf(app) {
  app.listed ??= { text: "", told: null, chosen: new Map(), said: "", mood: "", busy: false, asked: 0, timer: 0 };
  return app.listed;
}
/** Asks for the runs that fit; an older answer is dropped. @param {any} app */
async function readRuns(app) {
  const listed = runsOf(app), own = ++listed.asked;
  try {
    const told = await app.line.ask("runs", { text: listed.text });
    if (own !== listed.asked) return;
    listed.told = told;
  } catch (error) {
    [listed.said, listed.mood] = [`${error.message}.`, "bad"];
  }
  if (app.screen === "runs") draw(app);
}
/** What is done with runs, and said of it. @param {any} app @param {string} doing
 * @param {() => Promise<string>} what */
async function withRuns(app, doing, what) {
  const listed = runsOf(app), say = (text, mood, busy) => {
    [listed.said, listed.mood, listed.busy] = [text, mood, busy];
    if (app.screen === "runs") draw(app);
    app.speak(text, false);
  };
  say(doing, "soft", true);
  try {
    say(await what(), "good", false);
  } catch (error) {
    say(`That was not done: ${error.message}.`, "bad", false);
  }
}

/** A button that keeps the focus while nothing can be done with it. @param {string} key @param {string} label
 * @param {boolean} off @param {() => void} action @param {boolean} [main] @param {Object<string, any>} [more] */
const doButton = (key, label, off, action, main = false, more = {}) => h(main ? "button.main" : "button", {
  type: "button", "data-key": key, "aria-disabled": off ? "true" : null, onclick: () => !off && action(),
  ...more }, label);

/** Why the chosen runs cannot be opened together; empty if they can. @param {RunRow[]} rows @returns {string} */
function whyNot(rows) {
  if (!rows.length) return `Choose a run, or up to ${TOGETHER} of one world.`;
  if (rows.length > TOGETHER) return `${rows.length} runs are chosen, and at most ${TOGETHER} lie beside each other.`;
  const worlds = [...new Set(rows.map(({ world }) => world))];
  return worlds.length > 1 ? `These runs are in different worlds: ${worlds.join(", ")}. Choose runs of one.` : "";
}
/** @param {number|null} seconds @returns {string} */
function timeText(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return seconds < 5400 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
const STATES = { finished: ["✓", "good"], running: ["●", "live"], failed: ["✕", "bad"], damaged: ["✕", "bad"],
  stopped: ["✕", "soft"], interrupted: ["‖", "soft"], unknown: ["?", "soft"] };
/** @param {string} status @returns {HTMLElement} */
function stateOf(status) {
  const [mark, mood] = STATES[status] ?? ["", "soft"];
  return h(`span.state.${mood}`, {}, h("span", { "aria-hidden": "true" }, mark), mark ? " " : "", status);
}

/** @param {any} app */
function drawRuns(app) {
  if (!byId("run-list")) {
    const field = h("input", { type: "search", id: "run-filter", placeholder: "name, status, world, policy or tag",
      autocomplete: "off", spellcheck: false, maxLength: 200, "data-key": "run-filter", oninput: (event) => {
        const listed = runsOf(app);
        listed.text = event.target.value;
        clearTimeout(listed.timer);
        listed.timer = setTimeout(() => readRuns(app), TYPING_MS);
      } });
    byId("runs").replaceChildren(h("div.card", {},
      h("div.heading", {}, h("h2", {}, "Runs"), h("label.find", { htmlFor: "run-filter" }, "look for ", field)),
      h("div", { id: "run-actions" }), h("div", { id: "run-list" })));
  }
  drawActions(app);
  drawList(app);
}
/** What can be done with the chosen runs. @param {any} app */
function drawActions(app) {
  const listed = runsOf(app), rows = [...listed.chosen.values()], why = whyNot(rows), [first] = rows;
  const one = rows.length === 1;
  const button = (key, label, off, action, main) => doButton(key, label, off || listed.busy, action, main);
  const names = rows.map(({ run }) => run);
  const open = () => withRuns(app, "Python opens them …", async () => {
    await app.open(names);
    return "They are open.";
  });
  const make = () => withRuns(app, `Python makes the page of ${first.run}, which takes up to half a minute …`,
    async () => `The page of ${first.run} is ${(await app.line.ask("page", { run: first.run })).page}.`);
  const text = listed.said || why || (rows.length > 1 ? `${rows.length} runs of ${first.world}.` : "");
  byId("run-actions").replaceChildren(
    h("div.buttons", {},
      button("runs-open", rows.length > 1 ? `open ${rows.length} runs` : "open", !!why, open, true),
      button("runs-watch", "watch", !one, () => watch(app, first)),
      button("runs-page", "make a page", !one, make),
      button("runs-again", "look again", false, () => readRuns(app)),
      rows.length ? button("runs-none", "choose none", false, () => {
        listed.chosen.clear();
        listed.said = "";
        draw(app);
      }) : ""),
    h(listed.said && listed.mood ? `p.small.${listed.mood}` : "p.small.soft", {}, text || " "));
}
/** @param {any} app */
function drawList(app) {
  const { told, chosen, text } = runsOf(app), scroll = byId("run-list").querySelector(".scroll")?.scrollLeft ?? 0;
  if (!told) return byId("run-list").replaceChildren(h("p.soft", {}, "The list is being read …"));
  if (!told.runs.length) {
    const none = text ? `No run fits ${text}; there are ${told.all}.` : "There are no runs yet.";
    return byId("run-list").replaceChildren(h("p.lead", {}, none), text ? "" : doButton("to-train",
      "start a training", false, () => app.turnTo("train"), true));
  }
  const row = (each, k) => {
    const { run, name, status, world, policy, solved, problems, updates, seconds, seed } = each;
    const tick = h("input", { type: "checkbox", checked: chosen.has(run), "data-key": `run-${run}`,
      onchange: (event) => {
        if (event.target.checked) chosen.set(run, each);
        else chosen.delete(run);
        runsOf(app).said = "";
        mark.classList.toggle("chosen", event.target.checked);
        keepingFocus(() => drawActions(app));
      } });
    const mark = h(chosen.has(run) ? "tr.chosen" : "tr", {},
      h("th", { scope: "row" }, h("label", {}, tick, h("span", {}, name ? h("b", {}, name) : run,
        name ? h("small", {}, run) : ""))),
      h("td", {}, stateOf(status)), h("td", {}, world || "?"), h("td", {}, policy || "?"),
      h("td.number", {}, seed === null ? "–" : String(seed)),
      h("td.number", {}, solved === null || problems === null ? "–" : `${grouped(solved)} of ${grouped(problems)}`),
      h("td.number", {}, updates === null ? "–" : grouped(updates)), h("td.number", {}, timeText(seconds)));
    return mark;
  };
  const numbers = ["seed", "solved", "updates", "time"];
  const count = told.fitting > told.runs.length
    ? `The newest ${told.runs.length} of ${told.fitting} that fit are shown: type to find others.`
    : told.fitting < told.all ? `${told.fitting} of ${told.all} runs fit.`
    : told.all === 1 ? "One run." : `${told.all} runs.`;
  byId("run-list").replaceChildren(
    h("div.scroll", { tabIndex: 0, role: "region", "aria-label": "the runs" }, h("table.list", {},
      h("thead", {}, h("tr", {}, ["run", "status", "world", "policy", ...numbers].map((title) => (
        h(numbers.includes(title) ? "th.number" : "th", { scope: "col" }, title))))),
      h("tbody", {}, told.runs.map(row)))),
    h("p.small.soft", {}, count));
  byId("run-list").querySelector(".scroll").scrollLeft = scroll;
}
