"use strict";
/* Operators that move numbers: other shapes, parts, look-ups. The places that do not depend on values are computed
   once, when the graph is compiled. */

/** Values of a source at these places. Where all are neighbours they share the source's array; where many are, they are
 * copied together. @param {Tensor} out @param {Tensor} source @param {Int32Array} places @returns {Run} */
function taken(out, source, places) {
  const starts = [];
  for (let k = 0; k < places.length; k++) if (!k || places[k] !== places[k - 1] + 1) starts.push(k);
  if (starts.length < 2) {
    out.data = source.data.subarray(places[0] ?? 0, (places[0] ?? 0) + places.length);
    return null;
  }
  if (places.length < BLOCK * starts.length) {
    const loops = loopsFor(out, source);
    return () => loops.taken(out.data, source.data, places);
  }
  const runs = starts.map((k, run) => [k, places[k], places[k] + (starts[run + 1] ?? places.length) - k]);
  return () => { for (const [k, start, end] of runs) out.data.set(source.data.subarray(start, end), k); };
}

/** A copy, with other numbers at some places.
 * @param {Tensor} out @param {Tensor} source @param {Tensor|Scalar} given @param {Int32Array} places @returns {Run} */
function overwritten(out, source, given, places) {
  const [values, first] = asType(given, out.type);
  return inTurn(first, () => {
    out.data.set(source.data);
    loopsFor(out, values).put(out.data, values.data, places);
  });
}

/* The same numbers in another shape: nothing in a graph is written twice, so they share one array. */
const shared = (out, [source]) => { out.data = source.data; return null; };
for (const name of ["view", "unsqueeze", "squeeze", "clone", "detach", "alias", "lift_fresh_copy"]) {
  OPERATORS[name] = shared;
}

/** @param {Tensor} out @param {Tensor} source @returns {Run} with another type or a larger shape */
function copied(out, source) {
  const [values, first] = asType(source, out.type);
  return inTurn(first, taken(out, values, broadcast(values.shape, out.shape)));
}
OPERATORS.expand = (out, [source]) => copied(out, source);
OPERATORS._to_copy = (out, [source]) => copied(out, source);
OPERATORS.copy = (out, [, source]) => copied(out, source);

/** The first place and the strides of a part along one axis.
 * @param {number[]} shape @param {number} axis @param {number|null} start @param {number} step */
function partOf(shape, axis, start, step) {
  const strides = stridesOf(shape), along = fromFront(axis, shape.length), size = shape[along];
  const first = Math.min(size, Math.max(0, start === null ? 0 : fromFront(start, size)));
  const offset = first * strides[along];
  strides[along] *= step;
  return { strides, offset, along };
}
/** As `partOf`, of one index, whose axis goes away.
 * @param {number[]} shape @param {number} axis @param {number} index */
function rowOf(shape, axis, index) {
  const part = partOf(shape, axis, fromFront(index, shape[fromFront(axis, shape.length)]), 1);
  part.strides.splice(part.along, 1);
  return part;
}
OPERATORS.slice = (out, [source, axis = 0, start = null, , step = 1]) => {
  const part = partOf(source.shape, axis, start, step);
  return taken(out, source, placesOf(out.shape, part.strides, part.offset));
};
OPERATORS.select = (out, [source, axis, index]) => {
  const part = rowOf(source.shape, axis, index);
  return taken(out, source, placesOf(out.shape, part.strides, part.offset));
};
OPERATORS.slice_scatter = (out, [source, given, axis = 0, start = null, , step = 1]) => {
  const part = partOf(source.shape, axis, start, step);
  return overwritten(out, source, given, placesOf(given.shape, part.strides, part.offset));
};
OPERATORS.select_scatter = (out, [source, given, axis, index]) => {
  const part = rowOf(source.shape, axis, index);
  return overwritten(out, source, given, placesOf(given.shape, part.strides, part.offset));
};
OPERATORS.split_with_sizes = (outs, [source, sizes, axis = 0]) => {
  let start = 0;
  return inTurn(...outs.map((out, k) => {
    const run = OPERATORS.slice(out, [source, axis, start], {});
    start += sizes[k];
    return run;
  }));
};
OPERATORS.permute = (out, [source, axes]) => {
  const strides = stridesOf(source.shape);
  return taken(out, source, placesOf(out.shape, axes.map((axis) => strides[fromFront(axis, strides.length)])));
};
OPERATORS.transpose = (out, [source, one, other]) => {
  const axes = source.shape.map((_, axis) => axis), [a, b] = [one, other].map((axis) => fromFront(axis, axes.length));
  [axes[a], axes[b]] = [b, a];
  return OPERATORS.permute(out, [source, axes], {});
};
OPERATORS.flip = (out, [source, axes]) => {
  const strides = stridesOf(source.shape);
  let offset = 0;
  for (const axis of axes.map((each) => fromFront(each, strides.length))) {
    offset += strides[axis] * (source.shape[axis] - 1);
    strides[axis] *= -1;
  }
  return taken(out, source, placesOf(out.shape, strides, offset));
};
OPERATORS.repeat = (out, [source, times]) => {
  const lead = times.length - source.shape.length, strides = stridesOf(source.shape);
  const shape = times.flatMap((count, axis) => [count, axis < lead ? 1 : source.shape[axis - lead]]);
  return taken(out, source, placesOf(shape, times.flatMap((_, axis) => [0, axis < lead ? 0 : strides[axis - lead]])));
};
OPERATORS.cat = (out, [list, axis = 0]) => {
  const strides = stridesOf(out.shape), along = fromFront(axis, out.shape.length);
  let start = 0;
  return inTurn(...list.filter((given) => sizeOf(given.shape)).map((given) => {
    const [values, first] = asType(given, out.type), places = placesOf(given.shape, strides, start * strides[along]);
    start += given.shape[along];
    return inTurn(first, () => loopsFor(out, values).put(out.data, values.data, places));
  }));
};
OPERATORS.constant_pad_nd = (out, [source, pads, value = 0]) => {
  if (pads.some((pad) => pad < 0)) throw new Error("constant_pad_nd: the page does not cut with negative pads");
  const strides = stridesOf(out.shape), fill = cast(value, out.type);
  const offset = pads.reduce((sum, pad, k) => sum + (k % 2 ? 0 : pad * strides[strides.length - 1 - k / 2]), 0);
  const places = placesOf(source.shape, strides, offset);
  return () => {
    out.data.fill(fill);
    for (let k = 0; k < places.length; k++) out.data[places[k]] = source.data[k];
  };
};

/* Made once. */
const filled = (out, value) => { out.data.fill(cast(value, out.type)); return null; };
for (const name of ["full", "full_like"]) OPERATORS[name] = (out, [, value]) => filled(out, value);
for (const name of ["zeros", "zeros_like", "empty"]) OPERATORS[name] = (out) => filled(out, 0);
for (const name of ["ones", "ones_like"]) OPERATORS[name] = (out) => filled(out, 1);
OPERATORS.scalar_tensor = (out, [value]) => filled(out, value);
OPERATORS.arange = (out, args) => {
  const [start, , step = 1] = args.length < 2 ? [0] : args;
  for (let k = 0; k < out.data.length; k++) out.data[k] = cast(start + k * step, out.type);
  return null;
};

/* Look-ups by values. */
OPERATORS.index_select = (out, [source, axis, index]) => {
  const along = fromFront(axis, source.shape.length), size = source.shape[along], count = index.data.length;
  const inner = sizeOf(source.shape.slice(along + 1)), outer = sizeOf(source.shape.slice(0, along));
  return () => {
    for (let o = 0, k = 0; o < outer; o++) {
      for (let j = 0; j < count; j++) {
        const from = (o * size + within(index.data[j], size)) * inner;
        for (let i = 0; i < inner; i++) out.data[k++] = source.data[from + i];
      }
    }
  };
};
OPERATORS.embedding = (out, [weights, index]) => OPERATORS.index_select(out, [weights, 0, index], {});

/** Each index's place in a tensor, up to the index itself; the step to the next and how many there are.
 * @param {number[]} shape @param {number} axis @param {number[]} of @returns {[Int32Array, number, number]} */
function placesAlong(shape, axis, of) {
  if (!shape.length) return [new Int32Array(sizeOf(of)), 1, 1];
  const strides = stridesOf(shape), along = fromFront(axis, shape.length), step = strides[along];
  strides[along] = 0;
  return [placesOf(of, strides), step, shape[along]];
}
OPERATORS.gather = (out, [source, axis, index]) => {
  const [places, step, size] = placesAlong(source.shape, axis, index.shape);
  return () => {
    for (let k = 0; k < places.length; k++) out.data[k] = source.data[places[k] + within(index.data[k], size) * step];
  };
};

/** @param {(old: any, value: any) => any} join @returns {Operator} */
const scattering = (join) => (out, [source, axis, index, given]) => {
  const [places, step, size] = placesAlong(source.shape, axis, index.shape), [values, first] = asType(given, out.type);
  const strides = values.shape.length ? stridesOf(values.shape) : index.shape.map(() => 0);
  const from = placesOf(index.shape, strides);
  return inTurn(first, () => {
    out.data.set(source.data);
    for (let k = 0; k < places.length; k++) {
      const place = places[k] + within(index.data[k], size) * step;
      out.data[place] = join(out.data[place], values.data[from[k]]);
    }
  });
};
OPERATORS.scatter = scattering((_, value) => value);
OPERATORS.scatter_add = scattering((old, value) => old + value);

/** @param {number[][]} shapes @returns {number[]} the shape that all of them take together */
function broadcastShape(shapes) {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  const sizes = shapes.map((shape) => [...new Array(rank - shape.length).fill(1), ...shape]);
  const largest = (_, axis) => sizes.reduce((size, own) => (own[axis] === 1 ? size : own[axis]), 1);
  return Array.from({ length: rank }, largest);
}

/** The places that tensors of indices name, computed anew with each run.
 * @param {Tensor} source @param {(Tensor|null)[]} given @returns {{shape: number[], find: () => Int32Array}} */
function indexed(source, given) {
  const first = given.findIndex((index) => index), list = given.filter((index) => index), rank = first + list.length;
  if (given.slice(first, rank).some((index) => !index)) throw new Error("index: the indexed axes must be neighbours");
  const shape = broadcastShape(list.map((index) => index.shape)), count = sizeOf(shape);
  const strides = stridesOf(source.shape), maps = list.map((index) => broadcast(index.shape, shape));
  const before = placesOf(source.shape.slice(0, first), strides.slice(0, first));
  const inner = sizeOf(source.shape.slice(rank)), places = new Int32Array(before.length * count * inner);
  const find = () => {
    let k = 0;
    for (const start of before) {
      for (let j = 0; j < count; j++) {
        let place = start;
        for (let d = 0; d < list.length; d++) {
          const size = source.shape[first + d];
          place += within(fromFront(Number(list[d].data[maps[d][j]]), size), size) * strides[first + d];
        }
        for (let i = 0; i < inner; i++) places[k++] = place + i;
      }
    }
    return places;
  };
  return { shape: [...source.shape.slice(0, first), ...shape, ...source.shape.slice(rank)], find };
}
OPERATORS.index = (out, [source, given]) => {
  const { find } = indexed(source, given);
  return () => inOthers.taken(out.data, source.data, find());
};
OPERATORS.index_put = (out, [source, given, values, accumulate = false]) => {
  const { shape, find } = indexed(source, given), [added, first] = asType(values, out.type);
  const from = broadcast(added.shape, shape);
  return inTurn(first, () => {
    out.data.set(source.data);
    const places = find();
    for (let k = 0; k < places.length; k++) {
      const value = added.data[from[k]];
      out.data[places[k]] = accumulate ? out.data[places[k]] + value : value;
    }
  });
};
