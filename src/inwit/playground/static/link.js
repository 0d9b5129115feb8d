"use strict";
/* A session as the fragment of an address, and back: all follows from the problem and from what was done.

   #v=1&w=WORLD&k=KIND&p=5.2.4.4&t=MUL.ADD.~gru:hidden:7=0_93.STO&t=...&at=0.3
   One t for each branch, from the start; a token by its name, or *NUMBER where the name has other signs than letters;
   what else was done begins with ~. A decimal point is _, since points part the steps. at: a branch and a place on it.

   ~AGENT:TENSOR:UNIT=VALUE   a unit of the memory is set; without :UNIT all units of the tensor
   ~AGENT!PLACE               the memory that the agent had after so many steps of this branch
   ~AGENT!KIND_CELL_...*SEED  the memory that the agent has on another problem
   ~@REGISTER=VALUE           a register is set; without a value it is emptied */

const LINK_VERSION = "1";
const MOST_NODES = 3000, MOST_LONG = 500, MOST_BRANCHES = 100; // of a link: more would stop the page that opens it
const PLAIN = /^[A-Za-z][A-Za-z0-9_]*$/;
const EDITS = [
  [/^~@([^=]+)=(.*)$/, ([name, value], { registers }) => {
    const index = registers.findIndex((each) => each.name === name);
    return index < 0 ? null : { kind: "register", index, value: value === "" ? null : Number(value) };
  }],
  [/^~([^@:!=][^:!=]*)!(\d+)$/, ([agent, from]) => ({ kind: "memory", agent, from: Number(from) })],
  [/^~([^@:!=][^:!=]*)!(-?\d+(?:_-?\d+)*)\*(\d+)$/, ([agent, cells, seed]) => (
    Number.isSafeInteger(Number(seed)) ? { kind: "patch", agent, cells: cells.split("_").map(Number),
      seed: Number(seed) } : null)],
  [/^~([^@:!=][^:!=]*):([^:!=]+?)(?::(\d+))?=(.+)$/, ([agent, tensor, unit, value]) => (
    { kind: "unit", agent, tensor, unit: unit === undefined ? null : Number(unit),
      value: Number(value.replace("_", ".")) })],
];

/** @param {How} how @param {Object<string, any>} page @returns {string} */
function stepText(how, { vocabulary, registers }) {
  const coded = (name) => encodeURIComponent(name).replace(/[.~!*]/g, (sign) => (
    `%${sign.charCodeAt(0).toString(16).toUpperCase()}`));
  if (how.kind === "token") return PLAIN.test(vocabulary[how.token]) ? vocabulary[how.token] : `*${how.token}`;
  if (how.kind === "register") return `~@${coded(registers[how.index].name)}=${how.value ?? ""}`;
  if (how.kind === "memory") return `~${coded(how.agent)}!${how.from}`;
  if (how.kind === "patch") return `~${coded(how.agent)}!${how.cells.join("_")}*${how.seed}`;
  const unit = how.unit === null ? "" : `:${how.unit}`;
  return `~${coded(how.agent)}:${coded(how.tensor)}${unit}=${String(how.value).replace(".", "_")}`;
}

/** @param {string} text @param {Object<string, any>} page @returns {How|null} null for what is no step */
function stepOf(text, page) {
  const { vocabulary } = page;
  if (!text.startsWith("~")) {
    const token = text.startsWith("*") ? Number(text.slice(1)) : vocabulary.indexOf(text);
    return Number.isInteger(token) && token >= 0 && token < vocabulary.length ? { kind: "token", token } : null;
  }
  for (const [form, made] of EDITS) {
    const found = form.exec(text);
    try {
      if (found) return made(found.slice(1).map((part) => part && decodeURIComponent(part)), page);
    } catch {
      return null; // a sign that no address has
    }
  }
  return null;
}

/** @param {any} session @param {Object<string, any>} page @returns {string} */
function linkOf(session, page) {
  const [kind, ...data] = session.task, leaves = session.leaves();
  const known = new Map([[session.root, ""]]); // what leads to a node, so that no path is taken twice
  const steps = (node) => {
    const open = [];
    let each = node;
    for (; !known.has(each); each = each.parent) open.push(each);
    for (const next of open.reverse()) {
      known.set(next, [known.get(next.parent), stepText(next.how, page)].filter((text) => text).join("."));
    }
    return known.get(node);
  };
  const path = session.path(session.at), branch = leaves.indexOf(session.leaves(session.at)[0]);
  const parts = [["v", LINK_VERSION], ["w", encodeURIComponent(page.id)], ["k", String(kind.data[0])]];
  parts.push(["p", data.flatMap((tensor) => [...tensor.data].map(String)).join(".")]);
  parts.push(...leaves.map((leaf) => ["t", steps(leaf)]), ["at", `${branch}.${path.length - 1}`]);
  return `#${parts.map(([name, value]) => `${name}=${value}`).join("&")}`;
}

/** A task of its numbers. @param {Object<string, any>} page @param {number[]} cells its kind first
 * @returns {Tensor[]} */
function taskOf(page, cells) {
  const wanted = page.task.map((signature) => madeFor(signature, 0)), numbers = [...cells];
  const size = wanted.reduce((sum, tensor) => sum + tensor.data.length, 0);
  const whole = numbers.every(Number.isSafeInteger);
  if (!whole || size !== numbers.length || !(numbers[0] >= 0 && numbers[0] < page.kinds.length)) {
    throw new Error("the link names no problem of this world");
  }
  return wanted.map(({ type, shape, data }) => tensorOf(type, shape, numbers.splice(0, data.length)));
}

/** What a sentence shows of a part of a link. @param {string} text */
const shortened = (text) => (text.length > 40 ? `${text.slice(0, 40)} …` : text);

/** The session of a link. Branches are replayed; what cannot be done is dropped, and said.
 * @param {string} link @param {any} engine @returns {Promise<{session: any, dropped: string[]}>} */
async function sessionFrom(link, engine) {
  const { page } = engine, parts = link.replace(/^#/, "").split("&").map((part) => part.split(/=(.*)/s, 2));
  const one = (name) => parts.find(([each]) => each === name)?.[1] ?? "", dropped = [];
  if (one("v") !== LINK_VERSION) throw new Error("the link is of another version of the page");
  if (one("w") !== encodeURIComponent(page.id)) throw new Error(`the link is of ${one("w")}, not of ${page.id}`);
  const cells = one("p") === "" ? [] : one("p").split("."); // a world may have tasks without numbers
  const numbers = [one("k"), ...cells].map((text) => (/^-?\d+$/.test(text) ? Number(text) : NaN));
  const session = await sessionOf(engine, taskOf(page, numbers)), branches = [];
  const texts = parts.filter(([name]) => name === "t").map(([, text = ""]) => text);
  const more = texts.length - MOST_BRANCHES;
  if (more > 0) dropped.push(`${more} branches after the first ${MOST_BRANCHES}`);
  for (const text of texts.slice(0, MOST_BRANCHES)) {
    const nodes = [session.root];
    for (const part of text.split(".").filter((each) => each)) {
      const how = stepOf(part, page);
      try {
        if (!how) throw new Error(`${shortened(part)} is no step`);
        if (nodes.length > MOST_LONG) throw new Error(`a branch of a link has at most ${MOST_LONG} steps`);
        if (session.size > MOST_NODES) throw new Error(`a link has at most ${MOST_NODES} steps`);
        nodes.push(await session.again(nodes[nodes.length - 1], how)); // a node that an earlier branch made is found
      } catch (error) {
        dropped.push(`${shortened(part)}: ${error.message}`);
        break; // what follows would be of another position
      }
    }
    branches.push(nodes);
  }
  const [branch, depth] = one("at").split(".").map(Number);
  const there = ownOf(ownOf(branches, String(branch)), String(depth));
  if (there) session.go(there);
  return { session, dropped };
}
