"use strict";
/* Opens what the address names, and lets keys and buttons act: of a page from disk and of the server's. */

/** Opens the screen, the problem, the agent and the seed of the page's address. @param {any} app
 * @returns {Promise<string[]>} what was dropped */
async function opened(app) {
  const { page } = app.engine, first = drawnProblem(page, page.kinds.length > 12 ? 0 : page.kinds.length - 1, 1);
  const told = new URLSearchParams(location.hash.slice(1)), screen = told.get("screen"), dropped = [];
  app.desk = { agent: agentOf(page, told.get("a")) };
  if (told.get("a") && told.get("a") !== app.desk.agent) {
    dropped.push(`the agent ${shortened(told.get("a"))}, which is not here`);
  }
  app.hidden = new Set(HIDEABLE.map(([name]) => name).filter((name) => told.get("hide")?.split(".").includes(name)));
  if (screenOf(screen)?.desk === screen && screen !== "tour") app.screen = screen;
  try {
    const update = told.get("u");
    if (/^\d+$/.test(update ?? "") && app.desk.agent && app.engine.chosen[app.desk.agent] !== Number(update)) {
      app.engine = await app.engine.after(app.desk.agent, Number(update));
    }
    const visit = told.get("v") ? await visitOf(location.hash, app.engine) : { problem: first, session: undefined };
    dropped.push(...visit.dropped ?? []);
    await app.posed(visit.problem, visit.session);
  } catch (error) {
    // An error of the language says nothing to people.
    const told = [TypeError, RangeError].some((kind) => error instanceof kind);
    dropped.push(told ? "what cannot be shown here" : error.message);
    app.desk = { agent: app.desk.agent };
    await app.pose(first);
  }
  showPlaces(app);
  if (screenOf(screen) && screen !== app.screen) app.turnTo(screen);
  else if (screen && screen !== app.screen) dropped.push(`the screen ${shortened(screen)}`);
  return dropped;
}

/** Keys, tabs and buttons act from now on. @param {any} app @param {string[]} dropped what the link had too much */
function ready(app, dropped) {
  const { page } = app.engine;
  if (dropped.length) {
    byId("notice").replaceChildren(h("p.notice", {}, `Of the link this was left out: ${dropped.join("; ")}.`));
  }
  byId("limit").textContent = page.limit ? `Known limit: ${page.limit}.` : "";
  byId("help").addEventListener("click", () => help(app));
  for (const tab of byId("screens").querySelectorAll("button")) {
    tab.addEventListener("click", () => app.turnTo(tab.dataset.screen));
  }
  byId("link").addEventListener("click", () => app.copyLink());
  if (app.desk) drawSaving(app);
  document.addEventListener("keydown", (event) => onKey(app, event));
  addEventListener("pointerdown", () => { app.pressed = true; });
  for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => { app.pressed = false; });
  addEventListener("hashchange", () => { if (location.hash !== app.link()) location.reload(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    forgetPaintings();
    app.fresh = true;
    draw(app);
  });
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}
