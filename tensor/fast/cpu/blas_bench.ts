/** Matmul of two square matrices, through the device and by the library directly. */

import { openCpuDevice } from "../../devices/cpu/device.ts";
import "../mod.ts";

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
  const data = new Float32Array(size * size).fill(0.5);
  for (const threads of [1, 2]) {
    const device = await openCpuDevice({ threads });
    const [a, b, c] = [0, 1, 2].map(() => {
      const allocation = device.allocate(data.byteLength, "matrix");
      device.write(allocation, 0, data);
      return device.address({ allocation, dtype: "float32", offset: 0 });
    }) as [number, number, number];
    const integers = [0, 0, size, size, size, a, size, b, size, c, size, 1, 1, 0, 0, 0, 0, 4, 4];
    Deno.bench({
      name: `${size}³ through the device, threads: ${threads}`,
      group: `${size}`,
      baseline: threads === 1,
      fn: () => device.dispatch({ key: "sgemm" }, { integers }, size),
    });
    const matrices = [data, data.slice(), data.slice()];
    const [x, y, z] = matrices.map((matrix) =>
      Deno.UnsafePointer.value(Deno.UnsafePointer.of(matrix))
    ) as [bigint, bigint, bigint];
    const order = [101, 111, 111, size, size, size] as const;
    Deno.bench({
      name: `${size}³ by the library, threads: ${threads}`,
      group: `${size}`,
      fn: () => {
        library?.symbols.openblas_set_num_threads(threads);
        library?.symbols.cblas_sgemm(...order, 1, x, size, y, size, 0, z, size);
        library?.symbols.openblas_set_num_threads(1);
        if (matrices.length === 0) throw new Error("the matrices must stay alive");
      },
    });
  }
}
