"use strict";
/* Draws what has changed, and says it. */

/** What is said of the position that is looked at. @param {any} app @returns {string} */
function sentence({ desk }) {
  const { session: { at }, engine: { page } } = desk, own = at.agents[desk.agent];
  const full = registerLines(desk, [at]).filter(({ cells: [{ value }] }) => value !== null);
  const held = full.map(({ name, cells: [{ text }] }) => `${name} ${text}.`);
  const left = desk.ways && !at.ended ? toGo(desk, at) : null, token = tokensTo(at).at(-1);
  const best = left === "lost" ? "No way is left." : typeof left === "number" ? `${left} more at best.`
    : left !== null && typeof left === "object" ? `The optimum expects ${left.reward.toFixed(2)}.` : "";
  const said = at.ended ? verdictOf({ ...desk, tip: at }) : null;
  const expects = own ? `Expects ${own.value.toFixed(2)}.` : "";
  const end = said ? `${said.head.slice(2)}${said.text}${said.warning}` : expects;
  const where = at.column ? `${at.column}: ${page.vocabulary[token]}.` : "The problem is read.";
  return [where, ["token", "start"].includes(at.how.kind) ? "" : "Changed by you.", ...held, end, best]
    .filter((each) => each).join(" ");
}

/** Whatever is drawn anew, the focus stays on what has the same key; where that is gone, it stays near.
 * @param {() => void} what */
function keepingFocus(what) {
  const before = /** @type {HTMLElement|null} */ (document.activeElement), focus = before?.dataset?.key;
  const near = before?.closest("section, nav");
  what();
  if (!focus) return;
  const same = document.querySelector(`[data-key="${CSS.escape(focus)}"]:not(:disabled)`)
    ?? near.querySelector("[data-key]:not(:disabled)") ?? document.querySelector("#transport [data-key]");
  if (same !== document.activeElement) /** @type {HTMLElement} */ (same).focus({ preventScroll: true });
}
/** What a search may change. @param {any} app */
function drawFound(app) {
  const scroll = byId("score").querySelector(".scroll")?.scrollLeft ?? 0;
  drawScore(app);
  byId("score").querySelector(".scroll").scrollLeft = scroll;
  moveHead(app);
  drawNext(app);
}
/** @param {any} app */
function draw(app) {
  const { session, tip, agent } = app.desk;
  const seen = [session.size, session.leaves().length, tip.id, agent, app.unit].join();
  keepingFocus(() => {
    if (app.fresh || app.seen !== seen) {
      drawAbout(app);
      drawProblem(app);
      drawFound(app);
    } else {
      moveHead(app);
      drawNext(app);
    }
    drawChange(app);
    drawTransport(app);
  });
  [app.fresh, app.seen] = [false, seen];
  app.keepLink();
  app.think();
}
