"use strict";
/* Opens the page: what its address names, the keys, and the check against Python. */

/** Opens the problem, the agent and the seed of the page's address. @param {any} app @param {any} engine
 * @returns {Promise<string[]>} what was dropped */
async function opened(app, engine) {
  const { page } = engine, first = drawnProblem(page, page.kinds.length > 12 ? 0 : page.kinds.length - 1, 1);
  const told = new URLSearchParams(location.hash.slice(1)), seed = Number(told.get("s") ?? 1);
  app.desk = { agent: Object.keys(page.agents).find((name) => name === told.get("a")) ?? Object.keys(page.agents)[0] };
  if (!told.get("v")) {
    await app.pose(first);
    return [];
  }
  try {
    const { session, dropped } = await sessionFrom(location.hash, engine);
    await app.pose(problemOf(session.task, Number.isInteger(seed) ? seed : 1), session);
    return dropped;
  } catch (error) {
    await app.pose(first);
    return [error.message];
  }
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
  byId("link").addEventListener("click", () => app.copyLink());
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
