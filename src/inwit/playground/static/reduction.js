"use strict";
/* Operators that take many numbers together: sums, extremes, products of matrices, norms. Numbers are added in double
   precision and rounded once. */

/** @param {number|number[]|null|undefined} axes @param {number} rank
 * @returns {number[]} counted from the front; all where none is given */
function axesOf(axes, rank) {
  const list = [axes ?? []].flat();
  return list.length ? list.map((axis) => fromFront(axis, rank)) : [...new Array(rank).keys()];
}

/** @param {(type: string) => any} start @param {(so: any, value: any) => any} join
 * @param {(sum: any, count: number) => any} [end] @returns {Operator} */
const reducing = (start, join, end = (sum) => sum) => (out, [given, axes]) => {
  const [source, first] = asType(given, out.type === "b" ? given.type : out.type), strides = stridesOf(source.shape);
  const over = axesOf(axes, strides.length), kept = axesOf(null, strides.length).filter((axis) => !over.includes(axis));
  const placesIn = (some) => placesOf(some.map((axis) => source.shape[axis]), some.map((axis) => strides[axis]));
  const bases = placesIn(kept), offsets = placesIn(over);
  return inTurn(first, () => {
    for (let k = 0; k < bases.length; k++) {
      let so = start(out.type);
      for (let j = 0; j < offsets.length; j++) so = join(so, source.data[bases[k] + offsets[j]]);
      out.data[k] = end(so, offsets.length);
    }
  });
};
const LEAST = -(2n ** 63n), MOST = 2n ** 63n - 1n;
OPERATORS.sum = reducing((type) => cast(0, type), (so, value) => so + value);
OPERATORS.prod = reducing((type) => cast(1, type), (so, value) => so * value);
OPERATORS.mean = reducing(() => 0, (so, value) => so + value, (sum, count) => sum / count);
OPERATORS.any = reducing(() => 0, (so, value) => (so || value ? 1 : 0));
OPERATORS.all = reducing(() => 1, (so, value) => (so && value ? 1 : 0));
OPERATORS.amax = reducing((type) => (type === "i" ? LEAST : -Infinity), ARITHMETIC.maximum);
OPERATORS.amin = reducing((type) => (type === "i" ? MOST : Infinity), ARITHMETIC.minimum);

/** The place of an extreme in each row: the first, where several are equal; a number that is none comes before all.
 * @param {Tensor} source @param {number|null|undefined} axis @param {number} sign 1: the largest; -1: the least
 * @param {(k: number, best: number, place: number) => void} tell @returns {Run} */
function extremes(source, axis, sign, tell) {
  const flat = axis === null || axis === undefined;
  const [bases, step, size] = flat ? [Int32Array.of(0), 1, source.data.length] : rowsAlong(source.shape, axis);
  const beats = (a, b) => (sign > 0 ? a > b : a < b) || (isNaNumber(a) && !isNaNumber(b));
  return () => {
    for (let k = 0, x = source.data; k < bases.length; k++) {
      let best = 0;
      for (let j = 1; j < size; j++) if (beats(x[bases[k] + j * step], x[bases[k] + best * step])) best = j;
      tell(k, best, bases[k] + best * step);
    }
  };
}
for (const [name, sign] of [["max", 1], ["min", -1]]) {
  OPERATORS[`arg${name}`] = (out, [source, axis]) => (
    extremes(source, axis, sign, (k, best) => { out.data[k] = BigInt(best); })
  );
  OPERATORS[name] = (outs, [source, axis]) => {
    const [values, places] = Array.isArray(outs) ? outs : [outs, null];
    return extremes(source, axis, sign, (k, best, place) => {
      values.data[k] = source.data[place];
      if (places) places.data[k] = BigInt(best);
    });
  };
}
OPERATORS.cumsum = (out, [given, axis]) => {
  const [source, first] = asType(given, out.type), [bases, step, size] = rowsAlong(source.shape, axis);
  return inTurn(first, () => {
    for (const base of bases) {
      let sum = cast(0, out.type);
      for (let j = 0; j < size; j++) out.data[base + j * step] = sum += source.data[base + j * step];
    }
  });
};

/** Rows that add up to 1. @param {boolean} logarithm @returns {Operator} */
const softmax = (logarithm) => (out, [source, axis]) => {
  const [bases, step, size] = rowsAlong(source.shape, axis);
  return () => {
    for (const base of bases) {
      let top = -Infinity, sum = 0;
      for (let j = 0; j < size; j++) top = Math.max(top, source.data[base + j * step]);
      for (let j = 0; j < size; j++) sum += Math.exp(source.data[base + j * step] - top);
      for (let j = 0; j < size; j++) {
        const above = source.data[base + j * step] - top;
        out.data[base + j * step] = logarithm ? above - Math.log(sum) : Math.exp(above) / sum;
      }
    }
  };
};
OPERATORS._softmax = softmax(false);
OPERATORS._log_softmax = softmax(true);

/** One product of matrices, [rows, inner] and [inner, columns], at these places of their arrays. A row of sums is made
 * at a time, in the order in which `b` lies in memory. */
function multiply(out, at, a, from, b, start, rows, inner, columns) {
  const sums = typeof a[0] === "bigint" ? new BigInt64Array(columns) : new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    sums.fill(cast(0, sums instanceof Float64Array ? "d" : "i"));
    for (let k = 0; k < inner; k++) {
      const factor = a[from + i * inner + k], row = start + k * columns;
      for (let j = 0; j < columns; j++) sums[j] += factor * b[row + j];
    }
    out.set(sums, at + i * columns);
  }
}
OPERATORS.bmm = (out, [a, b]) => {
  const [batch, rows, inner] = a.shape, columns = b.shape[2];
  const made = rows * columns, left = rows * inner, right = inner * columns;
  return () => {
    for (let q = 0; q < batch; q++) {
      multiply(out.data, q * made, a.data, q * left, b.data, q * right, rows, inner, columns);
    }
  };
};
OPERATORS.mm = (out, [a, b]) => () => multiply(out.data, 0, a.data, 0, b.data, 0, a.shape[0], a.shape[1], b.shape[1]);
OPERATORS.addmm = (out, [bias, a, b], { alpha = 1, beta = 1 }) => {
  const places = broadcast(bias.shape, out.shape), product = OPERATORS.mm(out, [a, b], {});
  const [more, times] = [cast(beta, out.type), cast(alpha, out.type)];
  return () => {
    product();
    for (let k = 0; k < places.length; k++) out.data[k] = more * bias.data[places[k]] + times * out.data[k];
  };
};

OPERATORS.native_layer_norm = ([out, means, scales], [source, , weight = null, bias = null, small]) => {
  const count = means.data.length, width = source.data.length / count;
  return () => {
    for (let row = 0, base = 0; row < count; row++, base += width) {
      let mean = 0, variance = 0;
      for (let k = 0; k < width; k++) mean += source.data[base + k] / width;
      for (let k = 0; k < width; k++) variance += (source.data[base + k] - mean) ** 2 / width;
      const scale = 1 / Math.sqrt(variance + small);
      for (let k = 0; k < width; k++) {
        const normed = (source.data[base + k] - mean) * scale;
        out.data[base + k] = normed * (weight ? weight.data[k] : 1) + (bias ? bias.data[k] : 0);
      }
      means.data[row] = mean;
      scales.data[row] = scale;
    }
  };
};
