/** Detects relaxed SIMD. @module */

/**
 * A module with one function: `f32x4.relaxed_madd` of three zeros. Encoding:
 * https://github.com/WebAssembly/relaxed-simd/blob/main/proposals/relaxed-simd/Overview.md
 */
// deno-fmt-ignore
const PROBE = new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, // header
  0x01, 0x04, 0x01, 0x60, 0x00, 0x00, // a type: no parameters, no results
  0x03, 0x02, 0x01, 0x00, // a function of that type
  0x0a, 0x14, 0x01, 0x12, 0x00, // its body: 18 bytes, no locals
  0x41, 0x00, 0xfd, 0x0f, // i32.const 0, i8x16.splat
  0x41, 0x00, 0xfd, 0x0f,
  0x41, 0x00, 0xfd, 0x0f,
  0xfd, 0x85, 0x02, 0x1a, // f32x4.relaxed_madd, drop
  0x0b,
]);

/** Whether fused multiply-add (`f32x4.relaxed_madd`) is supported. */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(PROBE);
}
