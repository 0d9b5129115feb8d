"use strict";
/* The connection to the local server. The server keeps nothing: a question holds all that is needed. So when the server
   is gone the page says so, and goes on where it was as soon as there is one again. */

/** @typedef {{ask: (name: string, message?: Object<string, any>) => Promise<any>, close: () => void,
 *   connected: () => boolean}} Line */
/** @typedef {{text: string, name: string, sent: number, resolve: (answer: any) => void,
 *   reject: (error: Error) => void}} Question */

const LARGEST = 1e6; // bytes of a message
const ONCE = ["start", "stop", "page"]; // that would be done twice if they were asked again
const TRIES = 3; // so often a question is sent that the server did not live to answer
const FIRST_WAIT = 250, LONGEST_WAIT = 5000; // ms before the page tries again

/** A connection that lasts: it tries again until there is a server, and asks again what was not answered.
 * @param {{open: () => WebSocket, lost?: (told: {tries: number, wait: number, reason: string}) => void,
 *   back?: () => void, pushed?: (line: any) => void, wait?: (ms: number) => Promise<void>}} how lost: at each failure,
 *   with the ms until the next try; back: connected again; pushed: what was not asked for now
 * @returns {Line} */
function lineOf({ open, lost, back, pushed, wait = (ms) => new Promise((next) => { setTimeout(next, ms); }) }) {
  /** @type {Map<number, Question>} */
  const waiting = new Map();
  let socket = null, count = 0, tries = 0, closed = false, before = false;

  const send = (question) => {
    question.sent++;
    socket.send(question.text);
  };
  /** Those that are not asked again are given up. */
  const sift = () => {
    for (const [id, { name, sent, reject }] of waiting) {
      if (sent && (ONCE.includes(name) || sent >= TRIES)) {
        waiting.delete(id);
        reject(new Error(ONCE.includes(name)
          ? `the server was lost before it answered: look at the list of runs whether ${name} was done`
          : `the server was lost ${sent} times while it answered this, so it is not asked again`));
      }
    }
  };
  const hear = ({ data }) => {
    const { id, error, ...answer } = JSON.parse(data), question = waiting.get(id);
    if (id === undefined) return pushed?.(answer);
    waiting.delete(id);
    if (error !== undefined) return question?.reject(new Error(error));
    return question?.resolve(answer);
  };
  const connect = () => {
    const own = open();
    socket = null;
    own.addEventListener("open", () => {
      socket = own;
      tries = 0;
      for (const question of waiting.values()) send(question);
      if (before) back?.();
      before = true;
    });
    own.addEventListener("message", hear);
    let gone = false;
    // Where no connection was made, some tell of the error alone.
    const end = async ({ reason = "" }) => {
      if (gone) return;
      gone = true;
      socket = null;
      if (closed) return;
      sift();
      const ms = Math.min(FIRST_WAIT * 2 ** tries++, LONGEST_WAIT);
      lost?.({ tries, wait: ms, reason });
      await wait(ms);
      if (!closed) connect();
    };
    own.addEventListener("error", end);
    own.addEventListener("close", end);
  };
  connect();
  return {
    connected: () => socket !== null,
    ask: (name, message = {}) => new Promise((resolve, reject) => {
      const id = ++count, text = JSON.stringify({ id, ask: name, ...message });
      if (closed) return reject(new Error("the connection to the server was closed"));
      // The server ends the connection for more.
      if (new TextEncoder().encode(text).length > LARGEST) {
        return reject(new Error("this is too large for one question"));
      }
      const question = { text, name, sent: 0, resolve, reject };
      waiting.set(id, question);
      return socket && send(question);
    }),
    close() {
      closed = true;
      socket?.close();
      for (const { reject } of waiting.values()) reject(new Error("the connection to the server was closed"));
      waiting.clear();
    },
  };
}
