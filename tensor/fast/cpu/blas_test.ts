import { assert, assertEquals, assertMatch } from "@std/assert";
import type { CpuDevice } from "../../device.ts";
import { openCpuDevice } from "../../devices/cpu/device.ts";
import "../mod.ts";

const probe = await openCpuDevice({ threads: 1 });
const { hasBlas } = probe;
const without = hasBlas ? "" : ` (ignored: ${probe.info.description})`;
await probe.close();

/** GEMMs C = op(A)·op(B), or C += op(A)·op(B), with padded rows. */
interface Case {
  readonly transposeA: number;
  readonly transposeB: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly accumulate: number;
  readonly split: number;
  readonly count: number;
  readonly outer: number;
}

/** Deterministic values around zero, multiples of 1/8 so that small sums are exact. */
function values(count: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    { length: count },
    (_, i) => ((i * 7_919 + seed * 104_729) % 33 - 16) / 8,
  );
}

/** Runs a case on the device, and returns C with the result of a plain loop. */
async function run(device: CpuDevice, t: Case): Promise<[Float32Array, Float32Array]> {
  const [rowsA, columnsA] = t.transposeA ? [t.k, t.m] : [t.m, t.k];
  const [rowsB, columnsB] = t.transposeB ? [t.n, t.k] : [t.k, t.n];
  const [lda, ldb, ldc] = [columnsA + 3, columnsB + 1, t.n + 2];
  // One row of padding between the matrices of a batch.
  const [stepA, stepB, stepC] = [(rowsA + 1) * lda, (rowsB + 1) * ldb, (t.m + 1) * ldc] as const;
  const [outerA, outerB, outerC] = [t.count * stepA, t.count * stepB, t.count * stepC] as const;
  const a = values(t.outer * outerA, 1);
  const b = values(t.outer * outerB, 2);
  const c = values(t.outer * outerC, 3);
  const [inA, inB, inC] = [a, b, c].map((data) => {
    const allocation = device.allocate(data.byteLength, "operand");
    device.write(allocation, 0, data);
    return allocation;
  }) as [Allocated, Allocated, Allocated];
  // deno-fmt-ignore
  const integers = [
    t.transposeA, t.transposeB, t.m, t.n, t.k,
    addressOf(device, inA), lda, addressOf(device, inB), ldb, addressOf(device, inC), ldc,
    t.split, t.count, 4 * stepA, 4 * stepB, 4 * stepC, t.accumulate, 4, 4,
    t.outer, 4 * outerA, 4 * outerB, 4 * outerC,
  ];
  const items = [t.n, t.m, t.count][t.split]!;
  // Repeat if that changes nothing: the first time, the workers are asleep.
  for (let i = 0; i < (t.accumulate === 0 ? 20 : 1); i++) {
    device.dispatch({ key: "sgemm" }, { integers }, items);
  }
  const result = new Float32Array(await device.read(inC, 0, c.byteLength));
  for (const allocation of [inA, inB, inC]) device.free(allocation);

  for (let item = 0; item < t.outer * t.count; item++) {
    for (let i = 0; i < t.m; i++) {
      for (let j = 0; j < t.n; j++) {
        let sum = 0;
        for (let p = 0; p < t.k; p++) {
          const x = a[item * stepA + (t.transposeA ? p * lda + i : i * lda + p)];
          const y = b[item * stepB + (t.transposeB ? j * ldb + p : p * ldb + j)];
          sum += (x ?? NaN) * (y ?? NaN);
        }
        const at = item * stepC + i * ldc + j;
        c[at] = sum + t.accumulate * (c[at] ?? NaN);
      }
    }
  }
  return [result, c];
}

type Allocated = ReturnType<CpuDevice["allocate"]>;

function addressOf(device: CpuDevice, allocation: Allocated): number {
  return device.address({ allocation, dtype: "float32", offset: 0 });
}

for (const threads of [1, 2, 4]) {
  Deno.test({
    name: `sgemm equals a double loop for every transpose and split, with accumulation, ` +
      `odd sizes, threads: ${threads}${without}`,
    ignore: !hasBlas,
    fn: async () => {
      const device = await openCpuDevice({ threads });
      for (
        const [m, n, k] of [[1, 1, 1], [3, 5, 7], [1, 37, 5], [37, 1, 9], [131, 67, 65], [
          65,
          33,
          129,
        ]] as const
      ) {
        for (const transposeA of [0, 1]) {
          for (const transposeB of [0, 1]) {
            for (
              const [split, count, outer] of [
                [0, 1, 1],
                [1, 1, 1],
                [0, 3, 1],
                [1, 3, 2],
                [2, 5, 1],
                [2, 4, 3],
              ] as const
            ) {
              for (const accumulate of [0, 1]) {
                const t = { transposeA, transposeB, m, n, k, accumulate, split, count, outer };
                const [result, wanted] = await run(device, t);
                assertEquals(result, wanted, JSON.stringify(t));
              }
            }
          }
        }
      }
      assertEquals(device.live, 0);
      await device.close();
    },
  });
}

Deno.test({
  name: `sgemm reaches operands above 2 GiB from every thread${without}`,
  ignore: !hasBlas,
  fn: async () => {
    const device = await openCpuDevice({ threads: 2 });
    const low = device.allocate(2_500_000_000, "what lies below");
    for (let repeat = 0; repeat < 20; repeat++) {
      const t = { transposeA: 0, transposeB: 0, m: 96, n: 64, k: 100, accumulate: 0 };
      const [result, wanted] = await run(device, { ...t, split: repeat % 3, count: 2, outer: 1 });
      assertEquals(result, wanted);
    }
    device.free(low);
    await device.close();
  },
});

Deno.test({
  name: `the library can be named, and is named in the description${without}`,
  ignore: !hasBlas,
  fn: async () => {
    const automatic = await openCpuDevice({ threads: 1, oneDnn: false });
    assertMatch(automatic.info.description, /BLAS.* \(.+\)$/);
    const file = /\((.+)\)$/.exec(automatic.info.description)?.[1];
    assert(file !== undefined);
    await automatic.close();
    const named = await openCpuDevice({ threads: 1, blas: String(file) });
    assert(named.hasBlas);
    await named.close();
  },
});

Deno.test({
  name: `web workers multiply the same${without}`,
  ignore: !hasBlas,
  fn: async () => {
    const process: { getBuiltinModule: unknown } = Reflect.get(globalThis, "process");
    const before = process.getBuiltinModule;
    process.getBuiltinModule = () => undefined;
    const device = await openCpuDevice({ threads: 2 });
    process.getBuiltinModule = before;
    assertEquals(device.threads, 2);
    const t = { transposeA: 0, transposeB: 0, m: 256, n: 64, k: 100, accumulate: 0 };
    const [result, wanted] = await run(device, { ...t, split: 1, count: 1, outer: 1 });
    assertEquals(result, wanted);
    await device.close();
  },
});

Deno.test({
  name: "without the permission there is no BLAS, and no prompt",
  permissions: "none",
  fn: async () => {
    const device = await openCpuDevice({ threads: 1 });
    assertMatch(device.info.description, /, no BLAS \(run with --allow-ffi to use one\)$/);
    await device.close();
  },
});

Deno.test({
  name: "a library that is not a BLAS is refused by name",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    let message = "";
    try {
      await openCpuDevice({ threads: 1, blas: "libc.so.6" });
    } catch (error) {
      message = String(error);
    }
    assertMatch(message, /wanted the BLAS libc\.so\.6, got none \(libc\.so\.6: .*cblas_sgemm/);
  },
});

Deno.test("outside of Deno, as in Node and in a browser, the device says who can open a BLAS", async () => {
  const { Deno: own } = globalThis;
  try {
    Reflect.deleteProperty(globalThis, "Deno");
    const device = await openCpuDevice({ threads: 1 });
    await device.close();
    assertMatch(device.info.description, /no BLAS \(only Deno can open one\)/);
  } finally {
    Reflect.set(globalThis, "Deno", own);
  }
});
