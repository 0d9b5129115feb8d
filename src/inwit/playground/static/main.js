"use strict";
/* Opens the page: what its address names, the keys, and the check against Python. */

/** Opens the screen, the problem, the agent and the seed of the page's address. @param {any} app @param {any} engine
 * @returns {Promise<string[]>} what was dropped */
async function opened(app, engine) {
  const { page } = engine, first = drawnProblem(page, page.kinds.length > 12 ? 0 : page.kinds.length - 1, 1);
  const told = new URLSearchParams(location.hash.slice(1)), screen = told.get("screen"), dropped = [];
  app.desk = { agent: agentOf(page, told.get("a")) };
  app.hidden = new Set(HIDEABLE.map(([name]) => name).filter((name) => told.get("hide")?.split(".").includes(name)));
  if (screen in SCREENS && SCREENS[screen].desk === screen && screen !== "tour") app.screen = screen;
  try {
    const visit = told.get("v") ? await visitOf(location.hash, engine) : { problem: first, session: undefined };
    dropped.push(...visit.dropped ?? []);
    await app.pose(visit.problem, visit.session);
  } catch (error) {
    dropped.push(error.message);
    await app.pose(first);
  }
  showPlaces(app);
  if (screen in SCREENS && screen !== app.screen) app.turnTo(screen);
  return dropped;
}

async function start() {
  const held = await unpacked("data"), end = held.indexOf(0);
  const page = JSON.parse(new TextDecoder().decode(held.subarray(0, end))), bytes = held.subarray(end + 1);
  Object.values(page.agents).forEach(arrangeUnits);
  const engine = engineOf(page, bytes), app = appOf(engine);
  const dropped = await opened(app, engine);
  const left = `Of the link this was left out: ${dropped.join("; ")}.`;
  if (dropped.length) byId("notice").replaceChildren(h("p.notice", {}, left));
  byId("limit").textContent = `Known limit: ${page.limit}.`;
  byId("help").addEventListener("click", () => help(app));
  for (const tab of byId("screens").querySelectorAll("button")) {
    tab.addEventListener("click", () => app.turnTo(tab.dataset.screen));
  }
  byId("link").addEventListener("click", () => app.copyLink());
  drawSaving(app);
  document.addEventListener("keydown", (event) => onKey(app, event));
  addEventListener("pointerdown", () => { app.pressed = true; });
  for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => { app.pressed = false; });
  addEventListener("hashchange", () => { if (location.hash !== app.link()) location.reload(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => location.reload());
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
  const { agrees, text } = await checked(engine, () => new Promise((next) => { setTimeout(next); }));
  byId("check").textContent = text;
  byId("check").className = agrees ? "good" : "bad";
}

start().catch((error) => {
  byId("notice").replaceChildren(h("p.notice", {}, `This page cannot run here: ${error.message}`));
  throw error;
});
