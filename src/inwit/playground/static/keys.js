"use strict";
/* The keyboard. None of its keys works in a field, nor with Ctrl, Alt or Meta, and one switch turns all of them off. */

/** @typedef {{keys: string[], shown: string, text: string, does: (app: any, key: string) => void, desk?: boolean,
 *   always?: boolean,
 *   when?: (app: any) => boolean}} Key desk: it needs a problem in view; always: it needs no problem at all; when: else
 *   the key does what the browser does with it */
const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

/** @type {Key[]} */
const KEYS = [
  { keys: ["ArrowRight", "j"], shown: "→ j", text: "one token on", does: (app) => app.step(), desk: true },
  { keys: ["ArrowLeft", "k"], shown: "← k", text: "one token back", does: (app) => app.back(), desk: true },
  { keys: ["Home"], shown: "Home", text: "to the start", does: (app) => app.first(), desk: true },
  { keys: ["End"], shown: "End", text: "to the end", does: (app) => app.last(), desk: true },
  { keys: [" "], shown: "Space", text: "run, a token after another; stop", does: (app) => app.run.toggle(),
    desk: true },
  { keys: DIGITS, shown: "1 … 9", text: "write the first token of the list, the second, …",
    does: (app, key) => writeNth(app, Number(key)), desk: true },
  { keys: ["ArrowUp"], shown: "↑", text: "the branch above", does: (app) => app.branch(-1), desk: true },
  { keys: ["ArrowDown"], shown: "↓", text: "the branch below", does: (app) => app.branch(1), desk: true },
  { keys: ["Shift ArrowLeft"], shown: "Shift ←", text: "to where the branch began", does: (app) => app.toFork(),
    desk: true },
  { keys: ["Backspace"], shown: "Backspace", text: "remove the branch (asks first)", does: (app) => app.remove(),
    desk: true },
  { keys: ["z"], shown: "z", text: "undo", does: (app) => app.undo(), desk: true },
  { keys: ["Shift Z", "Shift z"], shown: "Shift z", text: "redo", does: (app) => app.redo(), desk: true },
  { keys: ["b"], shown: "b", text: "the next token that leaves the shortest way", does: (app) => app.nextLoss(),
    desk: true },
  { keys: ["n"], shown: "n", text: "another problem", does: (app) => app.another() },
  { keys: ["r"], shown: "r", text: "the same problem afresh", does: (app) => app.afresh() },
  { keys: ["e"], shown: "e", text: "to the first register", does: (app) => focusOn(app, "r0", "registers"),
    desk: true },
  { keys: ["m"], shown: "m", text: "to the memory; then ↑ ↓ choose a unit",
    does: (app) => focusOn(app, "unit", "memory"), desk: true },
  { keys: ["h"], shown: "h", text: "show or hide the optimum", does: (app) => hidePanel(app, "togo") },
  { keys: ["c"], shown: "c", text: "compare, and back", does: (app) => (
    app.turnTo(app.screen === "compare" ? "step" : "compare")), when: () => SCREENS.compare?.offered?.() ?? true },
  { keys: ["l"], shown: "l", text: "copy the link", does: (app) => app.copyLink(), always: true },
  { keys: ["PageUp"], shown: "PageUp", text: "the agent after later updates", does: (app) => moveWeights(app, 1),
    desk: true, when: (app) => updatesOf(app).length > 0 },
  { keys: ["PageDown"], shown: "PageDown", text: "the agent after earlier updates", does: (app) => moveWeights(app, -1),
    desk: true, when: (app) => updatesOf(app).length > 0 },
  { keys: ["?", "Shift ?"], shown: "?", text: "this list", does: (app) => help(app), always: true },
  { keys: ["Escape"], shown: "Esc", text: "let go", does: (app) => letGo(app), always: true },
];

/** @param {any} app @param {number} place from 1 */
function writeNth(app, place) {
  const offer = offered(app.desk, app.desk.session.at)[place - 1];
  return offer ? app.write(offer.token) : app.speak(`There is no token ${place} here.`);
}
/** @param {any} app @param {string} key of a field @param {string} what */
function focusOn(app, key, what) {
  const field = document.querySelector(`#step [data-key="${key}"]`)
    ?? (key === "unit" ? document.querySelector('#step [data-key="silence"]') : null);
  if (field) /** @type {HTMLElement} */ (field).focus();
  else app.speak(`No ${what} can be changed here.`);
}
/** @param {any} app */
function letGo(app) {
  app.run.stop();
  app.letGo();
  /** @type {HTMLElement|null} */ (document.activeElement)?.blur(); // what was drawn anew has the focus now
}

/** What a key does on the open screen. @param {any} app @param {string} name with Shift before it
 * @returns {(() => void)|null} */
function actionOf(app, name) {
  const { keys = {}, places, desk } = SCREENS[app.screen], own = keys[name];
  if (own) return () => own(app);
  const key = KEYS.find((each) => each.keys.includes(name));
  if ((!desk && !key?.always) || (key?.when && !key.when(app))) return null;
  return key && (!key.desk || places.includes("step")) ? () => key.does(app, name) : null;
}

/** @param {any} app @param {KeyboardEvent} event */
function onKey(app, event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const field = target.matches("input, select, textarea"), pressed = event.key === " " && target.matches("button");
  if (event.key !== "Escape" && (!app.keys || field || pressed)) return;
  const action = actionOf(app, `${event.shiftKey ? "Shift " : ""}${event.key}`);
  if (!action) return;
  event.preventDefault();
  if (event.key !== " ") app.run.stop();
  action();
}

/** @param {any} app */
function help(app) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("dialog"));
  const box = (text, checked, change) => h("label", {},
    h("input", { type: "checkbox", checked, onchange: (event) => change(event.target.checked) }), text);
  const hide = ([name, text]) => box(h("span", {}, text, " ", h("code", {}, name)), !app.hidden.has(name),
    (on) => hidePanel(app, name, !on));
  dialog.ariaLabel = "keys";
  dialog.replaceChildren(
    h("form.top", { method: "dialog" }, h("h2", {}, "Keys"), h("button", { autofocus: true }, "close")),
    h("dl.keys", {}, KEYS.map(({ shown, text }) => [h("dt", {}, h("kbd", {}, shown)), h("dd", {}, text)])),
    box("keys are on", app.keys, (on) => { app.keys = on; }),
    h("fieldset.shown", {}, h("legend", {}, "Shown"), HIDEABLE.map(hide),
      h("p.soft.small", {}, "The address keeps what is hidden, as in ", h("code", {}, "hide=memory.togo"), ".")),
  );
  dialog.showModal();
}
/** A text to be copied by hand, where the browser does not let a page copy. @param {string} text */
function showText(text) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("dialog")),
    field = h("textarea", { readOnly: true, rows: 5, value: text, "aria-label": "the link" });
  dialog.ariaLabel = "the link";
  dialog.replaceChildren(h("h2", {}, "The link to this"), field,
    h("form", { method: "dialog" }, h("button", {}, "close")));
  dialog.showModal();
  /** @type {HTMLTextAreaElement} */ (field).select();
}
