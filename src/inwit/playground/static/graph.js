"use strict";
/* Runs the graphs that Python's `tracing.py` writes. Types and shapes of all values are known, so a graph is compiled
   once, into a list of functions over arrays that are made once; for each length of a memory that grows, once. */

/** @typedef {[string, string, any[], Object<string, any>?]} GraphNode operator, results, arguments, options */
/** @typedef {{inputs: string[], constants: number[], nodes: GraphNode[], results: number[]}} Graph */
/** @typedef {{tensors: [string, number[], string, number][], data: string}} Blob */

/** The constants of all graphs. Whole numbers travel as narrow as they are.
 * @param {Blob} blob @param {Uint8Array} bytes what `blob.data` stands for @returns {Tensor[]} */
function constantsOf(blob, bytes) {
  return blob.tensors.map(([type, shape, wire, first]) => {
    const sent = zeros(wire, shape);
    new Uint8Array(sent.data.buffer).set(bytes.subarray(first, first + sent.data.byteLength));
    return wire === type ? sent : tensorOf(type, shape, sent.data);
  });
}

/** @param {string} text a size, as "96" or "2n+1" @param {number} length n @returns {number} */
function sizeAt(text, length) {
  const [times, plus] = text.split("n");
  return plus === undefined ? Number(text) : (times === "" ? 1 : Number(times)) * length + Number(plus);
}
/** @param {string} signature @param {number} length @returns {Tensor} */
function madeFor(signature, length) {
  const sizes = signature.slice(1);
  return zeros(signature[0], sizes ? sizes.split(",").map((size) => sizeAt(size, length)) : []);
}

/** The results of a node: one, or a list of those that end with ";".
 * @param {string} signature @param {number} length @returns {Tensor|Tensor[]} */
function resultsFor(signature, length) {
  if (!signature.endsWith(";")) return madeFor(signature, length);
  return signature.slice(0, -1).split(";").map((each) => madeFor(each, length));
}

/** The length of the memory, as the inputs that depend on it say; 0 where none does.
 * @param {Graph} graph @param {Tensor[]} given @returns {number} */
function lengthOf(graph, given) {
  for (const [k, signature] of graph.inputs.entries()) {
    const axis = signature.slice(1).split(",").indexOf("n");
    if (axis >= 0) return given[k].shape[axis];
  }
  return 0;
}

/** @param {Graph} graph @param {Tensor[]} constants
 * @returns {(given: Tensor[]) => Tensor[]} the results are new arrays */
function compile(graph, constants) {
  const programs = new Map(), folded = new Map();
  return (given) => {
    const length = lengthOf(graph, given);
    if (!programs.has(length)) programs.set(length, compileFor(graph, constants, length, folded));
    return programs.get(length)(given);
  };
}

/** What constants alone decide is computed once: `folded` keeps it for all lengths, by the value's number.
 * @param {Graph} graph @param {Tensor[]} constants @param {number} length @param {Map<number, Tensor|Tensor[]>} folded
 * @returns {(given: Tensor[]) => Tensor[]} */
function compileFor(graph, constants, length, folded) {
  const inputs = graph.inputs.map((signature) => madeFor(signature, length));
  /** @type {(Tensor|Tensor[])[]} */
  const values = [...inputs, ...graph.constants.map((number) => constants[number])];
  const fixed = values.map((_, k) => k >= inputs.length), lasting = [...fixed], program = [];
  for (const [name, signature, args, options = {}] of graph.nodes) {
    const number = values.length, used = valuesIn([args, options]), constant = used.every((each) => fixed[each]);
    fixed.push(constant);
    lasting.push(used.every((each) => lasting[each]) && !signature.includes("n") && !namesLength([args, options]));
    if (folded.has(number)) {
      values.push(folded.get(number));
      continue;
    }
    const [given, chosen] = [args, options].map((written) => argument(written, values, length));
    const [value, run] = nodeOf(name, resultsFor(signature, length), given, chosen);
    values.push(value);
    if (run && constant) run();
    else if (run) program.push(run);
    if (lasting[number]) folded.set(number, value);
  }
  const results = graph.results.map((number) => values[number]);
  return (given) => {
    inputs.forEach((input, k) => fill(input, given[k], k));
    for (const run of program) run();
    return results.map(({ type, shape, data }) => ({ type, shape, data: data.slice() }));
  };
}

/** @param {string} name @param {Tensor|Tensor[]} out @param {any[]} args @param {Object<string, any>} options
 * @returns {[Tensor|Tensor[], Run]} its value, and what computes it */
function nodeOf(name, out, args, options) {
  if (name === "getitem") return [args[0][args[1]], null];
  if (!(name in OPERATORS)) throw new Error(`the page does not know the operator ${name}`);
  return [out, OPERATORS[name](out, args, options)];
}

/** @param {Tensor} input @param {Tensor} given @param {number} place */
function fill(input, given, place) {
  if (!given || given.type !== input.type || given.data.length !== input.data.length) {
    const found = given ? signatureOf(given) : "missing";
    throw new Error(`input ${place} of a graph is ${found}, not ${signatureOf(input)}`);
  }
  input.data.set(given.data);
}

/** What an argument stands for. @param {any} written @param {any[]} values @param {number} length @returns {any} */
function argument(written, values, length) {
  if (Array.isArray(written)) return written.map((each) => argument(each, values, length));
  if (written === null || typeof written !== "object") return written;
  if ("v" in written) return values[written.v];
  if ("n" in written) return written.n[0] * length + written.n[1];
  if ("whole" in written) return BigInt(written.whole);
  if ("number" in written) return Number(written.number);
  return Object.fromEntries(Object.entries(written).map(([name, each]) => [name, argument(each, values, length)]));
}
/** @param {any} written @returns {boolean} whether the length of a memory stands in it */
function namesLength(written) {
  if (written === null || typeof written !== "object") return false;
  return "n" in written || Object.values(written).some(namesLength);
}
/** @param {any} written @returns {number[]} the values that stand in it */
function valuesIn(written) {
  if (written === null || typeof written !== "object") return [];
  return "v" in written ? [written.v] : Object.values(written).flatMap(valuesIn);
}
