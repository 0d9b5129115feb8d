"use strict";
/* A problem, and the tree of what was tried on it. A node is a position: the machine, and each agent's memory and
   answer after the tokens so far. A node never changes. A token or an edit makes a child, so that undoing is going
   back, and nothing is lost. An engine in the page or on a server answers, so every question is awaited. */

/** @typedef {{kind: "start"}|{kind: "token", token: number}
 *   |{kind: "unit", agent: string, tensor: string, unit: number|null, value: number}
 *   |{kind: "memory", agent: string, from: number}|{kind: "patch", agent: string, cells: number[], seed: number}
 *   |{kind: "register", index: number, value: number|null}} How unit null: all units; from: the memory that the agent
 *   had after so many nodes of this path; cells: a task, its kind first, on which the agent had that memory after as
 *   many tokens; a value null: the register is emptied */
/** @typedef {Position & Partial<Outcome> & {id: number, parent: SessionNode|null, how: How, column: number,
 *   edited: boolean, ended: boolean}} SessionNode column: tokens so far; an edit has none */

/** Whether a register takes a value. @param {any} register @param {number} value */
const mayHold = ({ least, most, tokens }, value) => (
  value >= least && value <= most && (!tokens?.length || tokens.includes(value))
);

/** What an object holds itself: names come from links, and each object inherits some.
 * @param {Object<string, any>|null|undefined} held @param {string} name */
const ownOf = (held, name) => (held && Object.hasOwn(held, name) ? held[name] : undefined);

/** The nodes from the start to this one. @param {SessionNode} node @returns {SessionNode[]} */
function pathTo(node) {
  const nodes = [];
  for (let each = node; each; each = each.parent) nodes.push(each);
  return nodes.reverse();
}

/** @param {any} engine @param {Tensor[]} task @returns {Promise<any>} the session, at the start of its problem */
async function sessionOf(engine, task) {
  const { masks } = engine.page, below = new Map(), visited = [];
  let count = 0, place = 0;

  /** @param {SessionNode|null} parent @param {How} how @param {Object<string, any>} position @returns {SessionNode} */
  const add = (parent, how, position) => {
    const column = parent ? parent.column + (how.kind === "token" ? 1 : 0) : 0;
    const edited = !!parent && (parent.edited || how.kind !== "token");
    const ended = !!(position.terminated || position.truncated);
    const node = Object.freeze({ ...position, id: count++, parent, how: Object.freeze(how), column, edited, ended });
    below.set(node, []);
    if (parent) below.get(parent).push(node);
    return node;
  };
  const { prompt, ...first } = await engine.begin(task), root = add(null, { kind: "start" }, first);
  visited.push(root);

  /** The child that was made so before. @param {SessionNode} node @param {How} how @returns {SessionNode|undefined} */
  const tried = (node, how) => below.get(node).find((child) => JSON.stringify(child.how) === JSON.stringify(how));
  /** @param {SessionNode} node @param {How} how @param {(own: Answer) => Named} change
   * @returns {Promise<SessionNode>} */
  const edit = async (node, how, change) => {
    const own = ownOf(node.agents, how.agent);
    if (!own) throw new Error(node.ended ? "the episode has ended" : `no agent is called ${how.agent}`);
    const memory = change(own), answer = tried(node, how) ? null : await engine.read(how.agent, memory);
    // Without `read` the policy answers from what was edited only after the next token.
    const edited = answer ?? { ...own, memory, late: true };
    return tried(node, how) ?? add(node, how, { ...node, agents: { ...node.agents, [how.agent]: edited } });
  };
  /** The memory of an agent on another problem after so many tokens, all of which it or that problem's world wrote. */
  const memoryOn = async (name, cells, seed, column) => {
    const start = await engine.begin(taskOf(engine.page, cells)), { position } = await playedAlone(engine, start, name,
      seed, column);
    if (position.terminated || position.truncated) throw new Error(`${name} has ended that problem by then`);
    return position.agents[name].memory;
  };

  const session = {
    task, prompt, root,
    get at() { return visited[place]; },
    get size() { return count; },
    children: (node) => [...(below.get(node) ?? [])],

    path: pathTo,
    /** @param {SessionNode} node @returns {number[]} what may be written there, by whose turn it is */
    allowed(node) {
      if (node.ended) return [];
      if (node.forced >= 0) return [node.forced];
      const legal = node.forced === UNDECIDED ? node.legal : choices(node, masks);
      return [...legal.keys()].filter((token) => legal[token]);
    },
    /** Who would have written a node's token: the world, the agents whose own choice it is, or nobody but a hand.
     * @param {SessionNode} node @returns {string[]} */
    writers(node) {
      if (node.how.kind !== "token") return [];
      if (node.parent.forced !== CHOICE) return ["world"];
      return Object.keys(node.parent.agents).filter((name) => following(node.parent, name, masks) === node.how.token);
    },

    /** The position after one more token; one that was tried before is found again.
     * @param {SessionNode} node @param {number} token @returns {Promise<SessionNode>} */
    async advance(node, token) {
      if (!session.allowed(node).includes(token)) throw new Error(`the token ${token} may not be written here`);
      const how = { kind: "token", token }, after = tried(node, how) ? null : await engine.advance(node, token);
      return tried(node, how) ?? add(node, how, after);
    },
    /** An agent goes on to the end, or to where the world writes by chance.
     * @param {SessionNode} node @param {string} name @returns {Promise<SessionNode>} */
    async run(node, name) {
      let last = node;
      while (!last.ended) {
        const token = following(last, name, masks);
        if (token === null) break;
        last = await session.advance(last, token);
      }
      return last;
    },
    /** A unit of an agent's memory, or all of a tensor, set to a value.
     * @param {SessionNode} node @param {string} agent @param {string} tensor @param {number|null} unit
     * @param {number} value @returns {Promise<SessionNode>} */
    setUnit(node, agent, tensor, unit, value) {
      return edit(node, { kind: "unit", agent, tensor, unit, value }, ({ memory }) => {
        const held = ownOf(memory, tensor);
        // Lengths and masks are whole numbers: with others the policy could read beyond its tables.
        if (!held || !"fd".includes(held.type)) throw new Error(`${tensor} has no units`);
        if (!(unit === null || unit in held.data)) throw new Error(`no unit ${unit} of ${tensor}`);
        const data = held.data.slice(), from = unit ?? 0;
        data.fill(value, from, unit === null ? data.length : unit + 1);
        // As it is held: a large number may be infinite there.
        if (!Number.isFinite(data[from] ?? value)) throw new Error("a unit takes a finite number");
        return { ...memory, [tensor]: { ...held, data } };
      });
    },
    /** The memory that an agent had earlier on this path; 0: after the prompt, so that it forgets its program.
     * @param {SessionNode} node @param {string} agent @param {number} from @returns {Promise<SessionNode>} */
    async setMemory(node, agent, from) {
      const source = ownOf(session.path(node)[from]?.agents, agent);
      if (!source) throw new Error(`${agent} has no memory after ${from} nodes`);
      return edit(node, { kind: "memory", agent, from }, () => source.memory);
    },
    /** The memory that an agent has on another problem after as many tokens.
     * @param {SessionNode} node @param {string} agent @param {number[]} cells @param {number} seed of its answers
     * @returns {Promise<SessionNode>} */
    async patch(node, agent, cells, seed) {
      const how = { kind: "patch", agent, cells, seed };
      if (!ownOf(node.agents, agent)) return edit(node, how, () => ({}));
      const memory = tried(node, how) ? null : await memoryOn(agent, cells, seed, node.column);
      return edit(node, how, () => memory);
    },
    /** A register set to a value, or emptied. @param {SessionNode} node @param {number} index
     * @param {number|null} value @returns {Promise<SessionNode>} */
    async setRegister(node, index, value) {
      const { registers, writable } = engine.page, register = registers[index];
      const how = { kind: "register", index, value };
      if (node.ended) throw new Error("the episode has ended");
      if (!register || !writable) throw new Error("this world has no such register to write");
      const { name, kind, least, most, optional } = register;
      if (value === null && !optional) throw new Error(`${name} cannot be empty`);
      if (value !== null && !(Number.isInteger(value) && mayHold(register, value))) {
        const word = engine.page.vocabulary[value] ?? value;
        if (kind === "token") throw new Error(`${name} cannot hold ${word}`);
        throw new Error(`${name} takes whole numbers from ${least} to ${most}`);
      }
      const after = tried(node, how) ? null : await engine.write(node, index, value);
      return tried(node, how) ?? add(node, how, after);
    },
    /** An edit; in the place of `node` where that is an edit of the same thing from which nobody has gone on, so that
     * a slider that is moved makes one branch.
     * @param {SessionNode} node @param {How} how @returns {Promise<SessionNode>} */
    async edited(node, how) {
      const thing = ({ kind, agent, tensor, unit, index }) => JSON.stringify([kind, agent, tensor, unit, index]);
      const known = visited.filter((each) => session.path(each).includes(node)).length > 1;
      const again = thing(node.how) === thing(how) && !known && session.leaves(node).length === 1;
      const made = await session.again(again ? node.parent : node, how);
      if (again && made !== node) session.remove(node);
      return made;
    },
    /** Does again what made a node, below another one. @param {SessionNode} node @param {How} how */
    async again(node, how) {
      if (how.kind === "token") return session.advance(node, how.token);
      if (how.kind === "memory") return session.setMemory(node, how.agent, how.from);
      if (how.kind === "patch") return session.patch(node, how.agent, how.cells, how.seed);
      if (how.kind === "register") return session.setRegister(node, how.index, how.value);
      return session.setUnit(node, how.agent, how.tensor, how.unit, how.value);
    },

    /** @param {SessionNode} node @returns {SessionNode} */
    go(node) {
      if (node !== session.at) visited.splice(++place, visited.length, node);
      return node;
    },
    undo: () => visited[(place = Math.max(0, place - 1))],
    redo: () => visited[(place = Math.min(visited.length - 1, place + 1))],
    /** Takes a node and all below it out of the tree, and goes to its parent if one was there.
     * @param {SessionNode} node */
    remove(node) {
      if (node === root) throw new Error("the start of a problem stays");
      const siblings = below.get(node.parent), gone = (each) => session.path(each).includes(node), here = session.at;
      siblings.splice(siblings.indexOf(node), 1);
      for (const each of [...below.keys()].filter(gone)) below.delete(each);
      const kept = visited.filter((each) => below.has(each));
      visited.splice(0, visited.length, ...kept.filter((each, k) => each !== kept[k - 1]));
      place = visited.length - 1;
      session.go(gone(here) ? node.parent : here);
    },
    /** The last nodes of all branches, first branch first. @returns {SessionNode[]} */
    leaves(node = root) {
      const found = [], open = [node];
      while (open.length) {
        const each = open.pop(), own = below.get(each);
        if (own.length) open.push(...[...own].reverse());
        else found.push(each);
      }
      return found;
    },
  };
  return session;
}
