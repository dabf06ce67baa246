/** Matmul of two square matrices, through the device and by the library directly. */

import { matmul, openDevice, Tensor } from "../../mod.ts";

const names = ["libopenblas.so.0", "libopenblas.so"];

/** OpenBLAS with its own threads. */
function openDirectly() {
  for (const name of names) {
    try {
      return Deno.dlopen(name, {
        // deno-fmt-ignore
        cblas_sgemm: {
          parameters: [
            "i32", "i32", "i32", "i32", "i32", "i32",
            "f32", "usize", "i32", "usize", "i32", "f32", "usize", "i32",
          ],
          result: "void",
        },
        openblas_set_num_threads: { parameters: ["i32"], result: "void" },
      });
    } catch {
      continue;
    }
  }
  return null;
}

const library = openDirectly();

for (const size of library === null ? [] : [64, 128, 256, 512, 1_024]) {
  const wanted = 0.25 * size;
  for (const threads of [1, 2]) {
    const device = await openDevice("cpu", { threads });
    const matrix = Tensor.full(device, [size, size], 0.5);
    check("the device", await matmul(matrix, matrix).data(), wanted);
    Deno.bench({
      name: `${size}³ through the device, threads: ${threads}`,
      group: `${size}`,
      baseline: threads === 1,
      fn: () => matmul(matrix, matrix).dispose(),
    });
    const matrices = Array.from({ length: 3 }, () => new Float32Array(size * size).fill(0.5));
    const [x, y, z] = matrices.map((matrix) =>
      Deno.UnsafePointer.value(Deno.UnsafePointer.of(matrix))
    ) as [bigint, bigint, bigint];
    const order = [101, 111, 111, size, size, size] as const;
    const multiply = () => {
      library?.symbols.openblas_set_num_threads(threads);
      library?.symbols.cblas_sgemm(...order, 1, x, size, y, size, 0, z, size);
      library?.symbols.openblas_set_num_threads(1);
    };
    multiply();
    check("the library", matrices[2]!, wanted);
    Deno.bench({
      name: `${size}³ by the library, threads: ${threads}`,
      group: `${size}`,
      fn: () => {
        multiply();
        if (matrices.length === 0) throw new Error("the matrices must stay alive");
      },
    });
  }
}

/** Checks a product of two matrices of halves. */
function check(name: string, product: ArrayLike<number>, wanted: number): void {
  const wrong = Array.from(product).find((x) => x !== wanted);
  if (wrong !== undefined) throw new Error(`Cannot time ${name}: wanted ${wanted}, got ${wrong}`);
}
