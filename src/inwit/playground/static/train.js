"use strict";
/* Trainings: started, watched, stopped. The server pushes each line of a run's folder once, with a cursor. */

const DRAWN_MS = 120; // at most so often a training is drawn

SCREENS.train = {
  title: "Train", places: ["train"], desk: null,
  draw: (app) => drawTrain(app),
  async enter(app) {
    const { training } = app;
    if (!training.busy) training.said = ""; // what was refused before may be possible now
    if (!training.recipes) readRecipes(app);
    if (training.wanted) await watch(app, { run: training.wanted });
  },
  address: ({ training }) => (training.run ? `&run=${encodeURIComponent(training.run)}` : ""),
};

/** What is shown of trainings. own: it was started by this server; reports, events, specimens: lines as they came;
 * end: how the run stands after the last line; since: when the page began to watch it @returns {any} */
const newTraining = () => ({ recipes: null, recipe: "", values: {}, drawn: null, said: "", mood: "soft", busy: "",
  wanted: null, ...nothingRead() });
const nothingRead = () => ({ run: "", own: false, about: null, reports: [], events: [], specimens: [], end: null,
  cursor: null, number: null, drawing: 0, clock: 0, since: Date.now() });

/** @param {any} app */
async function readRecipes(app) {
  const { training } = app;
  try {
    const { recipes } = await app.line.ask("recipes");
    training.recipes = recipes;
    takeRecipe(app, recipes.some(({ name }) => name === "tutorial") ? "tutorial" : recipes[0].name);
  } catch (error) {
    tellTraining(app, `The recipes cannot be read: ${error.message}.`, "bad");
  }
}
/** @param {any} app @param {string} name */
function takeRecipe(app, name) {
  const { training } = app, { settings } = training.recipes.find((each) => each.name === name);
  training.recipe = name;
  training.values = Object.fromEntries(settings.map((each) => [each.name, each.default]));
  if (app.screen === "train") draw(app); // at once: the fields always show the values that a start would take
}
/** @param {any} app @param {string} text @param {string} [mood] */
function tellTraining(app, text, mood = "soft") {
  Object.assign(app.training, { said: text, mood });
  if (text) app.speak(text, false);
  drawAgain(app);
}
/** Draws soon, and once for many lines. @param {any} app */
function drawAgain(app) {
  const { training } = app;
  if (training.drawing) return;
  training.drawing = setTimeout(() => {
    training.drawing = 0;
    if (app.screen === "train") draw(app);
  }, DRAWN_MS);
}

/** Shows a run from its first line on. @param {any} app @param {{run: string, here?: boolean}} row */
async function watch(app, { run, here }) {
  const { training } = app, { number } = training;
  if (number !== null) app.line.ask("unfollow", { number }).catch(() => {});
  clearTimeout(training.clock);
  Object.assign(training, nothingRead(), { run, own: !!here, wanted: null, said: "", drawing: training.drawing });
  if (app.screen !== "train") await app.turnTo("train");
  await follow(app);
  if (here === undefined) {
    const { runs } = await app.line.ask("runs", { text: run }).catch(() => ({ runs: [] }));
    training.own = runs.some((each) => each.run === run && each.here);
    drawAgain(app);
  }
}
/** @param {any} app */
async function follow(app) {
  const { training } = app, { run, cursor } = training;
  try {
    const { number, ...about } = await app.line.ask("follow", { run, from: cursor });
    if (training.run !== run) return;
    Object.assign(training, { about, number });
    drawAgain(app);
  } catch (error) {
    if (training.run === run) tellTraining(app, `${run} cannot be watched: ${error.message}.`, "bad");
  }
}
/** After the connection was lost: goes on after the last line. @param {any} app */
function followAgain(app) {
  const { training } = app;
  if (!training.busy) tellTraining(app, ""); // a refusal was of the server before
  if (training.run && training.about && !training.end) follow(app);
}
/** A pushed line. A report of an update that was reported before says that the training went back.
 * @param {any} app @param {{follow: string, line: any}} pushed */
function heard(app, { follow: run, line }) {
  const { training } = app, { report, event, specimen, end, cursor } = line;
  if (run !== training.run) return;
  if (report) {
    const { update } = report, before = (each) => each.update < update;
    if (update <= training.reports.at(-1)?.update) {
      for (const name of ["reports", "events", "specimens"]) training[name] = training[name].filter(before);
    }
    training.reports.push(report);
  }
  if (event) training.events.push(event);
  if (specimen) training.specimens.push(specimen);
  if (end) {
    training.end = end;
    if (!training.busy) training.said = ""; // what was refused may be possible now, and the panel says how it ended
    app.speak(`${end.text}.`);
  }
  training.cursor = cursor ?? training.cursor;
  drawAgain(app);
}

/** @param {any} app */
async function startTraining(app) {
  const { training } = app, { recipe, values, recipes } = training;
  const { settings } = recipes.find(({ name }) => name === recipe), given = {};
  for (const { name, default: usual } of settings.slice(1)) if (values[name] !== usual) given[name] = values[name];
  training.busy = "start";
  tellTraining(app, "The training begins …");
  try {
    const { run } = await app.line.ask("start", { recipe, seed: values.seed, settings: given });
    training.busy = "";
    await watch(app, { run, here: true });
  } catch (error) {
    training.busy = "";
    tellTraining(app, `No training was started: ${error.message}.`, "bad");
  }
}
/** @param {any} app */
async function stopTraining(app) {
  const { training } = app, { run } = training;
  training.busy = "stop";
  tellTraining(app, "The training ends after the update at hand …");
  try {
    const { text } = await app.line.ask("stop", { run });
    training.busy = "";
    tellTraining(app, training.end ? "" : `${text}.`); // the panel says it, too
  } catch (error) {
    training.busy = "";
    tellTraining(app, `It was not stopped: ${error.message}.`, "bad");
  }
}
/** Opens the run, or the agent of an update on the specimen's problem. @param {any} app @param {any} [specimen] */
async function openTrained(app, specimen) {
  const { training } = app, { run, about } = training;
  training.busy = "open";
  tellTraining(app, "Python opens it …");
  try {
    if (!specimen) return await app.open([run]);
    const [[kind], ...cells] = specimen.task;
    const link = `#v=1&w=${encodeURIComponent(about.world)}&k=${kind}&p=${cells.flat().join(".")}`;
    return await app.open([`${run}@${specimen.update}`], link);
  } catch (error) {
    training.busy = "";
    return tellTraining(app, `It cannot be opened: ${error.message}.`, "bad");
  }
}
