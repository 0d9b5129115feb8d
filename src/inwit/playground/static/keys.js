"use strict";
/* The keyboard. None of its keys works in a field, nor with Ctrl, Alt or Meta, and one switch turns all of them off. */

const KEYS = [
  ["→ or j", "one token on"], ["← or k", "one token back"], ["Home, End", "to the start, to the end"],
  ["1 … 9", "write the likeliest token, the second likeliest, …"], ["↑ ↓", "another branch"],
  ["Shift ←", "to where the branch began"],
  ["Backspace", "remove the branch"], ["z, Shift z", "undo, redo"], ["b", "the next token that loses the way"],
  ["n", "another problem"],
  ["r", "the same problem afresh"], ["m", "to the memory"], ["l", "copy the link"], ["?", "this list"],
  ["Esc", "let go"],
];

/** @param {any} app @returns {Object<string, () => void>} */
const actionsOf = (app) => ({
  ArrowRight: app.step, j: app.step, ArrowLeft: app.back, k: app.back, Home: app.first, End: app.last,
  ArrowUp: () => app.branch(-1), ArrowDown: () => app.branch(1), "Shift ArrowLeft": app.toFork, Backspace: app.remove,
  z: app.undo, "Shift Z": app.redo, "Shift z": app.redo, b: app.nextLoss, n: app.another, r: app.afresh,
  l: app.copyLink,
  m: () => /** @type {HTMLElement|null} */ (document.querySelector('[data-key="unit"], [data-key="silence"]'))?.focus(),
  "?": () => help(app), "Shift ?": () => help(app),
});

/** @param {any} app @param {KeyboardEvent} event */
function onKey(app, event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") {
    app.letGo();
    return /** @type {HTMLElement} */ (document.activeElement).blur(); // what was drawn anew has the focus now
  }
  if (!app.keys || target.matches("input, select, textarea")) return;
  const digit = /^[1-9]$/.test(event.key) ? offered(app.desk, app.desk.session.at)[Number(event.key) - 1] : null;
  const action = digit ? () => app.write(digit.token) : actionsOf(app)[`${event.shiftKey ? "Shift " : ""}${event.key}`];
  if (!action) return;
  event.preventDefault();
  action();
}

/** @param {any} app */
function help(app) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("dialog"));
  dialog.replaceChildren(
    h("h2", {}, "Keys"), h("dl", {}, KEYS.map(([key, text]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, text)])),
    h("label", {}, h("input", { type: "checkbox", checked: app.keys,
      onchange: (event) => { app.keys = event.target.checked; } }), " keys are on"),
    h("form", { method: "dialog" }, h("button", { autofocus: true }, "close")),
  );
  dialog.showModal();
}
/** A text to be copied by hand, where the browser does not let a page copy. @param {string} text */
function showText(text) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("dialog")),
    field = h("textarea", { readOnly: true, rows: 5, value: text, "aria-label": "the link" });
  dialog.replaceChildren(h("h2", {}, "The link to this"), field,
    h("form", { method: "dialog" }, h("button", {}, "close")));
  dialog.showModal();
  /** @type {HTMLTextAreaElement} */ (field).select();
}
