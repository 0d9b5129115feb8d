/* Asks the page's own engine what Python was asked, and says where the page answers otherwise. After `parity.js`. */

/** @param {[string, number[], string]} sent @returns {Tensor} of one row */
function unpacked([type, shape, text]) {
  const made = zeros(type, [1, ...shape]);
  new Uint8Array(made.data.buffer).set(bytesOf(text));
  return made;
}

/** @param {any} judged @param {any} own @param {any} told an agent's answers @param {string} where */
function sameAnswer(judged, own, told, where) {
  judged.same("logits", where, own.logits, unpacked(told.logits));
  judged.same("value", where, [own.value], { type: "f", data: [Number(told.value)] });
  if (!told.memory) return;
  if (Object.keys(own.memory).join() !== Object.keys(told.memory).join()) judged.miss("memory", where, "other names");
  for (const [name, tensor] of Object.entries(own.memory)) {
    const sent = unpacked(told.memory[name]);
    if (signatureOf(tensor) !== signatureOf(sent)) judged.miss("form", where, `${signatureOf(tensor)}, not ${signatureOf(sent)}`);
    judged.same(`memory ${name}`, where, tensor.data, sent);
  }
}

/** @param {any} judged @param {Position} own @param {any} told @param {string} where */
function samePosition(judged, own, told, where) {
  if (Object.keys(own.state).join() !== Object.keys(told.state).join()) judged.miss("state", where, "other names");
  for (const [name, tensor] of Object.entries(own.state)) {
    const sent = unpacked(told.state[name]);
    if (signatureOf(tensor) !== signatureOf(sent)) judged.miss("form", where, `${signatureOf(tensor)}, not ${signatureOf(sent)}`);
    judged.same(`state ${name}`, where, tensor.data, sent);
  }
  judged.same("legal", where, own.legal, { type: "b", data: told.legal });
  judged.same("forced", where, [own.forced], { type: "i", data: [told.forced] });
  if (!own.chance !== !told.chance) judged.miss("chance", where, "one has none");
  if (own.chance) judged.same("chance", where, own.chance, unpacked(told.chance));
  if (own.registers && JSON.stringify(own.registers) !== JSON.stringify(told.registers)) {
    judged.miss("registers", where, `${own.registers}, not ${told.registers}`);
  }
  for (const [name, answer] of Object.entries(told.agents)) {
    if (!answer !== !own.agents[name]) judged.miss("agent", where, `only one answers as ${name}`);
    else if (answer) sameAnswer(judged, own.agents[name], answer, where);
  }
}

async function main({ page, episodes }) {
  const engine = engineOf(page, bytesOf(page.blob.data)), judged = judge();
  let positions = 0;
  for (const [row, { begun, steps, readings, writes }] of episodes.entries()) {
    const task = begun.task.map((cells, k) => {
      const { type, shape } = madeFor(page.world.open.inputs[k], 0);
      return tensorOf(type, shape, cells);
    });
    let position = await engine.begin(task);
    begun.answer.prompt.forEach((sent, k) => judged.same("prompt", `row ${row}`, position.prompt[k].data, unpacked(sent)));
    samePosition(judged, position, begun.answer, `row ${row}`);
    for (const [name, answers] of Object.entries(readings)) {
      const own = await engine.reading(name, position.prompt);
      if (own.length !== answers.length) judged.miss("reading", `row ${row}`, `${own.length} answers`);
      else own.forEach((answer, k) => sameAnswer(judged, answer, answers[k], `row ${row}, prompt ${k}`));
    }
    for (const [k, { token, read, answer }] of steps.entries()) {
      const where = `row ${row}, column ${k + 1}`;
      for (const [name, told] of Object.entries(read)) {
        const own = await engine.read(name, position.agents[name].memory);
        if (!own !== !told) judged.miss("read", where, `only one answers as ${name}`);
        else if (own) sameAnswer(judged, own, told, where);
      }
      for (const { index, value, told } of writes[k] ?? []) {
        samePosition(judged, await engine.write(position, index, value), { ...told, agents: {} }, `${where}, written`);
      }
      position = await engine.advance(position, token);
      samePosition(judged, position, answer, where);
      for (const label of ["reward", "terminated", "truncated", "success"]) {
        judged.same(label, where, [Number(position[label])], { type: label === "reward" ? "f" : "b", data: [Number(answer[label])] });
      }
      for (const part of ["extra", "counts"]) {
        if (JSON.stringify(position[part]) !== JSON.stringify(answer[part])) judged.miss(part, where, "differs");
      }
      positions++;
    }
  }
  return { ...judged.told(), positions };
}
