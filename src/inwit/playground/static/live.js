"use strict";
/* The page of the local server: its token, its connection, and what lies open. */

const TOKEN_KEPT = "inwit token", TABLE_KEPT = "inwit table"; // in the tab, which other pages cannot read
const NO_TABLE = { page: { agents: {}, kinds: [] } };

/** Takes the token and the runs out of the address, where others could read them.
 * @returns {{token: string|null, table: string[]}} */
function taken() {
  const parts = location.hash.slice(1).split("&").map((part) => part.split(/=(.*)/s, 2));
  const own = (name) => parts.find(([each]) => each === name)?.[1], token = own("token");
  if (token) {
    const rest = parts.filter(([name]) => !["token", "runs"].includes(name)).map((part) => part.join("="));
    sessionStorage.setItem(TOKEN_KEPT, token);
    keepTable((own("runs") ?? "").split(",").filter((each) => each).map(decodeURIComponent));
    history.replaceState(null, "", rest.length ? `#${rest.join("&")}` : location.pathname);
  }
  return { token: sessionStorage.getItem(TOKEN_KEPT), table: JSON.parse(sessionStorage.getItem(TABLE_KEPT) ?? "[]") };
}
/** @param {string[]} words what is opened when the page is loaded */
function keepTable(words) {
  sessionStorage.setItem(TABLE_KEPT, JSON.stringify(words));
}

/** Whether a server is there, though it opens no socket for this page. @returns {Promise<boolean>} */
function serverIsThere() {
  return new Promise((next) => {
    const told = (answer) => () => {
      link.remove();
      next(answer);
    };
    const link = h("link", { rel: "stylesheet", href: "/page.css", media: "not all", onload: told(true),
      onerror: told(false) });
    document.head.append(link);
  });
}

/** The connection, and the sentence that says when it is gone. @param {string} token @param {any} hear */
function connected(token, hear) {
  const status = byId("notice").parentNode.insertBefore(h("div", { id: "line", role: "status" }), byId("notice"));
  const say = (text) => status.replaceChildren(text ? h("p.notice", {}, text) : "");
  let there = true;
  return lineOf({
    open: () => new WebSocket(`ws://${location.host}/live`, ["inwit.1", `token.${token}`]),
    async lost({ reason }) {
      there = false;
      const refused = !reason && await serverIsThere();
      if (there) return;
      say(reason ? `The server closed the connection: ${reason}.`
        : refused ? "The server does not know this page: open the address that the command printed."
        : "The server does not answer: start it again with "
          + `inwit playground --port ${location.port}. Nothing is lost.`);
    },
    back() {
      there = true;
      say("");
      hear.back();
    },
    pushed: (line) => hear.pushed(line),
  });
}

/** The agents or the world of a table, if there is one and it can be opened. @param {Line} line
 * @param {string[]} table @returns {Promise<any>} */
async function openedTable(line, table) {
  if (!table.length) return NO_TABLE;
  byId("notice").replaceChildren(h("p.soft", {}, "Python opens the agents …"));
  try {
    const engine = await socketEngineOf(line, table);
    byId("notice").replaceChildren();
    return engine;
  } catch (error) {
    byId("notice").replaceChildren(h("p.notice", {}, `${table.join(", ")} cannot be opened: ${error.message}.`));
    return NO_TABLE;
  }
}

async function startLive() {
  const { token, table } = taken();
  if (!token) {
    byId("notice").replaceChildren(h("p.notice", {}, "This page has no token: open the address that the command "
      + "printed."));
    return;
  }
  const hear = { back: () => {}, pushed: (_) => {} }, line = connected(token, hear);
  const engine = await openedTable(line, table), { page } = engine;
  Object.values(page.agents).forEach(arrangeUnits);
  const app = appOf(engine), told = new URLSearchParams(location.hash.slice(1));
  app.line = line;
  app.training = { ...newTraining(), wanted: told.get("run") };
  hear.back = () => {
    app.speak("The server answers again.");
    followAgain(app);
  };
  hear.pushed = (each) => heard(app, each);
  for (const [name, { desk, offered: before }] of Object.entries(SCREENS)) {
    const agents = name === "hand" ? page.kinds.length : Object.keys(page.agents).length;
    if (desk) SCREENS[name].offered = () => agents > 0 && (before?.() ?? true);
  }
  /** Other agents: the page is loaded anew, so that nothing of those before is left. @param {string[]} words
   * @param {string} [link] what is shown of them */
  app.open = async (words, link = "") => {
    const { page: { table: kept } } = await line.ask("open", { table: words });
    keepTable(kept);
    app.run.stop();
    app.keepLink(false);
    history.replaceState(null, "", link || location.pathname);
    location.reload();
  };
  if (page.kinds.length && !Object.keys(page.agents).length) app.screen = "hand"; // a world alone
  ready(app, await (engine === NO_TABLE ? openedBare(app) : opened(app)));
}
/** Without a table: the list of runs, or the trainings. @param {any} app */
async function openedBare(app) {
  const wanted = new URLSearchParams(location.hash.slice(1)).get("screen");
  app.screen = wanted === "train" ? "train" : "runs";
  await app.turnTo(app.screen);
  return [];
}

startLive().catch((error) => {
  byId("notice").replaceChildren(h("p.notice", {}, `This page cannot run here: ${error.message}`));
  throw error;
});
