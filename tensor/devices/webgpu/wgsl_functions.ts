/**
 * Functions of WGSL, scalar and vec4, where the built-ins are not accurate enough: `max` drops NaN,
 * and `exp` may turn it into infinity. Compilers may assume the absence of NaN, and reject
 * non-finite constants: hence the bit manipulation.
 *
 * @module
 */

import { dotBytesFunction } from "../../kernel/wgsl_dot_bytes.ts";
import { wgslTypeOf, type Width } from "../../kernel/wgsl_value.ts";

/** Definitions of all functions that `code` uses, including those that they use. */
export function functionsFor(code: string): string {
  let found = "";
  // A function uses only those before it.
  for (const [name, definition] of definitions().toReversed()) {
    if (`${found}${code}`.includes(`${name}(`)) found = definition + found;
  }
  return found;
}

/** The functions for one vector width, which is the suffix of each name. */
function functionsOfWidth(n: Width): Record<string, string> {
  const [F, I, B] = [wgslTypeOf("f32", n), wgslTypeOf("i32", n), wgslTypeOf("bool", n)];
  const U = I.replace("i32", "u32");
  return {
    [`isNan${n}`]: `
fn isNan${n}(x: ${F}) -> ${B} {
  return (bitcast<${U}>(x) & ${U}(0x7fffffffu)) > ${U}(0x7f800000u);
}
`,
    // WGSL leaves NaN to the device, and need not reach the largest integer.
    [`truncated${n}`]: `
fn truncated${n}(x: ${F}) -> ${I} {
  let inside = select(${I}(x), ${I}(2147483647), x >= ${F}(2147483648.0));
  return select(inside, ${I}(0), isNan${n}(x));
}
`,
    [`larger${n}`]: `
fn larger${n}(a: ${F}, b: ${F}) -> ${F} {
  return select(select(max(a, b), b, isNan${n}(b)), a, isNan${n}(a));
}
`,
    [`smaller${n}`]: `
fn smaller${n}(a: ${F}, b: ${F}) -> ${F} {
  return select(select(min(a, b), b, isNan${n}(b)), a, isNan${n}(a));
}
`,
    // 2^x, at least 2^-126, so that only what is masked has weight zero.
    [`power${n}`]: `
fn power${n}(x: ${F}) -> ${F} {
  return select(exp2(clamp(x, ${F}(-126.0), ${F}(0.0))), x, isNan${n}(x));
}
`,
    [`exponential${n}`]: `
fn exponential${n}(x: ${F}) -> ${F} {
  return select(exp(x), x, isNan${n}(x));
}
`,
  };
}

const definitions = (): readonly (readonly [name: string, definition: string])[] => [
  // A function's result is not a constant expression, so it may be infinite or NaN.
  ["fromBits", "\nfn fromBits(bits: u32) -> f32 {\n  return bitcast<f32>(bits);\n}\n"],
  ["dotBytes", dotBytesFunction()],
  ...Object.entries(functionsOfWidth(1)),
  ...Object.entries(functionsOfWidth(4)),
];
