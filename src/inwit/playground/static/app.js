"use strict";
/* What a person does on the page, one thing after another, and what is drawn after it. */

const SLICE_MS = 8; // of searching between two frames
const REST_MS = 30; // before a search: what was asked for is drawn first
const LINK_MS = 150; // browsers take no more than 200 addresses in 10 seconds

/** @param {any} engine @param {Tensor[]} constants @returns {any} */
function appOf(engine, constants) {
  const { page } = engine, tips = new Map(), readings = new Map();
  let doing = Promise.resolve(), timer = 0, linking = 0;
  /** One thing after another; what cannot be done is said. */
  const act = (what) => (...given) => {
    doing = doing.then(() => what(...given)).catch((error) => app.speak(error.message));
    return doing;
  };
  const play = (node) => playOn(app.desk.session, node, app.desk.agent, app.desk.seed);
  const at = () => app.desk.session.at;
  /** To a node, on the branch that ends with `tip`. */
  const go = (node, tip = app.desk.tip) => {
    const { session } = app.desk;
    app.desk.tip = session.path(tip).includes(node) ? tip : tips.get(node) ?? session.leaves(node).at(-1);
    tips.set(node, app.desk.tip);
    session.go(node);
    draw(app);
    app.speak();
  };
  const edited = async (node) => go(node, await play(node));
  const toNode = (move, nothing) => {
    const before = at(), node = move();
    if (node === before) return app.speak(nothing);
    app.desk.tip = tips.get(node) ?? app.desk.session.leaves(node).at(-1);
    draw(app);
    return app.speak();
  };

  const app = {
    desk: /** @type {any} */ (null), problem: /** @type {any} */ (null), unit: /** @type {number|null} */ (null),
    keys: true,
    /** The answers after each token of the prompt, for the picture of the memory. */
    readings() {
      const { agent, session } = app.desk;
      if (!readings.has(agent)) readings.set(agent, engine.reading(agent, session.prompt));
      return readings.get(agent);
    },
    /** @param {Problem} problem @param {any} [session] of a link */
    pose: act(async (problem, session) => {
      readings.clear();
      tips.clear();
      const agent = app.desk?.agent ?? Object.keys(page.agents)[0], task = taskFor(page, problem);
      const made = session ?? await sessionOf(engine, task), registers = registersOf(page, constants);
      app.problem = problem;
      const ways = waysOf(page, constants, problem);
      app.desk = { engine, session: made, agent, seed: problem.seed, ways, registers, rivals: {}, tip: made.root };
      for (const name of Object.keys(page.agents)) {
        app.desk.rivals[name] = await playedAlone(engine, made.root, name, problem.seed);
      }
      app.fresh = true;
      const here = made.at, leaf = made.leaves(here).at(-1);
      go(here, leaf.ended ? leaf : await play(leaf));
    }),
    takeAgent: act(async (name) => {
      app.desk.agent = name;
      app.unit = null;
      app.fresh = true;
      go(app.desk.session.root, await play(app.desk.session.root));
    }),
    another: () => app.pose(drawnProblem(page, app.problem.kind, Math.floor(Math.random() * 1e6) + 2)),
    afresh: () => app.pose(app.problem),
    otherAnswers: () => app.pose({ ...app.problem, seed: app.problem.seed + 1 }),
    /** @param {HTMLInputElement} field */
    typed(field, tensor, place, least, most) {
      const value = field.value === "" ? NaN : Number(field.value);
      const fits = Number.isInteger(value) && value >= least && value <= most;
      if (!fits) {
        field.value = String(app.problem.cells[tensor][place]);
        return app.speak(`It takes whole numbers from ${least} to ${most}.`);
      }
      const cells = app.problem.cells.map((row) => [...row]);
      cells[tensor][place] = value;
      return app.pose({ ...app.problem, cells });
    },

    step: act(async () => {
      const { session, tip } = app.desk, path = session.path(tip), place = path.indexOf(at());
      if (place >= 0 && place + 1 < path.length) return go(path[place + 1]);
      if (at().ended) return app.speak("The episode is over.");
      const node = at();
      const token = following(node, app.desk.agent, page.masks)
        ?? drawnAnswer(app.desk.seed, writtenOn(path), node.chance);
      const child = await session.advance(node, token);
      return go(child, child);
    }),
    back: act(() => (at().parent ? go(at().parent) : app.speak("This is the start."))),
    first: act(() => go(app.desk.session.root)),
    last: act(async () => {
      const end = app.desk.tip.ended ? app.desk.tip : await play(app.desk.tip);
      go(end, end);
    }),
    show: act((node, leaf) => go(node, leaf)),
    /** Somebody writes a token, and the agent goes on. @param {number} token */
    write: act(async (token) => {
      const child = await app.desk.session.advance(at(), token), path = app.desk.session.path(app.desk.tip);
      go(child, path.includes(child) ? app.desk.tip : await play(child));
    }),
    setUnit: act(async (tensor, place, value) => (
      edited(await app.desk.session.setUnit(at(), app.desk.agent, tensor, place, value))
    )),
    silence: act(async () => {
      const { units } = page.agents[app.desk.agent], tensors = units.grows ? [units.grows] : units.tensors;
      let node = at();
      for (const tensor of tensors) node = await app.desk.session.setUnit(node, app.desk.agent, tensor, null, 0);
      await edited(node);
    }),
    forget: act(async () => edited(await app.desk.session.setMemory(at(), app.desk.agent, 0))),
    undo: act(() => toNode(() => app.desk.session.undo(), "Nothing to undo.")),
    redo: act(() => toNode(() => app.desk.session.redo(), "Nothing to redo.")),
    /** Takes the branch that is shown out of the tree, up to where it began. */
    remove: act(() => {
      const { session, tip } = app.desk, lines = branchesOf(app.desk);
      const line = lines.find(({ leaf }) => session.path(tip).includes(leaf));
      if (lines.length < 2) return app.speak("There is one branch.");
      const forked = (node) => node.parent && session.children(node.parent).length > 1;
      const begin = session.path(line.leaf).findLast(forked);
      if (!confirm(`Remove ${line.name}?`)) return undefined;
      session.remove(begin);
      tips.clear();
      app.fresh = true;
      return go(begin.parent, session.leaves(begin.parent).at(-1));
    }),
    branch: act((by) => {
      const { session, tip } = app.desk, leaves = session.leaves();
      const now = leaves.findIndex((leaf) => session.path(leaf).includes(tip));
      const leaf = leaves[(now + by + leaves.length) % leaves.length], column = at().column;
      go(session.path(leaf).findLast((node) => node.column <= column), leaf);
    }),
    toFork: act(() => {
      let node = at();
      while (node.parent && app.desk.session.children(node.parent).length < 2) node = node.parent;
      go(node.parent ?? node);
    }),
    nextLoss: act(() => {
      const { session, tip, ways } = app.desk, path = session.path(tip), now = path.indexOf(at());
      const cost = (node) => ways.cost(tokensTo(app.desk, node.parent), node.how.token);
      const lost = (node) => node.how.kind === "token" && cost(node) > 0;
      const next = ways && path.slice(now + 1).find(lost);
      return next ? go(next) : app.speak("No further token here leaves the shortest way.");
    }),

    lookAt(field, count) {
      app.unit = Math.max(0, Math.min(count - 1, Math.round(Number(field.value)) - 1 || 0));
      draw(app);
    },
    chooseUnit(event, count, node) {
      const box = event.currentTarget.getBoundingClientRect();
      app.unit = Math.max(0, Math.min(count - 1, Math.floor(((event.clientY - box.top) / box.height) * count)));
      app.show(node, app.desk.tip);
    },
    letGo() {
      app.unit = null;
      draw(app);
    },
    link: () => `${linkOf(app.desk.session, page)}&a=${encodeURIComponent(app.desk.agent)}&s=${app.desk.seed}`,
    /** The address follows what is looked at. */
    keepLink() {
      clearTimeout(linking);
      linking = setTimeout(() => {
        try { history.replaceState(null, "", app.link()); } catch { /* some browsers refuse this for files */ }
      }, LINK_MS);
    },
    async copyLink() {
      const link = `${location.href.split("#")[0]}${app.link()}`;
      try {
        await navigator.clipboard.writeText(link);
        app.speak("The link is copied.");
      } catch {
        showText(link);
      }
    },
    /** @param {string} [text] */
    speak(text) { byId("say").textContent = text ?? sentence(app); },
    fresh: true, pressed: false,
    /** Searches what is looked at, in slices, so that the page stays awake. */
    think() {
      clearTimeout(timer);
      const { ways } = app.desk, wanted = ways && wantedWays(app.desk);
      if (!wanted) return;
      const search = ways.search(wanted);
      const slice = () => {
        const until = performance.now() + SLICE_MS;
        let { done } = search.next();
        while (!done && performance.now() < until) ({ done } = search.next());
        timer = setTimeout(done ? show : slice);
      };
      // Fields stay as they are, and so does a button that is just being pressed.
      const show = () => {
        if (app.pressed) timer = setTimeout(show, 50);
        else keepingFocus(() => drawFound(app));
        if (!app.pressed) app.think();
      };
      timer = setTimeout(slice, REST_MS);
    },
  };
  return app;
}

/** The tokens of the next position whose way is wanted: where the head is, along the branch, then after each token that
 * may be written. @param {Desk} desk @returns {number[]|null} */
function wantedWays(desk) {
  const { session, tip, ways } = desk, { at } = session;
  const path = [session.root, at, ...session.path(tip)].filter((node) => !node.ended);
  const asked = path.map((node) => tokensTo(desk, node));
  if (!at.ended && at.forced === CHOICE) {
    const here = tokensTo(desk, at), way = ways.at(here);
    const others = way && way.length < Infinity ? session.allowed(at).filter((token) => token !== way.program[0]) : [];
    asked.push(...others.map((token) => [...here, token]));
  }
  return asked.find((tokens) => ways.at(tokens) === undefined) ?? null;
}
