/** Dot products of signed bytes in WGSL. @module */

const LANES = [0, 1, 2, 3];

/**
 * The function `dotBytes`, of vectors of four words: by the built-in function for packed bytes where
 * this WGSL has it, and otherwise with each byte moved to the left end of its word, and back with its
 * sign.
 *
 * @param hasPackedDots Whether it has; by default as `navigator.gpu` says.
 */
export function dotBytesFunction(hasPackedDots: boolean = knowsPackedDots()): string {
  const dot = (lane: number) => `dot4I8Packed(bitcast<u32>(a[${lane}]), bitcast<u32>(b[${lane}]))`;
  const byte = (x: string, i: number) => `((${x} << vec4<u32>(${24 - 8 * i})) >> vec4<u32>(24))`;
  const terms = hasPackedDots
    ? `vec4<i32>(${LANES.map(dot).join(", ")})`
    : LANES.map((i) => `${byte("a", i)} * ${byte("b", i)}`).join(" + ");
  return `
fn dotBytes(a: vec4<i32>, b: vec4<i32>, sum: vec4<i32>) -> vec4<i32> {
  return sum + ${terms};
}
`;
}

function knowsPackedDots(): boolean {
  // The types of Deno lack this property, and older browsers have none of its features.
  const features: ReadonlySet<string> | undefined = Reflect.get(
    navigator.gpu,
    "wgslLanguageFeatures",
  );
  return features?.has("packed_4x8_integer_dot_product") ?? false;
}
