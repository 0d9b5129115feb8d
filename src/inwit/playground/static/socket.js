"use strict";
/* The same questions as `engine.js` answers, answered by Python over a `Line`. */

/** @param {[string, number[], string]} sent @returns {Tensor} of one row */
function tensorFrom([type, shape, text]) {
  const made = zeros(type, [1, ...shape]);
  new Uint8Array(made.data.buffer).set(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
  return made;
}
/** @param {Tensor} tensor of one row @returns {[string, number[], string]} */
function sentTensor({ type, shape, data }) {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength), parts = [];
  // An argument for each byte: of some 10,000 at once browsers have too little room.
  for (let k = 0; k < bytes.length; k += 8192) parts.push(String.fromCharCode(...bytes.subarray(k, k + 8192)));
  return [type, shape.slice(1), btoa(parts.join(""))];
}
/** @param {Tensor[]} task @returns {number[][]} */
const flatTask = (task) => task.map(({ data }) => [...data].map(Number));

/** Tensors by name, both ways. */
const codec = () => {
  const wired = new WeakMap();
  return {
    /** @param {Object<string, any>} sent @returns {Named} */
    named(sent) {
      const made = Object.fromEntries(Object.entries(sent).map(([name, each]) => [name, tensorFrom(each)]));
      wired.set(made, sent);
      return made;
    },
    /** What came from the server goes back as it came. @param {Named} named @returns {Object<string, any>} */
    sent(named) {
      if (!wired.has(named)) {
        wired.set(named, Object.fromEntries(Object.entries(named).map(([name, each]) => [name, sentTensor(each)])));
      }
      return wired.get(named);
    },
  };
};

/** An engine whose answers come from Python. @param {Line} line
 * @param {string[]} words names of runs, or of one world @param {Object<string, any>} [of] the agents as they
 *   were opened: each keeps its name, and each unit its place, whatever the weights
 * @returns {Promise<any>} as `engineOf` */
async function socketEngineOf(line, words, of) {
  const { page } = await line.ask("open", { table: words }), { table } = page, tasks = new WeakMap();
  const { named, sent } = codec(), ask = (name, message) => line.ask(name, { table, ...message });

  /** @returns {Answer} */
  const answerOf = ({ logits, value, memory }) => (
    { logits: tensorFrom(logits).data, value: Number(value), memory: named(memory) }
  );
  const turnOf = ({ state, legal, forced, chance, registers }) => ({
    state: named(state), legal: Uint8Array.from(legal), forced, registers, chance: chance && tensorFrom(chance).data,
  });
  const theirs = Object.keys(page.agents), names = of ? Object.keys(of) : theirs; // Python's may name a moment
  const renamed = (agents, from, to, made) => Object.fromEntries(Object.entries(agents).map(([name, each]) => (
    [to[from.indexOf(name)], each && made(each)])));
  const agentsOf = (agents) => renamed(agents, theirs, names, answerOf);
  const moments = table.map((word) => word.split("@")[1]);
  page.agents = renamed(page.agents, theirs, names, (each) => each);
  if (of) for (const name of names) page.agents[name].units = of[name].units;
  return {
    page,
    chosen: Object.fromEntries(names.map((name, k) => [name, moments[k]]).filter(([, at]) => /^\d+$/.test(at))
      .map(([name, at]) => [name, Number(at)])),
    /** @param {string} name @returns {Promise<number[]>} */
    async earlier(name) {
      if (name.includes("@")) return []; // the name says of when the weights are
      const [run] = table[names.indexOf(name)].split("@");
      return line.ask("snapshots", { run }).then(({ updates }) => updates, () => []); // a script, or a run elsewhere
    },
    /** @param {string} name @param {number|null} update @returns {Promise<any>} */
    after(name, update) {
      const at = names.indexOf(name), word = (run) => (update === null ? run : `${run}@${update}`);
      return socketEngineOf(line, table.map((each, k) => (k === at ? word(each.split("@")[0]) : each)), page.agents);
    },
    /** @param {Tensor[]} task @returns {Promise<Position & {prompt: Tensor[]}>} */
    async begin(task) {
      const flat = flatTask(task), { prompt: read, agents, ...turn } = await ask("begin", { task: flat });
      const prompt = read.map(tensorFrom);
      tasks.set(prompt[0], flat);
      return { prompt, ...turnOf(turn), agents: agentsOf(agents) };
    },
    /** @param {Position} position @param {number} token @returns {Promise<Position & Outcome>} */
    async advance({ state, agents }, token) {
      const memories = renamed(agents, names, theirs, ({ memory }) => sent(memory));
      const { reward, terminated, truncated, success, extra, counts, agents: after, ...turn } = await ask(
        "advance", { token, state: sent(state), agents: memories });
      const outcome = { reward: Number(reward), terminated, truncated, success, extra, counts };
      return { ...outcome, ...turnOf(turn), agents: agentsOf(after) };
    },
    /** @param {Position} position @param {number} index @param {number|null} value @returns {Promise<Position>} */
    async write(position, index, value) {
      return { ...position, ...turnOf(await ask("write", { state: sent(position.state), index, value })) };
    },
    /** @param {string} agent @param {Named} memory @returns {Promise<Answer|null>} */
    async read(agent, memory) {
      const { answer } = await ask("read", { agent: theirs[names.indexOf(agent)], memory: sent(memory) });
      return answer && { logits: tensorFrom(answer.logits).data, value: Number(answer.value), memory };
    },
    /** @param {string} agent @param {Tensor[]} prompt of a position that began here @returns {Promise<Answer[]>} */
    async reading(agent, prompt) {
      const { answers } = await ask("reading", { agent: theirs[names.indexOf(agent)], task: tasks.get(prompt[0]) });
      return answers.map(answerOf);
    },
    /** @param {Problem} problem @returns {Ways|null} */
    ways({ kind, cells }) {
      const way = (message) => ask("way", { task: [[kind], ...cells], ...message });
      if (page.draws) return page.advises ? askedAdvice(async (path) => way({ path })) : null;
      return askedWays(way, page.proves);
    },
  };
}

/** The ways that Python searches. The server answers the newest question alone; those before it stay unanswered, and
 * are asked again when somebody looks there. @param {(message: Object<string, any>) => Promise<any>} ask
 * @param {boolean} proves one run shows it for every input @returns {Ways} */
function askedWays(ask, proves) {
  const { at, learn, cost } = foundWays(), costs = new Map(), lucky = new Map();
  const step = ({ how }) => (how.kind === "token" ? how.token : { index: how.index, value: how.value });
  const path = (node) => pathTo(node).filter(({ how }) => how.kind === "token" || how.kind === "register").map(step);
  let newest = 0;
  /** @returns {Promise<any>} undefined: a newer question took its place; null: there is no answer */
  const asked = async (message) => {
    const own = ++newest;
    return ask(message).catch(() => (own === newest ? null : undefined));
  };
  return {
    at,
    cost(node, token) {
      const known = costs.get(doneTo(node));
      return known ? known.get(token) ?? null : cost(node, token);
    },
    sure: (node) => (rewritten(node) ? "here" : proves ? "proven" : "others"),
    luck: (node) => (rewritten(node) || proves ? null : lucky.get(doneTo(node))),
    async search(node, rest, tokens = false) {
      const key = doneTo(node);
      if (node.ended) {
        if (!node.success || proves || rewritten(node) || lucky.has(key)) return;
        const told = await asked({ path: path(node), ended: true });
        if (told !== undefined) lucky.set(key, told && told.right);
        return;
      }
      if (at(node) !== undefined && (!tokens || costs.has(key)) || !await rest()) return;
      const told = await asked({ path: path(node), costs: tokens });
      if (told === undefined) return;
      const found = told && told.known;
      learn(node, [], !found ? null : told.length === null ? "lost" : { length: told.length, program: told.program });
      const costly = (each) => (each === -1 ? Infinity : each);
      if (tokens) costs.set(key, new Map((told?.costs ?? []).map(([token, each]) => [token, costly(each)])));
    },
  };
}
