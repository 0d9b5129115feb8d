"use strict";
/* A session as a file: all follows from its link, so the file holds the link and what it is of. */

/** @param {string} link @param {Object<string, any>} page @returns {string} JSON */
const sessionText = (link, { id, version }) => `${JSON.stringify({ inwit: version, world: id, link }, null, 2)}\n`;
/** The link of a session's file. @param {string} text @returns {string} */
function linkIn(text) {
  let link;
  try {
    ({ link } = JSON.parse(text));
  } catch { /* no JSON, or nothing with a link */ }
  if (typeof link !== "string" || !link.startsWith("#")) throw new Error("the file holds no session of this page");
  return link;
}

/** Two buttons at the foot of the page. @param {any} app */
function drawSaving(app) {
  const field = /** @type {HTMLInputElement} */ (h("input", { type: "file", accept: ".json", hidden: true,
    "aria-label": "a session's file", onchange: async () => {
      try {
        const link = linkIn(await field.files[0].text());
        if (link === location.hash) app.speak("The session is open already.");
        else location.hash = link; // the page opens what its address says
      } catch (error) {
        byId("notice").replaceChildren(h("p.notice", {}, `This was not opened: ${error.message}.`));
      }
    } }));
  const save = () => {
    const { page } = app.desk.engine, file = new Blob([sessionText(app.link(), page)], { type: "application/json" });
    const address = URL.createObjectURL(file), name = `inwit-${page.id}.json`;
    h("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
    app.speak(`The session is saved as ${name}.`);
  };
  byId("saving").replaceChildren(h("button", { type: "button", "data-key": "save", onclick: save }, "save session"),
    h("button", { type: "button", "data-key": "open", onclick: () => field.click() }, "open session"), field);
}
