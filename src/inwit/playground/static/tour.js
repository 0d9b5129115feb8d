"use strict";
/* The tour: six sessions with a sentence each, found on this page's own agents, then what the evidence of its runs
   showed. Each can be taken from there. */

/** What comes of a change, seen from an agent's own episode. @param {Episode} episode @param {SessionNode} end
 * @returns {{same: boolean, right: boolean, text: string}} */
function outcomeOf({ name, tokens }, end) {
  const same = tokensTo(end).join() === tokens.join(), right = !!end.success;
  const writes = same ? `${name} writes the same tokens as before` : `${name} writes other tokens`;
  return { same, right, text: `${writes}, and is ${right ? "right" : "wrong"}.` };
}

/** An edited register: best one that the agent does not notice. @param {any} engine @param {Episode} episode */
async function findRegister(engine, episode) {
  const title = "An edited register", { session, problem, name, end } = episode, { registers, writable } = engine.page;
  if (!writable || !registers.length) return nothing(title, "The registers of this world cannot be written.");
  const tried = [];
  for (const node of session.path(end).filter((each) => !each.ended && each.forced === CHOICE)) {
    for (const [index, { kind, most, name: register }] of registers.entries()) {
      const value = node.registers[index];
      if (kind !== "number" || value === null || tried.length === TOUR_TRIES) continue;
      const next = value < most ? value + 1 : value - 1, child = await session.setRegister(node, index, next);
      const outcome = outcomeOf(episode, await playOn(session, child, name, problem.seed));
      const text = `${register} is ${minus(next)} instead of ${minus(value)}. ${outcome.text}`;
      const rank = outcome.right === outcome.same ? 1 + Number(outcome.right) : Number(outcome.right);
      tried.push({ steps: stepsTo(child), text, rank });
    }
  }
  const [best] = tried.sort((one, other) => one.rank - other.rank);
  if (!best) return nothing(title, "No register held a number on the way.");
  return { title, text: best.text, link: await linkWith(engine, episode, [best.steps], best.steps.length) };
}

/** A swapped memory: of another problem of the kind, and of one of another kind; as late as there is one.
 * @param {any} engine @param {Episode} episode */
async function findSwap(engine, episode) {
  const title = "A swapped memory", { session, problem, name, end } = episode, { kinds, agents } = engine.page;
  if (!agents[name].units) return nothing(title, `${name} has no memory.`);
  const open = session.path(end).filter((each) => !each.ended && each.forced === CHOICE);
  const others = [...new Set([problem.kind, (problem.kind + kinds.length - 1) % kinds.length])];
  let best = { node: session.root, found: [] };
  for (const node of open.slice(0, Math.ceil(open.length / 2)).reverse()) {
    const found = [];
    for (const kind of others) {
      const cells = cellsOf(drawnProblem(engine.page, kind, problem.seed + 1));
      const child = await session.patch(node, name, cells, problem.seed + 1).catch(() => null); // it has ended there
      if (!child) continue;
      const { text } = outcomeOf(episode, await playOn(session, child, name, problem.seed));
      const of = kind === problem.kind ? "another problem of the task" : `a problem of ${kinds[kind]}`;
      found.push({ steps: stepsTo(child), text: `With its memory of ${of}, ${text}` });
    }
    if (found.length > best.found.length) best = { node, found };
    if (found.length === others.length) break;
  }
  const { node, found } = best, where = node.column ? wordsOn(engine, tokensTo(node)) : "the problem";
  if (!found.length) return nothing(title, `${name} had ended every other problem by then.`);
  const steps = found.map((each) => each.steps), link = await linkWith(engine, episode, steps, steps[0].length);
  return { title, text: `After ${where}. ${found.map(({ text }) => text).join(" ")}`, link };
}

/** An agent that fails where another does not; of agents that do not fail, where one expects least.
 * @param {any} engine @param {Episode[]} all */
async function findFailure(engine, all) {
  const title = "An agent that fails", names = Object.keys(engine.page.agents), count = all.length / names.length;
  const right = (name) => all.filter((each) => each.name === name && each.end.success).length;
  const [worst] = [...names].sort((one, other) => right(one) - right(other));
  const wrong = all.filter(({ name, end }) => name === worst && !end.success);
  const better = ({ problem }) => all.find((each) => each.end.success && sameProblem(each, { problem }));
  const shown = wrong.find(better) ?? wrong[0];
  if (shown) {
    const other = better(shown), text = `${worst} is right on ${right(worst)} of ${count} problems. Here it is wrong`
      + `${other ? `, and ${other.name} is right` : ""}.`;
    return { title, text, link: await linkWith(engine, shown, [], shown.session.path(shown.end).length - 1) };
  }
  const expected = ({ session, name }) => session.root.agents[name].value;
  const [least] = [...all].sort((one, other) => expected(one) - expected(other));
  const text = `Each agent of this page is right on ${count} of ${count} problems. On this one ${least.name} `
    + `expects least: ${minus(expected(least).toFixed(2))}.`;
  return { title, text, link: await linkWith(engine, least, []) };
}

/** @param {any} engine @param {Rest} rest @param {(stop: Stop) => void} told of each stop when it is found */
async function findStops(engine, rest, told) {
  const all = [];
  for (const kind of tourKinds(engine)) {
    for (let seed = 1; seed <= TOUR_SEEDS; seed++) {
      const problem = drawnProblem(engine.page, kind, seed);
      for (const name of Object.keys(engine.page.agents)) all.push(await episodeOf(engine, name, problem));
      await rest();
    }
  }
  const right = all.filter(({ end }) => end.success).sort((one, other) => (
    (engine.page.agents[other.name].units ? 1 : 0) - (engine.page.agents[one.name].units ? 1 : 0)));
  const base = right[0] ?? all[0];
  told(await findOptimum(engine, right, rest));
  told(await findError(engine, await episodeOf(engine, base.name, base.problem), rest));
  told(await findLuck(engine, base, all, rest));
  told(await findRegister(engine, await episodeOf(engine, base.name, base.problem)));
  told(await findSwap(engine, await episodeOf(engine, base.name, base.problem)));
  told(await findFailure(engine, all));
}
/** What the evidence of the runs showed. @param {Object<string, any>} page @returns {Stop[]} */
const evidenceStops = ({ tour = [] }) => tour.map(({ link, text }) => {
  const [title, ...more] = text.split(": ");
  return { title: more.length ? title : "evidence", text: more.length ? more.join(": ") : text, link, evidence: true };
});

SCREENS.tour = {
  title: "Tour", places: ["tour", "step"], desk: "tour",
  draw(app) {
    if (!app.tour) tourOf(app, app.toured?.at);
    drawTour(app);
    drawStep(app);
  },
  address: ({ tour }) => (tour?.at > 0 ? `&stop=${tour.at + 1}` : ""),
};

/** Looks for the stops, and opens one: the first, or the one that the address names, or the last where there are not
 * so many. With other weights it stops: what was found would not be so. @param {any} app @param {number} [before] the
 * stop that was open with other weights */
async function tourOf(app, before) {
  const { engine } = app, stop = Number(new URLSearchParams(location.hash.slice(1)).get("stop") ?? 1);
  const wanted = before ?? (Number.isSafeInteger(stop) ? stop - 1 : 0);
  const tour = app.toured = { stops: [], at: -1, done: false };
  app.tours.set(engine, tour);
  const here = () => app.screen === "tour" && app.tour === tour;
  const rest = () => new Promise((next, stopped) => {
    setTimeout(() => (app.engine === engine ? next(true) : stopped(new Error("other weights"))));
  });
  const told = (each) => {
    tour.stops.push(each);
    if (!here()) return;
    if (tour.at < 0 && each.link && tour.stops.length > wanted) visitStop(app, tour.stops.length - 1);
    else keepingFocus(() => drawTour(app));
  };
  try {
    await findStops(engine, rest, told);
  } catch (error) {
    if (app.engine !== engine) return void app.tours.delete(engine);
    app.speak(error.message);
  }
  evidenceStops(engine.page).forEach(told);
  tour.done = true;
  const last = tour.stops.findLastIndex(({ link }) => link);
  if (here() && tour.at < 0 && last >= 0) visitStop(app, last);
  else if (here()) keepingFocus(() => drawTour(app));
}
/** @param {any} app @param {number} place */
function visitStop(app, place) {
  const stop = app.tour.stops[place];
  app.tour.at = place;
  const said = () => app.speak(`${stop.title}: ${stop.text}`, false);
  if (stop.link) return app.visit(stop.link).then(said);
  draw(app);
  return said();
}

/** @param {any} app */
function drawTour(app) {
  const { stops, at, done } = app.tour ?? { stops: [], at: -1, done: false }, stop = stops[at];
  const button = (key, label, action, off = false) => h("button", { type: "button", "data-key": `tour-${key}`,
    disabled: off, onclick: action }, label);
  const tab = ({ title }, place) => h("li", {}, h("button", { type: "button", "data-key": `stop-${place}`,
    "aria-current": place === at ? "step" : null, onclick: () => visitStop(app, place) }, `${place + 1} ${title}`));
  const of = (wanted) => stops.map((each, place) => (!!each.evidence === wanted ? tab(each, place) : ""));
  const evidence = of(true);
  byId("tour").replaceChildren(h("div.card", {},
    h("div.stop", {},
      h("div", {}, h("h2", {}, stop ? `${at + 1} of ${stops.length}${done ? "" : " …"}: ${stop.title}` : "The tour"),
        h("p", {}, stop ? stop.text : "The page plays its agents, and looks for what is worth seeing …")),
      h("div.buttons", {}, button("back", "◀ back", () => visitStop(app, at - 1), at < 1),
        button("on", "on ▶", () => visitStop(app, at + 1), at < 0 || at + 1 >= stops.length),
        button("take", "take it from here", () => app.takeTo("step"), !stop?.link))),
    h("ol.stops", {}, of(false)),
    evidence.some((each) => each) ? [h("h3", {}, "From its evidence"), h("ol.stops", {}, evidence)] : ""));
}
