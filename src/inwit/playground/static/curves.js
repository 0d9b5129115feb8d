"use strict";
/* Small line charts, drawn as SVG: a line for each of a few names, over the updates of a training. */

/** @typedef {{name: string, points: [number, number][]}} CurveLine */

const CHART = { width: 360, height: 150, left: 34, right: 8, top: 8, bottom: 22 };
const LINES_SHOWN = 6; // of different colours and dashes; more become the least, the middle and the most

/** @param {string} tag @param {Object<string, any>} attributes @param {...any} children @returns {SVGElement} */
function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  node.append(...children);
  return node;
}

/** A round number that is not below this one, for the top of an axis. @param {number} most @returns {number} */
function roundAbove(most) {
  if (!(most > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(most));
  return unit * [1, 1.5, 2, 3, 4, 5, 8].find((each) => each * unit >= most) || 10 * unit;
}
/** @param {number} value @returns {string} */
const tickText = (value) => (value === 0 ? "0" : value >= 1000 ? grouped(Math.round(value))
  : String(Number(value.toPrecision(3))));

/** More lines than can be told apart: what the least, the middle and the most of them are.
 * @param {CurveLine[]} lines @returns {CurveLine[]} */
function fewLines(lines) {
  if (lines.length <= LINES_SHOWN) return lines;
  const at = new Map();
  for (const { points } of lines) for (const [x, y] of points) at.set(x, [...at.get(x) ?? [], y]);
  const sorted = [...at.entries()].map(([x, values]) => [x, values.sort((one, other) => one - other)]);
  const place = (name, where) => ({ name, points: sorted.map(([x, all]) => [x, all[where(all.length)]]) });
  return [place("least", () => 0), place("middle", (count) => count >> 1), place("most", (count) => count - 1)];
}

/** @param {string} title @param {CurveLine[]} given @param {{most?: number, updates: number}} axes most: of the values,
 *   else by what there is; updates: at the right end @returns {HTMLElement} */
function curveOf(title, given, { most, updates }) {
  const { width, height, left, right, top, bottom } = CHART, lines = fewLines(given);
  const values = lines.flatMap(({ points }) => points.map(([, y]) => y));
  const high = most ?? roundAbove(Math.max(0, ...values)), low = Math.min(0, ...values), end = Math.max(updates, 1);
  const x = (update) => left + (width - left - right) * (update / end);
  const y = (value) => top + (height - top - bottom) * (1 - (value - low) / (high - low));
  const shape = ([update, value]) => `${x(update).toFixed(1)},${y(value).toFixed(1)}`;
  const last = ({ points }) => points.at(-1)?.[1];
  const level = (value) => [svg("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }),
    svg("text", { x: left - 5, y: y(value) + 4, "text-anchor": "end" }, tickText(value))];
  const told = lines.map((line) => `${line.name ? `${line.name}: ` : ""}${last(line)?.toFixed(3) ?? "nothing yet"}`);
  const label = `${title}. ${told.join(", ")}`;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    ...[low, (low + high) / 2, high].flatMap(level),
    svg("text", { x: left, y: height - 6, "text-anchor": "start" }, "update 0"),
    svg("text", { x: width - right, y: height - 6, "text-anchor": "end" }, grouped(end)),
    ...lines.map(({ points }, k) => (points.length === 1
      ? svg("circle", { class: `line s${k}`, cx: x(points[0][0]), cy: y(points[0][1]), r: 2.5 })
      : svg("polyline", { class: `line s${k}`, points: points.map(shape).join(" ") }))));
  const key = (line, k) => h("li", {}, svg("svg", { viewBox: "0 0 22 8", width: 22, height: 8, "aria-hidden": "true" },
    svg("line", { class: `line s${k}`, x1: 0, x2: 22, y1: 4, y2: 4 })), line.name ? ` ${line.name} ` : " now ",
  h("b", {}, last(line)?.toFixed(2) ?? "–"));
  return h("figure.curve", {}, h("figcaption", {}, title), picture, h("ul.legend", {}, lines.map(key)));
}
