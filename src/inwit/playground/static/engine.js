"use strict";
/* Answers the page's questions with graphs: what a problem looks like, what a token does, what a memory would write.
   `socket.js` has the same questions answered by Python, so whoever asks awaits every answer.

   A task is a list of tensors: its kind, then the world's own. A state and a memory are tensors by name. Nothing that
   is given or answered is changed later, so a position can be kept and gone back to. */

/** @typedef {Object<string, Tensor>} Named */
/** @typedef {{logits: Numbers, value: number, memory: Named}} Answer of an agent; logits also of illegal tokens */
/** @typedef {{legal: Uint8Array, forced: number, chance: Numbers|null}} Turn forced -1: the policy chooses; -2: the
 *   world writes by chance */
/** @typedef {{reward: number, terminated: boolean, truncated: boolean, success: boolean,
 *   extra: Object<string, boolean>, counts: Object<string, number>}} Outcome */
/** @typedef {Turn & {state: Named, registers: (number|null)[], agents: Object<string, Answer|null>}} Position
 *   registers: in the order of the page's, null for an empty one; agents: null after the end */
/** @typedef {{name: string, kind: "number"|"token"|"pointer", least: number, most: number, optional: boolean}} Register
 */

const CHOICE = -1, UNDECIDED = -2;
const ILLEGAL = -1e9; // the score of an illegal token, as in `core.distributions`

/** @param {string[]} names @param {any[]} values @returns {Object<string, any>} */
const byName = (names, values) => Object.fromEntries(names.map((name, k) => [name, values[k]]));
/** @param {number} value @param {number} [rows] @returns {Tensor} */
const tokenOf = (value, rows = 1) => tensorOf("i", [rows], new Array(rows).fill(value));

/** @typedef {{update: number, constants: Tensor[], ready: Map<string, any>}} Weights of an earlier update:
 *   what they are in place of the page's constants, and the graphs compiled with them */

/** @param {Object<string, any>} page world, agents, blob and what describes them
 * @param {Uint8Array} bytes what the blob's text stands for */
const engineOf = (page, bytes) => engineWith(page, constantsOf(page.blob, bytes), new Map(), {});

/** @param {Object<string, any>} page @param {Tensor[]} constants @param {Map<string, any>} ready compiled graphs, which
 *   engines with other weights share @param {Object<string, Weights>} earlier of the agents that have them */
function engineWith(page, constants, ready, earlier) {
  const { world, agents } = page;
  const { registers = [] } = world, inputs = world.open.inputs;
  /** @param {string} name of the graph @param {Graph} graph @param {Tensor[]} given @returns {Tensor[]} */
  const run = (name, graph, given) => {
    if (!ready.has(name)) ready.set(name, compile(graph, constants));
    return ready.get(name)(given);
  };
  /** @param {string} name @param {"begin"|"step"|"read"} part @param {Tensor[]} given @returns {Tensor[]} */
  const runAgent = (name, part, given) => {
    const own = earlier[name], graph = agents[name][part];
    if (!own) return run(`${name} ${part}`, graph, given);
    if (!own.ready.has(part)) own.ready.set(part, compile(graph, own.constants));
    return own.ready.get(part)(given);
  };
  const inOrder = (names, tensors) => names.map((name) => tensors[name]);

  /** @param {Named} state @returns {Turn & {registers: (number|null)[]}} */
  const look = (state) => {
    const [legal, forced, ...more] = run("look", world.look, inOrder(world.state, state));
    const chance = world.draws ? more.shift().data : null, [values, present] = more;
    const held = registers.map((_, k) => (present.data[k] ? Number(values.data[k]) : null));
    return { legal: legal.data, forced: Number(forced.data[0]), chance, registers: held };
  };
  /** @param {string} name @param {Tensor[]} answer @returns {Answer} */
  const answerOf = (name, [logits, value, ...memory]) => (
    { logits: logits.data, value: value.data[0], memory: byName(agents[name].memory, memory) }
  );
  /** @param {string} name @param {Tensor[]} prompt tokens, mask, stage @returns {Answer} */
  const beginning = (name, prompt) => answerOf(name, runAgent(name, "begin", prompt));
  /** @param {string} name @param {number} token @param {Named} memory @returns {Answer} */
  const next = (name, token, memory) => {
    return answerOf(name, runAgent(name, "step", [tokenOf(token), ...inOrder(agents[name].memory, memory)]));
  };
  /** @param {Named} state @param {number} token @returns {Outcome & {state: Named}} */
  const step = (state, token) => {
    const out = run("step", world.step, [tokenOf(token), ...inOrder(world.state, state)]), held = world.state.length;
    const [reward, terminated, truncated, success, ...more] = out.slice(held).map((each) => Number(each.data[0]));
    const flags = { terminated: !!terminated, truncated: !!truncated, success: !!success };
    const extra = byName(world.extra, more.slice(0, world.extra.length).map(Boolean));
    const counts = byName(world.counts, more.slice(world.extra.length));
    return { state: byName(world.state, out.slice(0, held)), reward, ...flags, extra, counts };
  };

  return {
    /* What is known beside the graphs. A task's tensors are of the types and shapes of `task`. */
    page: { ...page, task: inputs, draws: world.draws, registers, writable: !!world.write },
    look,
    /* Which agents are as they were after an earlier update. */
    chosen: Object.fromEntries(Object.entries(earlier).map(([name, { update }]) => [name, update])),
    /** The updates of which there are weights. @param {string} name @returns {Promise<number[]>} */
    earlier: async (name) => (agents[name].snapshots ?? []).map(({ update }) => update),
    /** The same with an agent as it was after an update; null: as it is. @param {string} name
     * @param {number|null} update @returns {Promise<any>} */
    async after(name, update) {
      const { parameters, snapshots = [] } = agents[name], { [name]: _, ...others } = earlier;
      if (update === null) return engineWith(page, constants, ready, others);
      const found = snapshots.find((each) => each.update === update), swapped = [...constants];
      if (!found) throw new Error(`of ${name} no weights after ${update} updates are here`);
      found.constants.forEach((number, k) => { swapped[parameters[k]] = constants[number]; });
      const own = { update, constants: swapped, ready: new Map() };
      return engineWith(page, constants, ready, { ...others, [name]: own });
    },
    /** The first position of a problem. @param {Tensor[]} task @returns {Position & {prompt: Tensor[]}} */
    begin(task) {
      const [tokens, mask, stage, ...rest] = run("open", world.open, task), prompt = [tokens, mask, stage];
      const state = byName(world.state, rest);
      const answers = byName(Object.keys(agents), Object.keys(agents).map((name) => beginning(name, prompt)));
      return { prompt, state, ...look(state), agents: answers };
    },
    /** The position after one more token, whoever writes it.
     * @param {{state: Named, agents: Object<string, Answer|null>}} position @param {number} token
     * @returns {Position & Outcome} */
    advance({ state, agents: before }, token) {
      const after = step(state, token), over = after.terminated || after.truncated;
      const answer = ([name, own]) => [name, over || !own ? null : next(name, token, own.memory)];
      return { ...after, ...look(after.state), agents: Object.fromEntries(Object.entries(before).map(answer)) };
    },
    /** The position with another value in a register, null: empty. The agents have seen nothing of it.
     * @param {Position} position @param {number} index @param {number|null} value @returns {Position} */
    write(position, index, value) {
      const before = inOrder(world.state, position.state), held = run("look", world.look, before).slice(-2);
      // The others as they are, to the last digit: in `position.registers` a large one may be rounded.
      const [values, present] = held.map((each) => ({ ...each, data: each.data.slice() }));
      values.data[index] = cast(value ?? 0, values.type);
      present.data[index] = value === null ? 0 : 1;
      const given = [values, present, ...before];
      const state = byName(world.state, run("write", world.write, given));
      return { ...position, state, ...look(state) };
    },
    /** What an agent would write with this memory; null if its policy cannot answer from a memory alone.
     * @param {string} name @param {Named} memory @returns {Answer|null} */
    read(name, memory) {
      const agent = agents[name];
      if (!agent.read) return null;
      const [logits, value] = runAgent(name, "read", inOrder(agent.memory, memory));
      return { logits: logits.data, value: value.data[0], memory };
    },
    /** The shortest ways on a problem, or what the page's table advises. @param {Problem} problem
     * @returns {Ways|null} */
    ways: (problem) => (page.advice ? tabledAdvice(page, problem) : waysOf(page, constants, problem)),
    /** The answers after each token of a prompt: the prompt read with the rest of it masked.
     * @param {string} name @param {Tensor[]} prompt @returns {Answer[]} */
    reading(name, [tokens, mask, stage]) {
      const real = [...mask.data.keys()].filter((place) => mask.data[place]);
      return real.map((last) => {
        const shown = mask.data.map((one, place) => (place <= last ? one : 0));
        return beginning(name, [tokens, { ...mask, data: shown }, stage]);
      });
    },
  };
}

/** The likeliest legal token, as `core.distributions.choose` takes it: the first of equals, and a number that is none
 * before all. @param {Numbers} logits @param {ArrayLike<number>} legal @returns {number} */
function likeliest(logits, legal) {
  const score = (token) => (legal[token] ? Number(logits[token]) : ILLEGAL);
  let best = 0;
  for (let token = 1; token < logits.length; token++) {
    const one = score(token), so = score(best);
    if (one > so || (one !== one && so === so)) best = token;
  }
  return best;
}

/** @param {Numbers} logits @param {ArrayLike<number>} legal @returns {Float64Array} 0 for illegal tokens */
function probabilities(logits, legal) {
  const shares = Float64Array.from(logits, (logit, token) => (legal[token] ? Number(logit) : -Infinity));
  const top = shares.reduce((most, logit) => Math.max(most, logit), -Infinity);
  if (top === -Infinity) return shares.fill(0);
  const weights = shares.map((logit) => Math.exp(logit - top)), sum = weights.reduce((all, weight) => all + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Which tokens an agent may choose here: of a world that masks nothing, all.
 * @param {{legal: Uint8Array}} position @param {boolean} masks @returns {Uint8Array} */
const choices = (position, masks) => (masks ? position.legal : new Uint8Array(position.legal.length).fill(1));

/** The token that comes next if an agent plays: its own likeliest, or the world's where the world writes; null where
 * the world writes by chance. @param {Position} position @param {string} name @param {boolean} masks
 * @returns {number|null} */
function following(position, name, masks) {
  if (position.forced === UNDECIDED) return null;
  if (position.forced !== CHOICE) return position.forced;
  return likeliest(position.agents[name].logits, choices(position, masks));
}
