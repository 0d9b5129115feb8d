"use strict";
/* Tensors as typed arrays, row after row. A type is a letter, as Python's `blob.py` has it; whole numbers of 64 bits
   are BigInts, since products of 60 bits must be exact. */

/** @typedef {Float32Array|Float64Array|BigInt64Array|Int32Array|Int16Array|Int8Array|Uint8Array} Numbers */
/** @typedef {{type: string, shape: number[], data: Numbers}} Tensor */
/** @typedef {number|bigint|boolean} Scalar */

const ARRAYS = {
  f: Float32Array, d: Float64Array, i: BigInt64Array, w: Int32Array, h: Int16Array, c: Int8Array, u: Uint8Array,
  b: Uint8Array,
};

/** @param {number[]} shape @returns {number} how many numbers a tensor of this shape has */
const sizeOf = (shape) => shape.reduce((product, size) => product * size, 1);

/** @param {string} type @param {number[]} shape @returns {Tensor} zeros */
const zeros = (type, shape) => ({ type, shape, data: new ARRAYS[type](sizeOf(shape)) });

/** @param {string} type @param {number[]} shape @param {Iterable<Scalar>} values @returns {Tensor} */
function tensorOf(type, shape, values) {
  const made = zeros(type, shape);
  let place = 0;
  for (const value of values) made.data[place++] = cast(value, type);
  if (place !== made.data.length) throw new Error(`${place} values for a tensor of the shape [${shape}]`);
  return made;
}

/** @param {Scalar} value @param {string} type @returns {number|bigint} the value as an array of the type takes it */
function cast(value, type) {
  if (type === "i") return typeof value === "bigint" ? value : BigInt(Math.trunc(Number(value)));
  return type === "b" ? (value ? 1 : 0) : Number(value);
}

/** @param {Tensor} tensor @returns {string} as graphs write it: "f1,96" */
const signatureOf = (tensor) => tensor.type + tensor.shape.join(",");

/** @param {number[]} shape @returns {number[]} how far apart neighbours on each axis are */
function stridesOf(shape) {
  const strides = new Array(shape.length);
  for (let axis = shape.length - 1, step = 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

/** Where the numbers of a tensor of `shape` stand in a source with these strides.
 * @param {number[]} shape @param {number[]} strides @param {number} [offset] @returns {Int32Array} */
function placesOf(shape, strides, offset = 0) {
  const places = new Int32Array(sizeOf(shape)), at = new Array(shape.length).fill(0);
  for (let k = 0, place = offset; k < places.length; k++) {
    places[k] = place;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place += strides[axis];
      if (++at[axis] < shape[axis]) break;
      place -= strides[axis] * shape[axis];
      at[axis] = 0;
    }
  }
  return places;
}

/** The places of a tensor of one shape, seen as if it had another.
 * @param {number[]} shape @param {number[]} to @returns {Int32Array} */
function broadcast(shape, to) {
  const own = stridesOf(shape), lead = to.length - shape.length;
  return placesOf(to, to.map((_, axis) => (axis < lead || shape[axis - lead] === 1 ? 0 : own[axis - lead])));
}

/** @param {number} axis @param {number} rank @returns {number} counted from the front */
const fromFront = (axis, rank) => (axis < 0 ? axis + rank : axis);

/** The places of all rows along an axis: the first number of each, the step to the next, and how many there are.
 * @param {number[]} shape @param {number} axis @returns {[Int32Array, number, number]} */
function rowsAlong(shape, axis) {
  const strides = stridesOf(shape), along = fromFront(axis, shape.length);
  if (!shape.length) return [Int32Array.of(0), 1, 1];
  const others = shape.map((_, k) => k).filter((k) => k !== along);
  return [placesOf(others.map((k) => shape[k]), others.map((k) => strides[k])), strides[along], shape[along]];
}

/** @param {Scalar} index @param {number} size @returns {number} */
function within(index, size) {
  const place = Number(index);
  if (!(place >= 0 && place < size)) throw new Error(`the index ${place} is out of range: 0..${size - 1}`);
  return place;
}
