/* Plays Python's episodes again, and says where the page did otherwise. */

/** @param {string} text base64 @returns {Uint8Array} */
function bytesOf(text) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", code = new Uint8Array(128);
  for (let k = 0; k < 64; k++) code[letters.charCodeAt(k)] = k;
  const end = text.indexOf("="), length = end < 0 ? text.length : end, bytes = new Uint8Array((length * 3) >> 2);
  for (let k = 0, bits = 0, place = 0; k < length; k++) {
    bits = (bits << 6) | code[text.charCodeAt(k)];
    if (k % 4) bytes[place++] = (bits >> (6 - 2 * (k % 4))) & 255;
  }
  return bytes;
}

const TOLERANCE = { f: 1e-4, d: 1e-9 };

/** What differs is counted by name; of floats the largest difference is kept. */
function judge() {
  const wrong = {}, worst = { f: 0, d: 0 };
  let first = null, ties = 0;
  const miss = (name, where, text) => {
    wrong[name] = (wrong[name] ?? 0) + 1;
    first ??= `${name} of ${where}: ${text}`;
  };
  return {
    told: () => ({ wrong, worst, first, ties }),
    tie: () => { ties++; },
    miss,
    same(name, where, ours, theirs) {
      const limit = TOLERANCE[theirs.type];
      if (ours.length !== theirs.data.length) return miss(name, where, `${ours.length} numbers, not ${theirs.data.length}`);
      for (let k = 0; k < ours.length; k++) {
        const one = Number(ours[k]), other = Number(theirs.data[k]);
        const apart = limit === undefined ? (ours[k] == theirs.data[k] ? 0 : Infinity) : Object.is(one, other) ? 0 : Math.abs(one - other);
        if (limit !== undefined && apart < Infinity) worst[theirs.type] = Math.max(worst[theirs.type], apart);
        if (!(apart <= (limit ?? 0))) return miss(name, where, `${ours[k]} at ${k}, not ${theirs.data[k]}`);
      }
    },
  };
}

/** One row at one column of a tensor [columns, rows, ...]. */
function cell(tensor, column, row) {
  const [, rows, ...shape] = tensor.shape, size = sizeOf(shape), at = (column * rows + row) * size;
  return { type: tensor.type, shape: [1, ...shape], data: tensor.data.slice(at, at + size) };
}

/** after: agents are as they were after so many updates */
async function main({ page, played, blob, after }) {
  let engine = engineOf(page, bytesOf(page.blob.data));
  if (after !== undefined) for (const name of Object.keys(played)) engine = await engine.after(name, after);
  const kept = constantsOf(blob, bytesOf(blob.data));
  return Object.fromEntries(Object.entries(played).map(([name, episodes]) => [name, again(engine, page, kept, name, episodes)]));
}

/** Where a position differs from Python's at a column. */
function compare(judged, position, at, where) {
  for (const [name, tensor] of Object.entries(position.state)) judged.same(`state ${name}`, where, tensor.data, at(`state ${name}`));
  judged.same("legal", where, position.legal, at("legal"));
  judged.same("forced", where, [position.forced], at("forced"));
  if (position.chance) judged.same("chance", where, position.chance, at("chance"));
}

/** Where registers, and a state in which one of them was written, differ from Python's. */
function compareRegisters(engine, judged, position, at, where) {
  const present = at("present").data, held = Array.from(at("registers").data, (value, k) => (present[k] ? Number(value) : null));
  if (String(position.registers) !== String(held)) judged.miss("registers", where, `${position.registers}, not ${held}`);
  if (!engine.page.writable) return 0;
  const [index, value, there] = ["index", "value", "present"].map((label) => Number(at(`write ${label}`).data[0]));
  const { state } = engine.write(position, index, there ? value : null);
  for (const [name, tensor] of Object.entries(state)) judged.same(`written ${name}`, where, tensor.data, at(`written ${name}`));
  return 1;
}

function again(engine, page, kept, name, { rows, columns, numbers, agent }) {
  const judged = judge();
  let tokens = 0, succeeded = 0, writes = 0, registers = 0;
  for (let row = 0; row < rows; row++) {
    const recorded = (label, column) => cell(kept[numbers[label]], column, row);
    const task = ["kind", ...page.world.data].map((label) => recorded(`task ${label}`, 0));
    let position = engine.begin(task);
    position.prompt.forEach((tensor, k) => judged.same("prompt", `row ${row}`, tensor.data, recorded(`prompt ${k}`, 0)));
    for (let column = 0; ; column++) {
      const where = `row ${row}, column ${column}`, at = (label) => recorded(label, column);
      compare(judged, position, at, where);
      if ("registers" in numbers && !position.over && ++registers) writes += compareRegisters(engine, judged, position, at, where);
      if (column === columns) break;
      const token = Number(at("token").data[0]), live = !position.over;
      if (agent && live) {
        const own = position.agents[agent], logits = at("logits");
        judged.same("logits", where, own.logits, logits);
        judged.same("value", where, [own.value], at("value"));
        const read = engine.read(agent, own.memory);
        if (read) judged.same("read", where, read.logits, logits);
        const choice = following(position, agent, page.masks);
        if (choice !== null && choice !== token) {
          if (Math.abs(logits.data[choice] - logits.data[token]) < TOLERANCE.f) judged.tie();
          else judged.miss("token", where, `${choice}, not ${token}`);
        }
      }
      if (live) tokens++;
      const over = position.over;
      position = engine.advance({ ...position, agents: agent && live ? { [agent]: position.agents[agent] } : {} }, token);
      for (const label of ["reward", "terminated", "truncated", "success"]) judged.same(label, where, [Number(position[label])], at(label));
      for (const part of ["extra", "counts"]) {
        for (const [label, value] of Object.entries(position[part])) judged.same(`${part} ${label}`, where, [Number(value)], at(`${part} ${label}`));
      }
      if (position.success) succeeded++;
      position.over = over || position.terminated || position.truncated;
    }
  }
  return { ...judged.told(), tokens, succeeded, registers, writes, episodes: rows };
}
