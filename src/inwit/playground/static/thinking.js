"use strict";
/* Searches what is looked at, in slices, so that the page stays awake; what was searched before goes first. */

const REST_MS = 30; // before a search: what was asked for is drawn first

/** @param {any} app @returns {() => Promise<void>} thinks about the desk that the app has now, in the place of what was
 *   thought before */
function thinkerOf(app) {
  let thinking = 0;
  const pause = (ms = 0) => new Promise((next) => { setTimeout(next, ms); });
  return async () => {
    const mine = ++thinking, { desk } = app, ways = desk?.ways;
    const on = () => mine === thinking && app.desk === desk; // the ways of one desk know nothing of another's nodes
    const rest = async () => {
      await pause();
      return on();
    };
    let before = null;
    await pause(REST_MS);
    while (ways && on()) {
      const wanted = (SCREENS[app.screen].wanted ?? wantedOn)(app);
      // A search that has learned nothing would learn nothing for ever.
      if (!wanted || (wanted.node === before?.node && wanted.tokens === before.tokens)) return;
      try {
        await ways.search(wanted.node, rest, wanted.tokens);
      } catch (error) {
        return void app.speak(`The search failed: ${error.message}.`);
      }
      while (app.pressed && on()) await pause(50); // a button that is just being pressed stays
      if (on()) {
        keepingFocus(() => (SCREENS[app.screen].found ?? drawFound)(app));
        sayFound(app);
      }
      before = wanted;
      await pause(); // what the browser and a server have to say is heard between any two searches
    }
  };
}
