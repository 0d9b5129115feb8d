"use strict";
/* The screens of the page, and what they have in common: which parts of it they show, what lies on their desk, which of
   the score is hidden. A file for each further screen adds it to `SCREENS`. */

/** @typedef {{title: string, places: string[], desk: string|null, hand?: boolean, draw: (app: any) => void,
 *   parts?: Object<string, (app: any) => void>, keys?: Object<string, (app: any) => void>,
 *   enter?: (app: any) => Promise<void>|void, found?: (app: any) => void, offered?: () => boolean,
 *   wanted?: (app: any) => {node: SessionNode, tokens: boolean}|null, address?: (app: any) => string}} Screen
 *   places: the parts of the page that it shows, by their ids; desk: screens with the same name share a desk, null: it
 *   needs none; hand: a person writes the tokens; parts: what is drawn in the place of `about`, `next` and `change`;
 *   keys: in the place of those of `KEYS`; found: draws what a search may have changed; wanted: what is searched next;
 *   offered: false where the page cannot have it; address: what else the address says of it */

/** @type {Object<string, Screen>} */
const SCREENS = { step: { title: "Step", places: ["step"], desk: "step", draw: (app) => drawStep(app) } };

/** What may be hidden, as the address names it, and for people. */
const HIDEABLE = [
  ["memory", "the memory, and what changes it"], ["rivals", "the oracle, the shortcut and the other agents"],
  ["togo", "the optimum: to go, and what each token costs"], ["change", "the card that changes something"],
  ["next", "the card of the next token"],
];
const RUN_MS = 600; // a token, while the agent goes on by itself

/** What of the score is shown. @param {any} app */
function shownOn({ desk, hidden }) {
  const has = (name) => !hidden.has(name), { hand } = desk;
  const shown = { ...EVERYTHING, togo: has("togo"), memory: has("memory") };
  if (!hand) return { ...shown, oracle: has("rivals") && has("togo"), shortcut: has("rivals"), rivals: has("rivals") };
  return { togo: hand.hints, expects: false, memory: false, oracle: hand.hints, shortcut: hand.hints,
    rivals: hand.ask ? [hand.ask] : false, hand: true };
}

/** @param {any} engine @param {Problem} problem @param {string} agent @param {any} [session] @param {boolean} [hand]
 * @returns {Promise<any>} what lies on the table, with the agents' own episodes beside it */
async function deskOf(engine, problem, agent, session, hand = false) {
  const made = session ?? await sessionOf(engine, taskFor(engine.page, problem)), rivals = {}, { seed } = problem;
  for (const each of Object.keys(engine.page.agents)) {
    rivals[each] = await playedAlone(engine, made.root, each, seed);
  }
  return { engine, problem, session: made, agent, seed, ways: engine.ways(problem), rivals, tip: made.root,
    readings: [], tips: new Map(), hand: hand ? newHand() : null };
}
/** @param {any} one @param {any} other @returns {boolean} whether both desks have the same problem */
const sameProblem = (one, other) => JSON.stringify(one.problem) === JSON.stringify(other.problem);

/** @param {Object<string, any>} page @param {string|null} name @returns {string} the agent called so, or the first */
const agentOf = ({ agents }, name) => Object.keys(agents).find((each) => each === name) ?? Object.keys(agents)[0];
/** @param {string|null} text @param {string[]} dropped what the link had that cannot be used @returns {number} */
function seedOf(text, dropped) {
  const seed = /^\d+$/.test(text ?? "") ? Number(text) : NaN;
  if (Number.isSafeInteger(seed)) return seed;
  if (text !== null) dropped.push(`the seed ${shortened(text)}`);
  return 1;
}
/** @param {string} name of a screen @returns {Screen|null} the one that is called so, if the page can have it */
function screenOf(name) {
  const screen = ownOf(SCREENS, name);
  return screen && (screen.offered?.() ?? true) ? screen : null;
}

/** What a link opens. @param {string} link @param {any} engine */
async function visitOf(link, engine) {
  const { session, dropped } = await sessionFrom(link, engine), told = new URLSearchParams(link.replace(/^#/, ""));
  const problem = problemOf(session.task, seedOf(told.get("s"), dropped));
  return { session, dropped, problem, agent: agentOf(engine.page, told.get("a")) };
}
/** The address of what is looked at. @param {any} app @returns {string} */
function addressOf(app) {
  const { desk, screen, hidden } = app, more = SCREENS[screen].address?.(app) ?? "", parts = [];
  if (desk?.session) {
    const agent = desk.agent === undefined ? "" : `&a=${encodeURIComponent(desk.agent)}`;
    parts.push(`${linkOf(desk.session, desk.engine.page).slice(1)}${agent}&s=${desk.seed}`);
    if (desk.engine.chosen[desk.agent] !== undefined) parts.push(`u=${desk.engine.chosen[desk.agent]}`);
  }
  if (screen !== "step") parts.push(`screen=${screen}${more}`);
  if (hidden.size) parts.push(`hide=${[...hidden].join(".")}`);
  return `#${parts.join("&")}`;
}

/** The next position whose way is wanted: where the head is, along the branch, then what each token costs at the head.
 * @param {any} app @returns {{node: SessionNode, tokens: boolean}|null} */
function wantedOn(app) {
  const { engine: { page }, session, tip, ways } = app.desk, { at } = session, { togo } = shownOn(app);
  const unknown = (node) => (node.ended ? node.success && ways.luck(node) === undefined : ways.at(node) === undefined);
  const node = (togo ? [at, session.root, ...session.path(tip)] : [session.root, tip]).find(unknown);
  if (node) return { node, tokens: false };
  const may = choices(at, page.masks), open = togo && !at.ended && at.forced === CHOICE;
  const missing = open && [...may.keys()].some((token) => may[token] && ways.cost(at, token) === undefined);
  return missing ? { node: at, tokens: true } : null;
}

/** The agent goes on by itself, a token after another. Where people asked their system for calm, it goes to the end at
 * once. @param {any} app */
function runnerOf(app) {
  let timer = 0, last = null;
  const stop = () => {
    if (!timer) return;
    clearTimeout(timer);
    timer = 0;
    keepingFocus(() => drawTransport(app));
  };
  const next = async () => {
    if (last && app.desk.session.at !== last) return stop(); // somebody went elsewhere
    await app.step();
    if (!timer) return undefined;
    last = app.desk.session.at;
    timer = last.ended ? (stop(), 0) : window.setTimeout(next, RUN_MS);
    return undefined;
  };
  return {
    get on() { return timer !== 0; },
    stop,
    toggle() {
      if (timer) return stop();
      if (app.desk.hand) return app.speak("By hand you write the tokens.");
      if (app.desk.session.at.ended) return app.speak("The episode is over.");
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) return app.last();
      [timer, last] = [-1, null];
      keepingFocus(() => drawTransport(app));
      return next();
    },
  };
}

/** Shows the parts of the page that belong to the screen, and marks its tab. @param {any} app */
function showPlaces(app) {
  const { places } = SCREENS[app.screen], all = new Set(Object.values(SCREENS).flatMap((each) => each.places));
  for (const name of all) byId(name).hidden = !places.includes(name);
  byId("transport").hidden = !places.includes("step");
  for (const each of [byId("saving"), byId("limit")]) each.hidden = !SCREENS[app.screen].desk;
  for (const tab of byId("screens").querySelectorAll("button")) {
    const name = tab.dataset.screen, screen = SCREENS[name];
    tab.hidden = !screen || !(screen.offered?.() ?? true);
    if (name === app.screen) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  byId("screens").hidden = false;
  for (const [name] of HIDEABLE.slice(3)) byId(name).hidden = app.hidden.has(name) && !SCREENS[app.screen].hand;
}
/** @param {any} app @param {string} name of a panel @param {boolean} [hide] */
function hidePanel(app, name, hide = !app.hidden.has(name)) {
  app.hidden[hide ? "add" : "delete"](name);
  app.fresh = true;
  showPlaces(app);
  draw(app);
}
