/**
 * Products of few elements that are long sums: one kernel computes parts of the sums, all at once, and
 * another adds the parts up, always in the same order.
 *
 * @module
 */

import type { WebGpuDevice, WgslKernel } from "../../device.ts";
import {
  beginC,
  integersOf,
  type KernelForm,
  kernelKey,
  matmulArguments,
  matricesOf,
  matrixBuffers,
  storeWgsl,
} from "./code_wgsl.ts";
import { type MatmulOptions, type Matrix, type Product, withoutEpilogue } from "./product.ts";

/** So many workgroups keep a large GPU busy. */
const ENOUGH_WORKGROUPS = 256;
/** Parts shorter than this cost more than they gain. */
const SHORTEST_PART = 128;
/** More parts than this take as long to be added up. */
const MOST_PARTS = 64;
/** Parts begin at multiples of this, so that vectors stay aligned. */
const PART_ALIGNMENT = 8;

/** What a product is done with. */
type Flags = Pick<MatmulOptions, "accumulate" | "symmetric">;

/**
 * Into how many parts the sums of a product are worth cutting; 1 for not.
 *
 * @param tile The rows and columns that a workgroup computes.
 */
export function partsOf(
  device: Pick<WebGpuDevice, "limits">,
  { m, n, k, outer, inner }: Product,
  tile: { readonly rows: number; readonly columns: number },
): number {
  // The parts are one batch axis: one has to be free for them.
  if (outer > 1 && inner > 1) return 1;
  const workgroups = Math.ceil(m / tile.rows) * Math.ceil(n / tile.columns) * outer * inner;
  const most = Math.min(
    ENOUGH_WORKGROUPS / workgroups,
    k / SHORTEST_PART,
    MOST_PARTS,
    device.limits.maxStorageBufferBindingSize / (4 * m * n * outer * inner),
  );
  return most < 2 ? 1 : 2 ** Math.floor(Math.log2(most));
}

/**
 * Computes a product in parts.
 *
 * @param form What the kernel that adds them up depends on.
 * @param parts How many, as {@linkcode partsOf} says.
 * @param run Computes a product and returns how many dispatches that took.
 * @returns How many dispatches it took.
 */
export function runInParts(
  device: WebGpuDevice,
  product: Product,
  form: KernelForm,
  { accumulate = false, symmetric = false }: Flags,
  parts: number,
  run: (product: Product, options: Flags) => number,
): number {
  const { m, n, k, outer, inner, a, b } = product;
  const plain = withoutEpilogue(product);
  const items = outer * inner;
  const length = Math.floor(k / parts / PART_ALIGNMENT) * PART_ALIGNMENT;
  const axis = outer === 1 ? "outer" : "inner";
  const itemAxis = outer === 1 ? "inner" : "outer";
  const allocation = device.allocate(4 * parts * items * m * n, "the parts of a matmul");
  const first: Matrix = {
    ...{ allocation, dtype: "float32", offset: 0, row: n, column: 1 },
    ...{ outer: 0, inner: 0, [itemAxis]: m * n },
  };
  let dispatches = run({
    ...{ ...plain, k: length, [axis]: parts },
    a: { ...a, [axis]: length * a.column },
    b: { ...b, [axis]: length * b.row },
    c: { ...first, [axis]: items * m * n },
  }, { symmetric });
  const done = parts * length;
  if (done < k) {
    dispatches += run({
      ...{ ...plain, k: k - done, c: first },
      a: { ...a, offset: a.offset + done * a.column },
      b: { ...b, offset: b.offset + done * b.row },
    }, { symmetric, accumulate: true });
  }
  const sumForm: KernelForm = { ...form, operands: "f32" };
  const sums = { ...product, a: first };
  device.dispatch(
    sumKernel(sumForm),
    matricesOf(sums).filter((matrix) => matrix !== sums.b).map(({ allocation }) => allocation),
    { integers: [...integersOf(sums, 0, accumulate), items, parts] },
    [Math.ceil(n / 8), Math.ceil(m / 8), items],
    () => ({
      name: `matmul ${m}×${k}×${n}, adding parts`,
      flops: parts * items * m * n,
      bytes: 4 * (parts + 1 + form.addends) * items * m * n,
    }),
  );
  device.free(allocation);
  return dispatches + 1;
}

const sumKernels = new Map<string, WgslKernel>();

function sumKernel(form: KernelForm): WgslKernel {
  const key = kernelKey("add parts", form);
  const known = sumKernels.get(key);
  if (known !== undefined) return known;
  const kernel: WgslKernel = {
    key,
    integers: [...matmulArguments(form), "items", "parts"],
    buffers: matrixBuffers(form).filter(({ name }) => name !== "b"),
    code: () => `
${storeWgsl(form)}
@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(global_invocation_id) thread: vec3<u32>,
) {
  let row = i32(thread.y);
  let column = i32(thread.x);
  if (row >= arguments.m || column >= arguments.n) {
    return;
  }
  let size = arguments.m * arguments.n;
  var source = i32(group.z) * size + row * arguments.n + column;
  var sum = 0.0;
  for (var part = 0; part < arguments.parts; part++) {
    sum += a[source];
    source += arguments.items * size;
  }
  store(${beginC(form)}, row, column, sum);
}
`,
  };
  sumKernels.set(key, kernel);
  return kernel;
}
