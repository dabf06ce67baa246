/** Weights of 8 and 4 bits, for the operations that take them. @module */

export { BLOCK, type Packing } from "./blocks.ts";
export { GGML_TYPES } from "./ggml.ts";
export { quantizedLinear } from "./linear.ts";
export { canPack, quantize, QuantizedMatrix } from "./matrix.ts";
export { multiplyQuantized } from "./multiply.ts";
export { takePackedRows } from "./unpack.ts";
