"use strict";
/* Unpacks the page's script and runs it. The page allows this loader and the script that it unpacks, each by its hash,
   so a browser refuses a script in which one letter is another. */

const CHANGED = "it has been changed since it was made; make it anew with inwit page";

/** What a packed part of the page holds; the part is taken out of the page. @param {string} name
 * @returns {Promise<Uint8Array>} */
async function unpacked(name) {
  const part = document.getElementById(name), packed = part.textContent;
  part.remove();
  try {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new Error(CHANGED);
  }
}

async function runScript() {
  if (!("DecompressionStream" in window)) {
    throw new Error("it needs a browser of 2023 or later, such as Chrome 111, Firefox 113 or Safari 16.4");
  }
  const script = document.createElement("script");
  let refused = false;
  document.addEventListener("securitypolicyviolation", () => { refused = true; }, { once: true });
  script.textContent = new TextDecoder().decode(await unpacked("script"));
  document.body.append(script);
  await new Promise((next) => { setTimeout(next); }); // a refusal is told after this
  if (refused) throw new Error(CHANGED);
}

runScript().catch((error) => {
  const notice = document.createElement("p");
  notice.className = "notice";
  notice.textContent = `This page cannot run here: ${error.message}.`;
  document.getElementById("notice").replaceChildren(notice);
});
