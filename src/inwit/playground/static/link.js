"use strict";
/* A session as the fragment of an address, and back: all follows from the problem and from what was done.

   #v=1&w=WORLD&k=KIND&p=5.2.4.4&t=MUL.ADD.~gru:hidden:7=0_93.STO&t=...&at=0.3
   One t for each branch, from the start; a token by its name, or *NUMBER where the name has other signs than letters;
   an edit begins with ~. A decimal point is _, since points part the steps. at: a branch and a place on it. */

const LINK_VERSION = "1";
const PLAIN = /^[A-Za-z][A-Za-z0-9_]*$/;

/** @param {How} how @param {string[]} vocabulary @returns {string} */
function stepText(how, vocabulary) {
  const coded = (name) => encodeURIComponent(name).replaceAll(".", "%2E").replaceAll("~", "%7E");
  if (how.kind === "token") return PLAIN.test(vocabulary[how.token]) ? vocabulary[how.token] : `*${how.token}`;
  if (how.kind === "memory") return `~${coded(how.agent)}<${how.from}`;
  const unit = how.unit === null ? "" : `:${how.unit}`;
  return `~${coded(how.agent)}:${coded(how.tensor)}${unit}=${String(how.value).replace(".", "_")}`;
}

/** @param {string} text @param {string[]} vocabulary @returns {How|null} null for what is no step */
function stepOf(text, vocabulary) {
  if (!text.startsWith("~")) {
    const token = text.startsWith("*") ? Number(text.slice(1)) : vocabulary.indexOf(text);
    return Number.isInteger(token) && token >= 0 && token < vocabulary.length ? { kind: "token", token } : null;
  }
  const memory = /^~([^:<=]+)<(\d+)$/.exec(text), unit = /^~([^:<=]+):([^:<=]+?)(?::(\d+))?=(.+)$/.exec(text);
  try {
    if (memory) return { kind: "memory", agent: decodeURIComponent(memory[1]), from: Number(memory[2]) };
    if (!unit) return null;
    const [agent, tensor] = [unit[1], unit[2]].map(decodeURIComponent), value = Number(unit[4].replace("_", "."));
    return { kind: "unit", agent, tensor, unit: unit[3] === undefined ? null : Number(unit[3]), value };
  } catch {
    return null; // a sign that no address has
  }
}

/** @param {any} session @param {Object<string, any>} page @returns {string} */
function linkOf(session, page) {
  const [kind, ...data] = session.task, leaves = session.leaves();
  const steps = (leaf) => session.path(leaf).slice(1).map(({ how }) => stepText(how, page.vocabulary)).join(".");
  const path = session.path(session.at), branch = leaves.findIndex((leaf) => session.path(leaf).includes(session.at));
  const parts = [["v", LINK_VERSION], ["w", encodeURIComponent(page.id)], ["k", String(kind.data[0])]];
  parts.push(["p", data.flatMap((tensor) => [...tensor.data].map(String)).join(".")]);
  parts.push(...leaves.map((leaf) => ["t", steps(leaf)]), ["at", `${branch}.${path.length - 1}`]);
  return `#${parts.map(([name, value]) => `${name}=${value}`).join("&")}`;
}

/** The task of a link's problem. @param {Object<string, any>} page @param {string} kind @param {string} cells */
function taskOf(page, kind, cells) {
  const numbers = [kind, ...cells.split(".")], whole = numbers.every((number) => /^-?\d+$/.test(number));
  const wanted = page.world.open.inputs.map((signature) => madeFor(signature, 0));
  const size = wanted.reduce((sum, tensor) => sum + tensor.data.length, 0);
  if (!whole || size !== numbers.length || !(Number(kind) >= 0 && Number(kind) < page.kinds.length)) {
    throw new Error("the link names no problem of this world");
  }
  return wanted.map(({ type, shape, data }) => tensorOf(type, shape, numbers.splice(0, data.length).map(BigInt)));
}

/** The session of a link. Branches are replayed; what cannot be done is dropped, and said.
 * @param {string} link @param {any} engine @returns {Promise<{session: any, dropped: string[]}>} */
async function sessionFrom(link, engine) {
  const { page } = engine, parts = link.replace(/^#/, "").split("&").map((part) => part.split(/=(.*)/s, 2));
  const one = (name) => parts.find(([each]) => each === name)?.[1] ?? "", dropped = [];
  if (one("v") !== LINK_VERSION) throw new Error("the link is of another version of the page");
  if (one("w") !== encodeURIComponent(page.id)) throw new Error(`the link is of ${one("w")}, not of ${page.id}`);
  const session = await sessionOf(engine, taskOf(page, one("k"), one("p"))), branches = [];
  for (const [, text = ""] of parts.filter(([name]) => name === "t")) {
    const nodes = [session.root];
    for (const part of text.split(".").filter((each) => each)) {
      const how = stepOf(part, page.vocabulary);
      try {
        if (!how) throw new Error(`${part} is no step`);
        nodes.push(await session.again(nodes[nodes.length - 1], how)); // a node that an earlier branch made is found
      } catch (error) {
        dropped.push(`${part}: ${error.message}`);
        break; // what follows would be of another position
      }
    }
    branches.push(nodes);
  }
  const [branch, depth] = one("at").split(".").map(Number);
  const there = branches[branch]?.[depth];
  if (there) session.go(there);
  return { session, dropped };
}
