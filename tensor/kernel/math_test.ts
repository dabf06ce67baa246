import { assert, assertEquals } from "@std/assert";
import { emitKernel, type F32x4 } from "./emitter.ts";
import { instantiateKernel } from "../devices/cpu/testing/run_kernel.ts";
import { unaryFunctions } from "../formula/testing/evaluate.ts";
import type { Vector, VectorBuilder } from "./language.ts";
import { cos, erf, log, sin, tanh } from "./math.ts";
import { WasmBuilder } from "./wasm.ts";

type VectorFunction = (k: VectorBuilder, x: Vector) => Vector;

const exp: VectorFunction = (k, x) => k.exp(x);
const expOfNonPositive: VectorFunction = (k, x) => k.expOfNonPositive(x);

function apply(f: VectorFunction, inputs: Float32Array, relaxedSimd: boolean): Float32Array {
  const kernel = instantiateKernel(
    emitKernel((builder, parameters) => {
      const k = new WasmBuilder(builder, parameters);
      builder.forRange(parameters.start, parameters.end, 16, (address) => {
        // The printer's vectors are the emitter's.
        builder.store(address, f(k, address.loadF32x4()) as F32x4);
      });
    }),
    relaxedSimd,
  );
  const results = new Float32Array(inputs.length);
  const chunk = 1 << 20;
  for (let at = 0; at < inputs.length; at += chunk) {
    const part = inputs.subarray(at, at + chunk);
    kernel.floats.set(part);
    kernel.run(0, 0, part.length * 4);
    results.set(kernel.floats.subarray(0, part.length), at);
  }
  return results;
}

/** The distance between adjacent floats at `value`. */
function ulp(value: number): number {
  const magnitude = Math.abs(value);
  return magnitude < 2 ** -126 ? 2 ** -149 : 2 ** (Math.floor(Math.log2(magnitude)) - 23);
}

function range(low: number, high: number, count = 1 << 18): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => low + (high - low) * i / (count - 1));
}

/** Floats of all magnitudes, from the smallest subnormal up. */
function magnitudes(low = 1, high = 0x7f7fffff, count = 1 << 18): Float32Array {
  const bits = Int32Array.from(
    { length: count },
    (_, i) => Math.round(low + (high - low) * i / (count - 1)),
  );
  return new Float32Array(bits.buffer);
}

const negated = (x: Float32Array) => x.map((v) => -v);
const largestUlps = (result: number, expected: number) =>
  Math.abs(result - expected) / ulp(expected);
const absolute = (result: number, expected: number) => Math.abs(result - expected);

function largestError(
  name: "exp" | "log" | "tanh" | "erf" | "sin" | "cos",
  f: VectorFunction,
  inputs: readonly Float32Array[],
  error: (result: number, expected: number) => number,
): number {
  let largest = 0;
  for (const relaxedSimd of [false, true]) {
    for (const x of inputs) {
      const results = apply(f, x, relaxedSimd);
      for (let i = 0; i < x.length; i++) {
        const expected = unaryFunctions[name](x[i]!);
        const e = Math.fround(expected) === results[i] ? 0 : error(results[i]!, expected);
        if (!(e <= largest)) largest = e;
      }
    }
  }
  return largest;
}

Deno.test("exp is within 1.1 ulp, including subnormal results", () => {
  const inputs = [range(-104, 88.72), range(-1, 1), magnitudes(), negated(magnitudes())];
  const error = largestError("exp", exp, inputs, largestUlps);
  assert(error < 1.1, `${error} ulp`);
});

Deno.test("exp of non-positive numbers is within 2.3 ulp, down to the smallest normal result", () => {
  const inputs = [range(-87.3365, 0), range(-1, 0), negated(magnitudes(1, 0x42aeac00))];
  const error = largestError("exp", expOfNonPositive, inputs, largestUlps);
  assert(error < 2.3, `${error} ulp`);
});

Deno.test("log is within 0.9 ulp, including subnormal arguments", () => {
  const error = largestError("log", log, [magnitudes(), range(0.5, 2)], largestUlps);
  assert(error < 0.9, `${error} ulp`);
});

Deno.test("tanh is within 5.5 ulp, including near 0", () => {
  const inputs = [range(-10, 10), magnitudes(), negated(magnitudes())];
  const error = largestError("tanh", tanh, inputs, largestUlps);
  assert(error < 5.5, `${error} ulp`);
});

Deno.test("erf is within 6.5 ulp, including near 0", () => {
  const inputs = [range(-5, 5), magnitudes(), negated(magnitudes())];
  const error = largestError("erf", erf, inputs, largestUlps);
  assert(error < 6.5, `${error} ulp`);
});

Deno.test("sin and cos are within 1e-7 for arguments up to 10,000", () => {
  const inputs = [range(-10, 10), range(-10000, 10000), magnitudes(1, 0x461c4000)];
  for (const [name, f] of [["sin", sin], ["cos", cos]] as const) {
    const error = largestError(name, f, inputs, absolute);
    assert(error < 1e-7, `${name}: ${error}`);
  }
});

Deno.test("sin and cos stay between -1 and 1 for huge arguments", () => {
  for (const f of [sin, cos]) {
    assert(apply(f, magnitudes(), false).every((y) => y >= -1 && y <= 1));
  }
});

Deno.test("the functions are right at edge cases", () => {
  const edges = (f: VectorFunction, x: number[]) => {
    const [plain, relaxed] = [false, true].map((relaxedSimd) => [
      ...apply(f, Float32Array.from(x), relaxedSimd),
    ]);
    assertEquals(plain, relaxed);
    return plain;
  };
  const special = [NaN, Infinity, -Infinity, 0];
  assertEquals(edges(exp, [...special, 89, -104, 1e30, -1e30]), [
    ...[NaN, Infinity, 0, 1],
    ...[Infinity, 0, Infinity, 0],
  ]);
  assertEquals(edges(expOfNonPositive, [NaN, -Infinity, 0, -0, -87.34, -104, -1e30]), [
    ...[NaN, 0, 1, 1, 0, 0, 0],
  ]);
  assertEquals(edges(log, [...special, 1, -1, -1e-40, 0.5]), [
    ...[NaN, Infinity, NaN, -Infinity],
    ...[0, NaN, NaN, Math.fround(-Math.LN2)],
  ]);
  assertEquals(edges(tanh, [...special, 100, -100, -0, 1e-42]), [
    ...[NaN, 1, -1, 0],
    ...[1, -1, -0, Math.fround(1e-42)],
  ]);
  assertEquals(edges(erf, [...special, 100, -100, -0, 0]), [NaN, 1, -1, 0, 1, -1, -0, 0]);
  assertEquals(edges(sin, special), [NaN, NaN, NaN, 0]);
  assertEquals(edges(cos, special), [NaN, NaN, NaN, 1]);
});
