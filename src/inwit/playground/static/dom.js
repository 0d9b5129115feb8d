"use strict";
/* Elements from data. All text goes in as text, so nothing that a world or a run is called can become markup. */

const byId = (id) => document.getElementById(id);

/** @param {string} tag "button.chip.hand" @param {Object<string, any>} [props] properties, attributes, handlers that
 *   begin with `on`, and `vars` for the style @param {...any} children @returns {HTMLElement} */
function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split("."), node = document.createElement(name);
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "vars") for (const [each, set] of Object.entries(value)) node.style.setProperty(`--${each}`, set);
    else if (key in node && key !== "list") node[key] = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => ![null, undefined, false, ""].includes(child)));
  return node;
}
/** @param {string} className @param {...any} children */
const span = (className, ...children) => h(className ? `span.${className}` : "span", {}, ...children);
/** What only a screen reader says. @param {string} text */
const unseen = (text) => span("unseen", text);

/* Icons are drawn, so that they look the same wherever the page is opened. */
const ICONS = {
  first: "M6 5h2.6v14H6zM19 5v14l-9.5-7z", back: "M17 5v14L7 12z", step: "M7 5v14l10-7z",
  last: "M15.4 5H18v14h-2.6zM5 5v14l9.5-7z",
  run: "M4 5v14l8-7zM12 5v14l8-7z", stop: "M6 6h12v12H6z",
};
/** @param {string} name @returns {SVGElement} */
function icon(name) {
  const make = (tag, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };
  const svg = make("svg", { viewBox: "0 0 24 24", width: 22, height: 22, "aria-hidden": "true", focusable: "false" });
  svg.append(make("path", { d: ICONS[name], fill: "currentColor" }));
  return svg;
}

const isDark = () => matchMedia("(prefers-color-scheme: dark)").matches;
let painted = new WeakMap(); // a memory is painted once, whatever is drawn around it
/** Other colours: memories are painted anew. */
const forgetPaintings = () => { painted = new WeakMap(); };

/** A column of a memory: blue below 0, orange above. @param {number[]} values @param {number} scale
 * @param {any} owner whose picture it is @returns {HTMLCanvasElement} */
function heat(values, scale, owner) {
  const known = painted.get(owner);
  if (known && !known.isConnected && known.height === values.length) return known;
  const canvas = /** @type {HTMLCanvasElement} */ (h("canvas",
    { width: 1, height: values.length, "aria-hidden": "true" }));
  const context = canvas.getContext("2d"), image = context.createImageData(1, values.length), dark = isDark();
  const middle = dark ? [36, 40, 49] : [246, 244, 239];
  const above = dark ? [255, 157, 92] : [200, 80, 10], below = dark ? [108, 184, 242] : [11, 100, 168];
  values.forEach((value, row) => {
    const strength = Math.min(1, Math.abs(value) / scale) ** 0.8, to = value > 0 ? above : below;
    for (let k = 0; k < 3; k++) image.data[4 * row + k] = middle[k] + strength * (to[k] - middle[k]);
    image.data[4 * row + 3] = 255;
  });
  context.putImageData(image, 0, 0);
  painted.set(owner, canvas);
  return canvas;
}
