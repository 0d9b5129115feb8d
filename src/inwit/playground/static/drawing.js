"use strict";
/* Draws what has changed, and says it. */

/** What is said of the position that is looked at. @param {any} app @returns {string} */
function sentence(app) {
  if (!SCREENS[app.screen].desk) return `${SCREENS[app.screen].title}.`;
  const { desk } = app, shown = shownOn(app), { session: { at }, engine: { page } } = desk;
  const own = shown.expects && at.agents[desk.agent];
  const full = registerLines(desk, [at]).filter(({ cells: [{ value }] }) => value !== null);
  const held = full.map(({ name, cells: [{ text }] }) => `${name} ${text}.`);
  const left = shown.togo && desk.ways && !at.ended ? toGo(desk, at) : null, token = tokensTo(at).at(-1);
  const best = left === "lost" ? "No way is left." : typeof left === "number" ? `${left} more at best.`
    : left !== null && typeof left === "object" ? `The optimum expects ${left.reward.toFixed(2)}.` : "";
  const said = at.ended ? verdictOf({ ...desk, tip: at }) : null;
  const expects = own ? `Expects ${own.value.toFixed(2)}.` : "";
  const end = said ? `${said.head.slice(2)}${said.text}${said.warning}` : expects;
  const where = at.column ? `${at.column}: ${page.vocabulary[token]}.` : "The problem is read.";
  return [where, ["token", "start"].includes(at.how.kind) ? "" : "Changed by you.", ...held, end, best]
    .filter((each) => each).join(" ");
}

/** Says a text, also one that was just said. @param {string} text */
function say(text) {
  const place = byId("say");
  place.textContent = place.textContent === text ? `${text}\u00a0` : text;
}
/** Says a text, in a line that is seen until the next thing is done; without one, what is looked at.
 * @param {any} app @param {string} [text] @param {boolean} [seen] false: the page shows the same already */
function tell(app, text, seen = true) {
  app.told = text ? null : sentence(app);
  byId("say").className = text && seen ? "told card" : "unseen";
  say(text ?? app.told);
}
/** Says what a search has found out about the position that was said. @param {any} app */
function sayFound(app) {
  const now = sentence(app), before = app.told;
  if (!before || now === before) return;
  app.told = now;
  say(now.startsWith(before) ? now.slice(before.length + 1) : now);
}

/** Whatever is drawn anew, the focus stays on what has the same key; where that is gone, it stays near.
 * @param {() => void} what */
function keepingFocus(what) {
  const before = /** @type {HTMLElement|null} */ (document.activeElement), focus = before?.dataset?.key;
  const near = before?.closest("section, nav");
  what();
  if (!focus) return;
  const found = [...document.querySelectorAll(`[data-key="${CSS.escape(focus)}"]:not(:disabled)`)];
  const same = found.find((each) => each.getClientRects().length) // another screen may have the like, hidden
    ?? near?.querySelector("[data-key]:not(:disabled)") ?? document.querySelector("#transport [data-key]");
  if (same !== document.activeElement) /** @type {HTMLElement} */ (same).focus({ preventScroll: true });
}
/** What a search may change. @param {any} app */
function drawFound(app) {
  const scroll = byId("score").querySelector(".scroll")?.scrollLeft ?? 0;
  drawScore(app);
  byId("score").querySelector(".scroll").scrollLeft = scroll;
  moveHead(app);
  part(app, "next");
}
/** Draws one of the cards beside the score, as the screen has it. @param {any} app @param {string} name */
function part(app, name) {
  const own = { about: drawAbout, next: drawNext, change: drawChange, ...SCREENS[app.screen].parts };
  if (!byId(name).hidden) own[name](app);
}
/** The screen that is open. @param {any} app */
function draw(app) {
  keepingFocus(() => SCREENS[app.screen].draw(app));
  if (SCREENS[app.screen].desk) app.think();
  app.keepLink();
}
/** One problem, token by token. @param {any} app */
function drawStep(app) {
  const { session, tip, agent } = app.desk;
  const seen = [session.size, session.leaves().length, tip.id, agent, app.unit].join();
  if (app.fresh || app.seen !== seen) {
    part(app, "about");
    drawProblem(app);
    drawFound(app);
  } else {
    moveHead(app);
    part(app, "next");
  }
  part(app, "change");
  drawTransport(app);
  [app.fresh, app.seen] = [false, seen];
}
