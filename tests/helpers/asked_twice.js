/* Asks the same of the page's engine and of Python over a socket, and goes on when the server is killed meanwhile. After
   the files of `SOCKET` and `parity.js`. */

const { createInterface } = require("readline");
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (told) => process.stdout.write(`${JSON.stringify(told)}\n`);

/** @param {any} judged @param {any} own @param {any} other two positions, or answers, without what differs by engine */
function same(judged, where, own, other) {
  if (ArrayBuffer.isView(own)) return judged.same(where, where, own, { type: own instanceof Float32Array ? "f" : "d", data: other });
  if (typeof own === "number") return judged.same(where, where, [own], { type: "f", data: [other] });
  if (own === null || typeof own !== "object") return own === other ? undefined : judged.miss(where, where, `${own}, not ${other}`);
  if (Object.keys(own).join() !== Object.keys(other).join() && Object.keys(own).sort().join() !== Object.keys(other).sort().join()) {
    return judged.miss(where, where, `${Object.keys(own)}, not ${Object.keys(other)}`);
  }
  return Object.keys(own).forEach((key) => same(judged, `${where} ${key}`, own[key], other[key]));
}

async function play({ page, address, words, seed }) {
  const url = new URL(address), token = new URLSearchParams(url.hash.slice(1)).get("token"), events = [];
  const open = () => new WebSocket(`ws://${url.host}/live`, {
    protocols: ["inwit.1", `token.${token}`], headers: { origin: `http://${url.host}` },
  });
  const line = lineOf({ open, lost: ({ tries }) => events.push(`lost ${tries}`), back: () => events.push("back") });
  const engine = await socketEngineOf(line, words), own = engineOf(page, bytesOf(page.blob.data)), judged = judge();
  const problem = drawnProblem(engine.page, 0, seed), [name] = Object.keys(engine.page.agents), rest = async () => true;

  const sessions = [];
  for (const each of [own, engine]) sessions.push(await sessionOf(each, taskFor(each.page, problem)));
  const [mine, theirs] = sessions;
  same(judged, "begin", mine.root, theirs.root);
  same(judged, "prompt", mine.prompt, theirs.prompt);
  same(judged, "reading", await own.reading(name, mine.prompt), await engine.reading(name, theirs.prompt));

  const twice = async (what, act) => {
    const nodes = [await act(mine), await act(theirs)];
    same(judged, what, { ...nodes[0], parent: 0 }, { ...nodes[1], parent: 0 });
    return nodes;
  };
  const tokens = (session) => session.allowed(session.at);
  await twice("token", async (session) => session.go(await session.advance(session.root, tokens(session)[0])));
  await twice("register", async (session) => session.go(await session.setRegister(session.at, 0, 3)));
  await twice("unit", async (session) => session.go(await session.setUnit(session.at, name, "hidden", 1, 0.5)));
  await twice("end", (session) => session.run(session.at, name));

  const ways = [own.ways(problem), engine.ways(problem)], costs = [];
  for (const [k, session] of sessions.entries()) {
    const node = session.path(session.at)[1];
    for (const each of [session.root, node]) await ways[k].search(each, rest, true);
    costs.push([session.root, node].map((each) => [ways[k].at(each)?.length, tokens(session).map((token) => ways[k].cost(each, token))]));
  }
  if (JSON.stringify(costs[0]) !== JSON.stringify(costs[1])) judged.miss("ways", "ways", JSON.stringify(costs));
  const wrong = await engine.advance(theirs.root, 99).then(() => "no error", (error) => error.message);

  say({ ready: true });
  await lines.next(); // the server stands still
  const [started, after] = [line.ask("start", { recipe: "tutorial" }), theirs.advance(theirs.root, tokens(theirs)[1])];
  const lost = started.then(() => "started", (error) => error.message);
  say({ asked: true }); // and is killed, and started again
  const late = await after;
  same(judged, "late", { ...late, parent: 0, id: 0 }, { ...await mine.advance(mine.root, tokens(mine)[1]), parent: 0, id: 0 });
  line.close();
  say({ ...judged.told(), wrong_token: wrong, lost: await lost, events, closed: await line.ask("open").catch((error) => error.message) });
  process.exit(0);
}
lines.next().then(({ value }) => play(JSON.parse(value))).catch((error) => { console.error(error); process.exit(1); });
