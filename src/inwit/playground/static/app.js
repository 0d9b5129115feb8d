"use strict";
/* What a person does on the page, one thing after another, and what is drawn after it. */

const LINK_MS = 150; // browsers take no more than 200 addresses in 10 seconds
/** @param {any} engine @returns {any} */
function appOf(engine) {
  const { page } = engine, desks = {}, taken = {}; // taken: the problems with which screens began
  let doing = Promise.resolve(), linking = 0;
  /** One thing after another; what cannot be done is said. */
  const act = (what) => (...given) => {
    doing = doing.then(() => what(...given)).catch((error) => app.speak(error.message));
    return doing;
  };
  /** The agent goes on; by hand, the world alone. */
  const play = (node) => {
    const { session, agent, seed, hand } = app.desk;
    return hand ? worldOn(session, node, seed) : playOn(session, node, agent, seed);
  };
  const read = async () => {
    const { agent, session, hand } = app.desk;
    if (!hand) app.desk.readings = await app.desk.engine.reading(agent, session.prompt, session.task);
  };
  const at = () => app.desk.session.at;
  /** To a node, on the branch that ends with `tip`. */
  const go = (node, tip = app.desk.tip) => {
    const { session, tips } = app.desk;
    app.desk.tip = session.path(tip).includes(node) ? tip : tips.get(node) ?? session.leaves(node).at(-1);
    tips.set(node, app.desk.tip);
    session.go(node);
    draw(app);
    app.speak();
  };
  const edited = async (node) => go(node, await play(node));
  const set = async (how) => {
    const node = await app.desk.session.edited(at(), how).catch((error) => {
      keepingFocus(() => part(app, "change")); // a field shows what is held, not what was refused
      throw error;
    });
    const leaves = app.desk.session.leaves(), { tips } = app.desk; // a branch may be gone
    tips.forEach((tip, each) => leaves.includes(tip) || tips.delete(each));
    return edited(node);
  };
  const toNode = (move, nothing) => {
    const before = at(), node = move();
    if (node === before) return app.speak(nothing);
    app.desk.tip = app.desk.tips.get(node) ?? app.desk.session.leaves(node).at(-1);
    draw(app);
    return app.speak();
  };

  const posed = async (problem, session) => {
    const agent = app.desk?.agent ?? Object.keys(page.agents)[0], { desk: name, hand } = SCREENS[app.screen];
    app.desk = await deskOf(app.engine, problem, agent, session, hand);
    desks[name] = app.desk;
    app.fresh = true;
    await read();
    const made = app.desk.session, here = made.at, leaf = made.leaves(here).at(-1);
    const end = leaf.ended ? leaf : await play(leaf);
    go(hand && here === leaf ? end : here, end);
  };

  const app = {
    engine, desk: /** @type {any} */ (null), unit: /** @type {number|null} */ (null), screen: "step", keys: true,
    hidden: new Set(), tally: newTally(), compared: /** @type {any} */ (null), more: false,
    matrices: new WeakMap(), tours: new WeakMap(),
    updates: {}, weights: /** @type {number|null|undefined} */ (undefined),
    /** What was found for the tour, with the weights that the agents have now. */
    get tour() { return app.tours.get(app.engine) ?? null; },
    get problem() { return app.desk.problem; },
    posed, // throws what cannot be posed
    /** @param {Problem} problem @param {any} [session] of a link */
    pose: act((problem, session) => posed(problem, session)),
    /** Another screen: it goes on with what lay there; By hand with Step's problem, if that is another now. */
    turnTo: act(async (name) => {
      const screen = screenOf(name), { desk: before } = app, kept = desks[screen?.desk];
      if (!screen) throw new Error(`The page has no screen ${name}.`);
      app.run.stop();
      [app.screen, app.fresh] = [name, true];
      showPlaces(app);
      const known = [kept, { problem: taken[screen.desk] }].some((each) => each && before && sameProblem(each, before));
      const fits = screen.desk === "step" || (kept?.engine === app.engine
        && (screen.desk === "tour" || before === desks.tour || known));
      if (screen.desk && !(kept && fits)) {
        taken[screen.desk] = before.problem;
        await posed(before.problem);
      } else {
        if (kept) [app.desk, app.engine] = [kept, kept.engine];
        draw(app);
        app.speak();
      }
      await screen.enter?.(app);
    }),
    /** The session of a link, on this screen's own desk. @param {string} link */
    visit: act(async (link) => {
      const { session, problem, agent, dropped } = await visitOf(link, app.engine);
      app.desk = { ...app.desk, agent };
      await posed(problem, session);
      if (dropped.length) app.speak(`Of the link this was left out: ${dropped.join("; ")}.`);
    }),
    /** What lies on this desk goes to another screen. @param {string} name */
    takeTo(name) {
      desks[SCREENS[name].desk] = app.desk;
      return app.turnTo(name);
    },
    takeAgent: act(async (name) => {
      app.desk.agent = name;
      app.unit = null;
      app.fresh = true;
      await read();
      go(app.desk.session.root, await play(app.desk.session.root));
    }),
    changeWeights: act((update) => changedWeights(app, update, async (known) => {
      if (known) [app.desk, desks[SCREENS[app.screen].desk]] = [known, known];
      await (known ? go(known.session.at) : posed(app.problem));
    })),
    another: () => app.pose(anotherProblem(page, app.problem)),
    afresh: () => app.pose(app.problem),
    otherAnswers: () => app.pose({ ...app.problem, seed: app.problem.seed + 1 }),
    /** @param {HTMLInputElement} field */
    typed(field, tensor, place, least, most) {
      const value = field.value === "" ? NaN : Number(field.value);
      if (!(Number.isInteger(value) && value >= least && value <= most)) {
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
      if (app.desk.hand && at().forced === CHOICE) return app.speak("You write here: choose a token.");
      const node = at(), token = following(node, app.desk.agent, page.masks)
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
      const end = path.includes(child) ? app.desk.tip : await play(child), { hand } = app.desk;
      if (hand) hand.wrote = true;
      go(hand ? end : child, end);
    }),
    setUnit: act((tensor, unit, value) => set({ kind: "unit", agent: app.desk.agent, tensor, unit, value })),
    silence: act(async () => {
      const { units } = page.agents[app.desk.agent], tensors = units.grows ? [units.grows] : units.tensors;
      let node = at();
      for (const tensor of tensors) node = await app.desk.session.setUnit(node, app.desk.agent, tensor, null, 0);
      await edited(node);
    }),
    /** @param {number} index of a register @param {number|null} value null: empty */
    setRegister: act((index, value) => set({ kind: "register", index, value })),
    /** The agent gets the memory that it has on another problem of the kind, after as many tokens. */
    patch: act(async () => {
      const seed = Math.floor(Math.random() * 1e6) + 2, other = drawnProblem(page, app.problem.kind, seed);
      await edited(await app.desk.session.patch(at(), app.desk.agent, cellsOf(other), seed));
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
      app.desk.tips.clear();
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
      if (!shownOn(app).togo) return app.speak("The optimum is hidden: h shows it.");
      const cost = (node) => ways.cost(node.parent, node.how.token);
      // What ends wrong while there was a way has left it.
      const missed = (node) => node.ended && !node.success && ways.at(node.parent)?.length > 0;
      const lost = (node) => node.how.kind === "token" && (cost(node) > 0 || missed(node));
      const next = ways && path.slice(now + 1).find(lost);
      return next ? go(next) : app.speak(noLossText(ways, path.slice(Math.max(0, now))));
    }),

    lookAt(field, count) {
      if (field.value === "") return; // it is being typed
      app.unit = Math.max(0, Math.min(count - 1, Math.round(Number(field.value)) - 1));
      draw(app);
    },
    chooseUnit({ currentTarget, clientY }, count, node) {
      const box = currentTarget.getBoundingClientRect();
      app.unit = Math.max(0, Math.min(count - 1, Math.floor(((clientY - box.top) / box.height) * count)));
      app.show(node, app.desk.tip);
    },
    /** On a narrow screen the memory and the others' programs are shown when asked for. */
    unfold() {
      app.more = !app.more;
      app.fresh = true;
      draw(app);
    },
    letGo() {
      app.unit = null;
      draw(app);
    },
    link: () => addressOf(app),
    /** The address follows what is looked at. @param {boolean} [follow] false: no more */
    keepLink(follow = true) {
      clearTimeout(linking);
      if (!follow) return;
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
    /** @param {string} [text] @param {boolean} [seen] */
    speak: (text, seen) => tell(app, text, seen),
    fresh: true, pressed: false, run: /** @type {any} */ (null), think: async () => {},
  };
  [app.run, app.think] = [runnerOf(app), thinkerOf(app)];
  return app;
}
