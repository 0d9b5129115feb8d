"use strict";
/* Operators that work number by number. Each is called once for a node, with its results, arguments and options, and
   gives the function that computes them; null, where nothing is left to do. */

/** @typedef {(() => void)|null} Run */
/** @typedef {(out: Tensor|Tensor[], args: any[], options: Object<string, any>) => Run} Operator */

/** @type {Object<string, Operator>} */
const OPERATORS = {};

/** An argument as a tensor of a type, and what must run first to make it.
 * @param {Tensor|Scalar} given @param {string} type @returns {[Tensor, Run]} */
function asType(given, type) {
  if (typeof given !== "object") return [tensorOf(type, [], [given]), null];
  if (given.type === type) return [given, null];
  const made = zeros(type, given.shape);
  return [made, () => { for (let k = 0; k < made.data.length; k++) made.data[k] = cast(given.data[k], type); }];
}

/** @param {...Run} runs @returns {Run} one after another */
function inTurn(...runs) {
  const some = runs.filter((run) => run);
  if (some.length < 2) return some[0] ?? null;
  return () => { for (const run of some) run(); };
}

/* The same loops twice, since an engine is several times slower in a loop that has met arrays of many types: those of
   networks, in single precision, have loops of their own. */
const inFloats = {
  one(o, x, compute) { for (let k = 0; k < o.length; k++) o[k] = compute(x[k]); },
  two(o, x, y, compute) { for (let k = 0; k < o.length; k++) o[k] = compute(x[k], y[k]); },
  placed(o, x, p, y, q, compute) { for (let k = 0; k < o.length; k++) o[k] = compute(x[p[k]], y[q[k]]); },
  taken(o, x, places) { for (let k = 0; k < places.length; k++) o[k] = x[places[k]]; },
  put(o, x, places) { for (let k = 0; k < places.length; k++) o[places[k]] = x[k]; },
};
const inOthers = {
  one(o, x, compute) { for (let k = 0; k < o.length; k++) o[k] = compute(x[k]); },
  two(o, x, y, compute) { for (let k = 0; k < o.length; k++) o[k] = compute(x[k], y[k]); },
  placed(o, x, p, y, q, compute) { for (let k = 0; k < o.length; k++) o[k] = compute(x[p[k]], y[q[k]]); },
  taken(o, x, places) { for (let k = 0; k < places.length; k++) o[k] = x[places[k]]; },
  put(o, x, places) { for (let k = 0; k < places.length; k++) o[places[k]] = x[k]; },
};
/** @param {...Tensor} tensors @returns {typeof inFloats} */
const loopsFor = (...tensors) => (tensors.every((tensor) => tensor.type === "f") ? inFloats : inOthers);

/** Numbers of two tensors, together. Contiguous ones need no places.
 * @param {Tensor} out @param {Tensor} a @param {Tensor} b @param {(a: any, b: any) => any} compute @returns {Run} */
function pairwise(out, a, b, compute) {
  const loops = loopsFor(out, a, b);
  if ([a, b].every((given) => sizeOf(given.shape) === out.data.length)) {
    return () => loops.two(out.data, a.data, b.data, compute);
  }
  const [p, q] = [a, b].map((each) => broadcast(each.shape, out.shape));
  return () => loops.placed(out.data, a.data, p, b.data, q, compute);
}

const remainder = (a, b) => { const rest = a % b; return rest && (rest < 0) !== (b < 0) ? rest + b : rest; };
const floored = (a, b) => (typeof a === "bigint" ? (a - remainder(a, b)) / b : Math.floor(a / b));
const truncated = (a, b) => (typeof a === "bigint" ? a / b : Math.trunc(a / b));
const isNaNumber = (a) => a !== a;

/* Arithmetic: operands are first made the type of the result. */
const ARITHMETIC = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  rsub: (a, b) => b - a,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  floor_divide: floored,
  remainder,
  fmod: (a, b) => a % b,
  pow: (a, b) => a ** b,
  maximum: (a, b) => (a > b || isNaNumber(a) ? a : b),
  minimum: (a, b) => (a < b || isNaNumber(a) ? a : b),
  bitwise_and: (a, b) => a & b,
  bitwise_or: (a, b) => a | b,
  bitwise_xor: (a, b) => a ^ b,
};
const ROUNDED = { floor: floored, trunc: truncated };

/* Comparisons: JavaScript compares numbers with BigInts, by value. */
const COMPARISONS = {
  eq: (a, b) => (a == b ? 1 : 0),
  ne: (a, b) => (a != b ? 1 : 0),
  lt: (a, b) => (a < b ? 1 : 0),
  le: (a, b) => (a <= b ? 1 : 0),
  gt: (a, b) => (a > b ? 1 : 0),
  ge: (a, b) => (a >= b ? 1 : 0),
  logical_and: (a, b) => (a && b ? 1 : 0),
  logical_or: (a, b) => (a || b ? 1 : 0),
  logical_xor: (a, b) => (!a !== !b ? 1 : 0),
};

/** @param {Tensor|Scalar} given @returns {Tensor} of its own type */
function compared(given) {
  return typeof given === "object" ? given : tensorOf(typeof given === "bigint" ? "i" : "d", [], [given]);
}

for (const [name, plain] of Object.entries(ARITHMETIC)) {
  OPERATORS[name] = (out, [left, right], { alpha = 1, rounding_mode: mode = null }) => {
    const [a, first] = asType(left, out.type), [b, second] = asType(right, out.type), scale = cast(alpha, out.type);
    let compute = mode ? ROUNDED[mode] : plain;
    if (name === "mul" && out.type === "w") compute = Math.imul;
    if (alpha !== 1) compute = name === "rsub" ? (x, y) => y - scale * x : (x, y) => plain(x, scale * y);
    const whole = out.type === "b" ? (x, y) => (compute(x, y) ? 1 : 0) : compute;
    return inTurn(first, second, pairwise(out, a, b, whole));
  };
}
for (const [name, compute] of Object.entries(COMPARISONS)) {
  OPERATORS[name] = (out, [left, right]) => pairwise(out, compared(left), compared(right), compute);
}

/** Of 1 - erf by a continued fraction where the series would be long. @param {number} x @returns {number} */
function erf(x) {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  let value;
  if (a < 3) {
    value = a;
    for (let n = 1, term = a; Math.abs(term) > 1e-17 * value && n < 200; n++) {
      term *= (-a * a) / n;
      value += term / (2 * n + 1);
    }
    value *= 2 / Math.sqrt(Math.PI);
  } else {
    let fraction = 0;
    for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
    value = 1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction);
  }
  return x < 0 ? -value : value;
}

/** Halves go to the even neighbour, as in PyTorch. @param {number} a @returns {number} */
function roundEven(a) {
  const down = Math.floor(a), rest = a - down;
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
}

/** @param {(a: number) => number} compute @returns {(a: any) => any} whole numbers are whole already */
const ofFractions = (compute) => (a) => (typeof a === "bigint" ? a : compute(a));

const UNARY = {
  neg: (a) => -a,
  abs: (a) => (a < 0 ? -a : a),
  sign: (a) => (typeof a === "bigint" ? BigInt(a > 0n) - BigInt(a < 0n) : Math.sign(a)),
  exp: Math.exp, log: Math.log, log1p: Math.log1p, sqrt: Math.sqrt, tanh: Math.tanh, sin: Math.sin, cos: Math.cos, erf,
  rsqrt: (a) => 1 / Math.sqrt(a),
  reciprocal: (a) => 1 / a,
  sigmoid: (a) => 1 / (1 + Math.exp(-a)),
  relu: (a) => (a < 0 ? a - a : a),
  floor: ofFractions(Math.floor), ceil: ofFractions(Math.ceil), trunc: ofFractions(Math.trunc),
  round: ofFractions(roundEven),
};
for (const [name, compute] of Object.entries(UNARY)) {
  OPERATORS[name] = (out, [given]) => each(out, given, compute);
}

/** Number by number, of a tensor that is first made the type of the result.
 * @param {Tensor} out @param {Tensor} given @param {(a: any) => any} compute @returns {Run} */
function each(out, given, compute) {
  const [a, first] = asType(given, out.type);
  return inTurn(first, () => loopsFor(out, a).one(out.data, a.data, compute));
}

/** The same, without a change of type. @param {(a: any) => any} compute @returns {Operator} */
const asItIs = (compute) => (out, [given]) => () => inOthers.one(out.data, given.data, compute);
OPERATORS.logical_not = asItIs((a) => (a ? 0 : 1));
OPERATORS.isnan = asItIs((a) => (a !== a ? 1 : 0));
OPERATORS.isinf = asItIs((a) => (a === Infinity || a === -Infinity ? 1 : 0));
OPERATORS.bitwise_not = (out, args, options) => (
  out.type === "b" ? OPERATORS.logical_not(out, args, options) : asItIs((a) => ~a)(out, args, options)
);
OPERATORS.gelu = (out, [given], { approximate = "none" }) => each(out, given, approximate === "tanh"
  ? (a) => 0.5 * a * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (a + 0.044715 * a ** 3)))
  : (a) => 0.5 * a * (1 + erf(a * Math.SQRT1_2)));

/** @param {Tensor} out @param {any[]} args @returns {Run} */
function clamp(out, [given, low = null, high = null]) {
  const runs = [];
  const limit = (a, bound, compute) => {
    if (bound === null) return a;
    const made = zeros(out.type, out.shape), [b, first] = asType(bound, out.type);
    runs.push(first, pairwise(made, a, b, compute));
    return made;
  };
  const [a, first] = asType(given, out.type);
  const clamped = limit(limit(a, low, ARITHMETIC.maximum), high, ARITHMETIC.minimum);
  return inTurn(first, ...runs, () => out.data.set(clamped.data));
}
OPERATORS.clamp = clamp;
OPERATORS.clamp_min = (out, [given, low]) => clamp(out, [given, low]);
OPERATORS.clamp_max = (out, [given, high]) => clamp(out, [given, null, high]);

OPERATORS.where = (out, [condition, left, right]) => {
  const [a, first] = asType(left, out.type), [b, second] = asType(right, out.type);
  const [c, p, q] = [condition, a, b].map((given) => broadcast(given.shape, out.shape)), block = blockOf(c, p, q);
  if (block >= BLOCK) {
    return inTurn(first, second, () => {
      for (let k = 0; k < c.length; k += block) {
        const [from, start] = condition.data[c[k]] ? [a.data, p[k]] : [b.data, q[k]];
        out.data.set(from.subarray(start, start + block), k);
      }
    });
  }
  return inTurn(first, second, () => {
    for (let k = 0; k < c.length; k++) out.data[k] = condition.data[c[k]] ? a.data[p[k]] : b.data[q[k]];
  });
};

const BLOCK = 16; // numbers: fewer are copied sooner one by one

/** How many neighbours go together throughout: all by one condition, and neighbours in both sources; 1 where that
 * differs. @param {Int32Array} c @param {Int32Array} p @param {Int32Array} q @returns {number} */
function blockOf(c, p, q) {
  const together = (k) => c[k] === c[k - 1] && p[k] === p[k - 1] + 1 && q[k] === q[k - 1] + 1;
  let block = 1;
  while (block < c.length && together(block)) block++;
  if (c.length % block) return 1;
  for (let k = 0; k < c.length; k++) if (k % block && !together(k)) return 1;
  return block;
}
