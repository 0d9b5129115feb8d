"use strict";
/* What the tour shows, found by running this page's agents: nothing of it is typed in. Each find is a link to a session
   and what is seen in it. */

/** @typedef {{title: string, text: string, link: string}} Stop link empty: nothing of the kind was found, and why */
/** @typedef {{session: any, problem: Problem, name: string, end: SessionNode, tokens: number[]}} Episode */

const TOUR_KINDS = 3, TOUR_SEEDS = 12, TOUR_TRIES = 24;

/** @param {any} engine @returns {number[]} the kinds that are looked at, the one that the page opens with first */
function tourKinds({ page: { kinds } }) {
  const all = [...kinds.keys()], first = kinds.length > 12 ? all : all.reverse();
  return first.slice(0, TOUR_KINDS);
}
/** @param {any} engine @param {string} name @param {Problem} problem @returns {Promise<Episode>} an agent's own */
async function episodeOf(engine, name, problem) {
  const session = await sessionOf(engine, taskFor(engine.page, problem));
  const end = await playOn(session, session.root, name, problem.seed);
  return { session, problem, name, end, tokens: tokensTo(end) };
}
/** A link to a node, in a tree of its own: the agent's episode first, then one branch for each list of steps, after
 * which the agent goes on. @param {any} engine @param {Episode} episode @param {How[][]} branches
 * @param {number} [depth] of the last branch, in nodes @returns {Promise<string>} */
async function linkWith(engine, { problem, name }, branches, depth = 0) {
  const { session, end } = await episodeOf(engine, name, problem);
  let place = session.path(end)[depth];
  for (const steps of branches) {
    let node = session.root;
    for (const how of steps) node = await session.again(node, how);
    const last = await playOn(session, node, name, problem.seed);
    place = session.path(last)[depth];
  }
  session.go(place);
  return `${linkOf(session, engine.page)}&a=${encodeURIComponent(name)}&s=${problem.seed}`;
}
/** @param {SessionNode} node @returns {How[]} */
const stepsTo = (node) => pathTo(node).slice(1).map(({ how }) => how);
/** @param {any} engine @param {number[]} tokens @returns {string} */
const wordsOn = ({ page: { vocabulary } }, tokens) => tokens.map((token) => vocabulary[token]).join(" ");
/** @param {string} title @param {string} text @returns {Stop} */
const nothing = (title, text) => ({ title, text, link: "" });

/** The optimum: an episode that is as short as can be.
 * @param {any} engine @param {Episode[]} right @param {Rest} rest */
async function findOptimum(engine, right, rest) {
  const title = "The optimum", shown = (episode) => linkWith(engine, episode, []);
  let longer = null;
  for (const episode of right.slice(0, TOUR_SEEDS)) {
    const { session, problem, name, tokens, end } = episode, ways = engine.ways(problem);
    if (!ways) break;
    if (ways.advises) {
      const chosen = session.path(end).filter((node) => node.parent?.forced === CHOICE), costs = [];
      for (const node of chosen) {
        await ways.search(node.parent, rest, true);
        costs.push(ways.cost(node.parent, node.how.token));
      }
      if (costs.length && costs.every((cost) => cost === 0)) {
        const text = `Each of the ${costs.length} tokens that ${name} writes is a best one after what it has read.`;
        return { title, text, link: await shown(episode) };
      }
      continue;
    }
    await ways.search(session.root, rest);
    const best = ways.at(session.root)?.length;
    if (best === tokens.length) {
      const text = `${name} writes ${best} tokens, and no shorter program was found: to go counts down to ✓.`;
      return { title, text, link: await shown(episode) };
    }
    if (best < tokens.length) longer ??= { episode, best };
  }
  if (!right.length) return nothing(title, "No agent of this page was right on a problem that was tried.");
  if (!longer) return nothing(title, "No optimum is known for this page's problems.");
  const { episode: { name, tokens }, best } = longer;
  return { title, link: await shown(longer.episode), text:
    `${name} writes ${tokens.length} tokens; ${best} would do. The row of the oracle shows them.` };
}

/** A forced error: a legal token that loses the way while the agent still expects success.
 * @param {any} engine @param {Episode} episode @param {Rest} rest */
async function findError(engine, episode, rest) {
  const title = "A forced error", { session, problem, name, end } = episode, ways = engine.ways(problem), tried = [];
  if (!ways) return nothing(title, "No optimum is known here, so no token is known to lose.");
  for (const node of session.path(end).filter((each) => !each.ended && each.forced === CHOICE)) {
    for (const token of session.allowed(node)) {
      const child = await session.advance(node, token), value = child.agents[name]?.value;
      if (!child.ended && !pathTo(end).includes(child)) tried.push({ node, token, child, value });
    }
  }
  const hoped = tried.filter(({ node, value }) => value > 0 && value >= node.agents[name].value / 2);
  hoped.sort((one, other) => other.value - one.value);
  let found = null;
  for (const { node, token, child, value } of hoped.slice(0, TOUR_TRIES)) {
    await ways.search(ways.advises ? node : child, rest, ways.advises);
    const cost = ways.advises ? ways.cost(node, token) : ways.at(child)?.length === Infinity ? Infinity : 0;
    if (cost > (found?.cost ?? 0)) found = { node, token, child, value, cost };
    if (cost === Infinity) break;
  }
  if (found) {
    const { node, token, child, value, cost } = found;
    const after = session.path(await playOn(session, child, name, problem.seed)), from = after.indexOf(child);
    const later = after.slice(from).findIndex((each) => (each.agents[name]?.value ?? Infinity) < value / 2);
    const noticed = later < 0 ? "It expects no less than half of that until the end."
      : `Its expectation is less than half of that ${later} ${later === 1 ? "token" : "tokens"} later.`;
    const so = cost === Infinity ? "leaves no way to the goal" : `costs ${cost.toFixed(2)} of the expected reward`;
    const before = node.column ? wordsOn(engine, tokensTo(node)) : "the problem";
    const text = `After ${before}, ${wordsOn(engine, [token])} ${so}. ${name} still expects `
      + `${minus(value.toFixed(2))}. ${noticed}`;
    return { title, text, link: await linkWith(engine, episode, [stepsTo(child)], stepsTo(child).length) };
  }
  return nothing(title, `No token was found that loses while ${name} still expects success.`);
}

/** Luck: a program that is right here, and wrong on other problems of the kind.
 * @param {any} engine @param {Episode} episode whose agent is shown @param {Episode[]} all @param {Rest} rest */
async function findLuck(engine, { name }, all, rest) {
  const title = "Luck", { page } = engine;
  if (page.draws) return nothing(title, "Whether a program is luck is not counted in a world that answers.");
  for (const kind of tourKinds(engine)) {
    const own = all.filter(({ problem }) => problem.kind === kind).map(({ tokens }) => tokens);
    const others = all.filter(({ problem }) => problem.kind !== kind).map(({ tokens }) => tokens);
    const programs = [page.yardsticks[kind].shortcut, ...own, ...others].filter((each) => each);
    for (const tokens of new Map(programs.map((each) => [each.join(), each])).values()) {
      const found = await rightSomewhere(engine, kind, tokens, rest);
      const ways = found && engine.ways(found.problem);
      if (!ways) continue;
      await ways.search(found.end, rest);
      const count = ways.luck(found.end);
      if (count === null || count === undefined || count > OTHERS / 2) continue;
      const program = wordsOn(engine, tokens);
      const text = `${program} is right here, and on ${count} of ${OTHERS} other problems of the task.`;
      const steps = stepsTo(found.end);
      return { title, text, link: await linkWith(engine, { ...found, name }, [steps], steps.length) };
    }
  }
  return nothing(title, "No program was found that is right on a few problems of a task alone.");
}
/** The first problem of a kind on which a program is right. @param {any} engine @param {number} kind
 * @param {number[]} tokens @param {Rest} rest @returns {Promise<any>} */
async function rightSomewhere(engine, kind, tokens, rest) {
  for (let seed = 1; seed <= 4 * TOUR_SEEDS; seed++) {
    const problem = drawnProblem(engine.page, kind, seed), start = await engine.begin(taskFor(engine.page, problem));
    let position = { ...start, agents: {} };
    for (const token of tokens) {
      if (position.terminated || position.truncated || !choices(position, engine.page.masks)[token]) break;
      position = await engine.advance(position, token);
    }
    if (position.success) {
      const session = await sessionOf(engine, taskFor(engine.page, problem));
      let end = session.root;
      for (const token of tokens) end = await session.advance(end, token);
      return { problem, session, end };
    }
    await rest();
  }
  return null;
}
