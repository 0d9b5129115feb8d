"use strict";
/* By hand: a person is the agent. The same reading, the same legal tokens; what the optimum is and what agents would
   do is shown when it is asked for. The first end of each problem counts. */

/** @typedef {{problem: string, right: boolean, tokens: number, best: number|null, luck: number|null, helped: boolean}}
 *   Try best: tokens of a shortest program; luck: on how many of `OTHERS` problems the same program is right; null: not
 *   known; helped: something was asked for before the end */
/** @typedef {{tries: Try[], streak: number, longest: number, asked: string[]}} Tally asked: problems with help */

/** What is shown to a person who writes; wrote: something was written here, not by a link.
 * @returns {{hints: boolean, ask: string|null, helped: boolean, wrote: boolean}} */
const newHand = () => ({ hints: false, ask: null, helped: false, wrote: false });
/** @returns {Tally} */
const newTally = () => ({ tries: [], streak: 0, longest: 0, asked: [] });

/** The tally after one more end. Only the first end of a problem counts; a right one that had help lets the streak be
 * as it was. @param {Tally} tally @param {Try} tried @returns {Tally} */
function counted(tally, tried) {
  if (tally.tries.some(({ problem }) => problem === tried.problem)) return tally;
  const { right, problem } = tried, helped = tried.helped || tally.asked.includes(problem);
  const streak = right ? tally.streak + (helped ? 0 : 1) : 0;
  return { ...tally, tries: [...tally.tries, { ...tried, helped }], streak, longest: Math.max(tally.longest, streak) };
}
/** The tally with what has become known of the last end. @param {Tally} tally @param {Try} tried @returns {Tally} */
function completed(tally, tried) {
  const same = (each) => each.problem === tried.problem && each.tokens === tried.tokens && each.right === tried.right;
  const known = { best: tried.best, luck: tried.luck };
  return { ...tally, tries: tally.tries.map((each) => (same(each) ? { ...each, ...known } : each)) };
}
/** How the shown branch ended, null before its end. @param {any} desk @returns {Try|null} */
function triedOn({ problem, session, tip, ways, hand, engine: { page } }) {
  if (!tip.ended) return null;
  const known = page.yardsticks[problem.kind].oracle?.length ?? ways?.at(session.root)?.length;
  return {
    problem: cellsOf(problem).join(), right: tip.success, tokens: tokensTo(tip).length,
    best: Number.isFinite(known) ? known : null, luck: tip.success ? ways?.luck(tip) ?? null : null,
    helped: hand.helped,
  };
}
/** @param {Try} tried @returns {string} */
function tryText({ right, tokens, best, luck, helped }) {
  const against = best === null ? `${tokens} tokens` : `${tokens} tokens, ${best} at best`;
  const lucky = luck !== null && luck < OTHERS ? `luck: right on ${luck} of ${OTHERS} others` : "";
  return [right ? "right" : "wrong", against, lucky, helped ? "with help" : ""].filter((each) => each).join(", ");
}

/** @param {any} app @param {string|null} agent what it would do is shown; null: the optimum */
function askFor(app, agent) {
  const { hand, session } = app.desk;
  if (agent === null) hand.hints = !hand.hints;
  else hand.ask = hand.ask === agent ? null : agent;
  hand.helped ||= !session.at.ended && (hand.hints || hand.ask !== null);
  if (hand.helped) app.tally = { ...app.tally, asked: [...app.tally.asked, cellsOf(app.problem).join()] };
  app.fresh = true;
  draw(app);
}

SCREENS.hand = {
  title: "By hand", places: ["step"], desk: "hand", hand: true,
  draw(app) {
    const tried = triedOn(app.desk);
    if (tried && app.desk.hand.wrote) app.tally = completed(counted(app.tally, tried), tried);
    drawStep(app);
  },
  found(app) {
    const tried = triedOn(app.desk);
    if (tried) app.tally = completed(app.tally, tried);
    drawFound(app);
    drawTally(app);
  },
  parts: { about: drawHand, next: drawYours, change: drawTally },
  keys: { h: (app) => askFor(app, null) },
};

/** @param {any} app */
function drawHand({ desk }) {
  const draws = desk.engine.page.draws ? " The world's answers are drawn by seed." : "";
  const text = `are the agent: write a program that is right.${draws}`;
  byId("about").replaceChildren(h("b", {}, "you"), span("soft", text));
}
/** @param {any} app */
function drawYours(app) {
  const { desk } = app, { hand, session: { at }, engine: { page } } = desk, world = at.forced !== CHOICE;
  if (at.ended) {
    const said = verdictOf({ ...desk, tip: at });
    return byId("next").replaceChildren(
      h(`h2.${said.mood}`, {}, said.head), h("p.lead", {}, tryText(triedOn({ ...desk, tip: at })), "."),
      h("div.buttons", {}, h("button.main", { type: "button", "data-key": "onward", onclick: () => app.another() },
        "another problem"),
      h("button", { type: "button", "data-key": "again", onclick: () => app.afresh() }, "once more")));
  }
  const asked = !world && hand.ask, offer = offered(desk, at);
  const choice = ({ token, share }, k) => h("li", {}, h("button.choice", {
    type: "button", "data-key": `t${token}`, onclick: () => app.write(token),
  }, h("kbd", { "aria-hidden": "true" }, k < 9 ? String(k + 1) : ""), span("word", page.vocabulary[token]),
  asked ? [h("span.bar", { vars: { p: share }, "aria-hidden": "true" }, h("i")), span("share", percent(share))] : "",
  hand.hints && desk.ways && !world ? badge(desk.ways.cost(at, token), desk.ways.advises) : ""));
  const left = hand.hints && desk.ways ? toGo(desk, at) : null;
  const hint = left === null ? "" : left === "lost" ? span("bad", "No way to the goal is left. Step back, or end it.")
    : left === "searching" ? "Searching…" : left === "unknown" ? unknownText(desk)
    : typeof left === "object" ? `The optimum expects ${minus(left.reward.toFixed(2))}.` : `${left} more at best.`;
  const style = asked ? (hand.hints ? "ol.tokens" : "ol.tokens.plain") : "ol.tokens.yours";
  return byId("next").replaceChildren(
    h("h2", {}, at.column ? `After ${nextWord(app)}, you write` : "You write"),
    h("p.lead", {}, asked ? `${asked} would write ${page.vocabulary[following(at, asked, page.masks)]}. ` : "", hint
      || (asked ? "" : "Legal tokens, in the order of the vocabulary.")),
    h(style, {}, offer.map(choice)), hand.hints ? knownFacts(app, at) : "");
}

/** @param {any} app */
function drawTally(app) {
  const { desk, tally: { tries, streak, longest } } = app, { hand, engine: { page } } = desk;
  const right = tries.filter((each) => each.right).length;
  const toggle = (key, label, on, agent) => h("button", { type: "button", "data-key": key,
    "aria-pressed": String(on), onclick: () => askFor(app, agent) }, label);
  const mark = (each, k) => h(`li.${each.right ? "good" : "bad"}`, { title: tryText(each) },
    each.right ? `✓ ${each.tokens}` : "✕", each.right && each.best !== null ? `/${each.best}` : "",
    each.luck !== null && each.luck < OTHERS ? " luck" : "", each.helped ? " help" : "", unseen(`, problem ${k + 1}`));
  byId("change").replaceChildren(
    h("h2", {}, "Your tally"),
    h("dl.tally", {}, [["in a row", streak], ["longest", longest], ["right", `${right} of ${tries.length}`]].map(
      ([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value))))),
    tries.length ? h("ol.tries", {}, tries.map(mark))
      : h("p.soft.small", {}, "The first end of each problem counts. An end with help does not lengthen your row."),
    h("h2", {}, "Ask"),
    h("div.buttons", {},
      desk.ways ? toggle("hints", ["show the optimum ", h("kbd", { "aria-hidden": "true" }, "h")], hand.hints, null)
        : "",
      Object.keys(page.agents).map((name) => toggle(`ask-${name}`, `what would ${name} do?`, hand.ask === name, name))),
    h("div.buttons", {}, h("button", { type: "button", "data-key": "undo", onclick: () => app.undo() }, "undo ",
      h("kbd", { "aria-hidden": "true" }, "z")), h("button", { type: "button", "data-key": "redo",
      onclick: () => app.redo() }, "redo")),
  );
}
