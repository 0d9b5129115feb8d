"use strict";
/* Opens a page from disk, and holds it against Python. */

async function start() {
  const held = await unpacked("data"), end = held.indexOf(0);
  const page = JSON.parse(new TextDecoder().decode(held.subarray(0, end))), bytes = held.subarray(end + 1);
  Object.values(page.agents).forEach(arrangeUnits);
  const engine = engineOf(page, bytes), app = appOf(engine);
  ready(app, await opened(app));
  const { agrees, text } = await checked(engine, () => new Promise((next) => { setTimeout(next); }));
  byId("check").textContent = text;
  byId("check").className = agrees ? "good" : "bad";
}

start().catch((error) => {
  byId("notice").replaceChildren(h("p.notice", {}, `This page cannot run here: ${error.message}`));
  throw error;
});
