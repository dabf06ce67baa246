import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import type { Allocation, CpuDevice, MatmulPrecision, OpenOptions } from "../../device.ts";
import { openCpuDevice } from "../../devices/cpu/device.ts";
import "../mod.ts";
import {
  compare,
  openAlone,
  type Opened,
  randomIntegers,
  randomMatmul,
  systemOneDnn,
} from "../testing/random_matmuls.ts";

const probe = openAlone();
const hasOneDnn = typeof probe !== "string";
const hasAmx = hasOneDnn && probe.hasAmx;
if (hasOneDnn) probe.close();
const path = systemOneDnn() ?? "";

/** The precisions that are tested here; without AMX all that can be is the same path in f32. */
const precisions: readonly MatmulPrecision[] = hasAmx ? ["f32", "bf16"] : ["f32"];

function testOneDnn(name: string, fn: () => void | Promise<void>, needsAmx = false): void {
  const missing = !hasOneDnn ? ` (ignored: ${probe})` : needsAmx && !hasAmx ? " (no AMX)" : "";
  Deno.test({ name: `${name}${missing}`, ignore: missing !== "", fn });
}

function withOneDnn(use: (opened: Opened) => void, maxPrimitives?: number): void {
  const opened = openAlone(maxPrimitives);
  if (typeof opened === "string") throw new Error(opened);
  try {
    use(opened);
  } finally {
    opened.close();
  }
}

for (const way of hasOneDnn ? probe.ways : ["f32" as const]) {
  testOneDnn(
    `oneDNN in ${way} computes random matmuls of all layouts, with gaps, batches and ` +
      "accumulation, and writes nothing but the results",
    () =>
      withOneDnn((opened) => {
        const random = randomIntegers(7);
        for (let i = 0; i < 300; i++) {
          const gemm = randomMatmul(random, opened.places);
          assertEquals(compare(opened, gemm, way), null);
        }
      }),
  );
}

testOneDnn(
  "the primitives that oneDNN keeps are limited, and the last used stay",
  () =>
    withOneDnn((opened) => {
      const random = randomIntegers(3);
      const often = { ...randomMatmul(random, opened.places), m: 3, n: 5 };
      for (let i = 0; i < 30; i++) {
        assertEquals(compare(opened, randomMatmul(random, opened.places), "f32"), null);
        assertEquals(compare(opened, often, "f32"), null);
        assert(opened.thread.primitives <= 4);
      }
    }, 4),
);

testOneDnn(
  "oneDNN refuses results of one row or one column, which it computes wrongly",
  () =>
    withOneDnn((opened) => {
      const gemm = randomMatmul(randomIntegers(1), opened.places);
      for (const axis of ["m", "n"]) {
        assertThrows(
          () => opened.thread.multiply({ ...gemm, [axis]: 1 }, false),
          Error,
          "wanted a result of at least 2 rows and 2 columns",
        );
      }
    }),
);

interface Matmul {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA?: number;
  readonly transposeB?: number;
  readonly split?: number;
}

function multiply(
  device: CpuDevice,
  { m, n, k, transposeA = 0, transposeB = 0, split = 1 }: Matmul,
  values: readonly [a: Float32Array<ArrayBuffer>, b: Float32Array<ArrayBuffer>],
  precision: MatmulPrecision = device.matmulPrecision,
): Promise<Float32Array> {
  const [a, b] = values.map((data) => {
    const allocation = device.allocate(data.byteLength, "operand");
    device.write(allocation, 0, data);
    return allocation;
  }) as [Allocation, Allocation];
  const c = device.allocate(4 * m * n, "result");
  const address = (allocation: Allocation) =>
    device.address({ allocation, dtype: "float32", offset: 0 });
  const [lda, ldb] = [transposeA ? m : k, transposeB ? k : n];
  // deno-fmt-ignore
  const integers = [
    transposeA, transposeB, m, n, k, address(a), lda, address(b), ldb, address(c), n,
    split, 1, 0, 0, 0, 0, 4, 4, 1, 0, 0, 0,
  ];
  device.dispatch({ key: "sgemm", precision }, { integers }, split ? m : n);
  const result = device.read(c, 0, 4 * m * n).then((bytes) => new Float32Array(bytes));
  for (const allocation of [a, b, c]) device.free(allocation);
  return result;
}

/** Values between −1 and 1 with all significant bits. */
function uniform(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = randomIntegers(seed);
  return Float32Array.from({ length: count }, () => random(-1e9, 1e9) / 1e9);
}

/** The nearest number with 8 significant bits, ties to even. */
function roundToBf16(value: number): number {
  const bits = new Uint32Array(new Float32Array([value]).buffer);
  bits[0] = (bits[0]! + 0x7fff + ((bits[0]! >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0]!;
}

/** The matmul in double precision, and the largest of its elements. */
function inDouble(
  { m, n, k, transposeA = 0, transposeB = 0 }: Matmul,
  [a, b]: readonly [ArrayLike<number>, ArrayLike<number>],
): [values: Float64Array, largest: number] {
  const c = new Float64Array(m * n);
  let largest = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) {
        sum += a[transposeA ? p * m + i : i * k + p]! * b[transposeB ? j * k + p : p * n + j]!;
      }
      c[i * n + j] = sum;
      largest = Math.max(largest, Math.abs(sum));
    }
  }
  return [c, largest];
}

/** How far the results of a device are from double precision, relative to the largest. */
async function deviation(device: CpuDevice, matmul: Matmul, isRounded: boolean): Promise<number> {
  const { m, n, k } = matmul;
  const values = [uniform(m * k, 1), uniform(k * n, 2)] as const;
  const exact = isRounded ? values.map((x) => x.map(roundToBf16)) : values;
  const [wanted, largest] = inDouble(matmul, exact as [Float32Array, Float32Array]);
  const got = await multiply(device, matmul, values);
  return wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i]!)), 0) / largest;
}

async function withDevice(
  options: OpenOptions,
  use: (device: CpuDevice) => void | Promise<void>,
): Promise<void> {
  const device = await openCpuDevice({ threads: 2, oneDnn: path, ...options });
  await use(device);
  assertEquals(device.live, 0);
  await device.close();
}

const layouts = [0, 1].flatMap((transposeA) =>
  [0, 1].map((transposeB) => ({ transposeA, transposeB }))
);

for (const matmulPrecision of precisions) {
  testOneDnn(
    `matmuls in ${matmulPrecision} equal double precision ` +
      `${matmulPrecision === "bf16" ? "of the rounded operands " : ""}in every layout and split`,
    () =>
      withDevice({ matmulPrecision }, async (device) => {
        for (const [m, n, k] of [[128, 128, 128], [256, 64, 48], [67, 131, 259], [48, 256, 64]]) {
          for (const layout of layouts) {
            for (const split of [0, 1]) {
              const matmul = { m: m!, n: n!, k: k!, ...layout, split };
              const off = await deviation(device, matmul, matmulPrecision === "bf16");
              assert(off < 1e-5, `${JSON.stringify(matmul)} deviates by ${off}`);
            }
          }
        }
      }),
  );

  testOneDnn(
    `no part of a matmul in ${matmulPrecision} reaches oneDNN with one row or one column`,
    () =>
      withDevice({ matmulPrecision, threads: 4 }, async (device) => {
        // Split over four threads, all parts or some have a single row or column.
        for (const few of [1, 2, 3, 5]) {
          for (const layout of layouts) {
            for (const split of [0, 1]) {
              const size = split === 1 ? { m: few, n: 2_048 } : { m: 2_048, n: few };
              const matmul = { ...size, k: 300, ...layout, split };
              const a = Float32Array.from({ length: size.m * 300 }, (_, i) => i % 5 - 2);
              const b = Float32Array.from({ length: size.n * 300 }, (_, i) => i % 7 - 3);
              const got = await multiply(device, matmul, [a, b]);
              const [wanted] = inDouble(matmul, [a, b]);
              assertEquals(got.findIndex((x, i) => x !== wanted[i]), -1, JSON.stringify(matmul));
            }
          }
        }
      }),
  );

  testOneDnn(
    `a matmul in ${matmulPrecision} has the same bits on every device and run`,
    async () => {
      const matmul = { m: 200, n: 300, k: 400 };
      const values = [uniform(200 * 400, 3), uniform(400 * 300, 4)] as const;
      const results: Float32Array[] = [];
      for (let i = 0; i < 3; i++) {
        await withDevice({ matmulPrecision }, async (device) => {
          for (let run = 0; run < 5; run++) results.push(await multiply(device, matmul, values));
        });
      }
      for (const result of results) assertEquals(result, results[0]);
    },
  );
}

testOneDnn(
  "how fast oneDNN is at the moment changes no bit of a matmul in f32",
  async () => {
    const module = (path: string) => JSON.stringify(import.meta.resolve(path));
    const sums = (clock: string) => `
      performance.now = (() => { let reading = 0; return () => ${clock}; })();
      const { normal } = await import(${module("../../mod.ts")});
      const { openCpuDevice } = await import(${module("../../devices/cpu/device.ts")});
      const device = await openCpuDevice({ threads: 1 });
      const [a, b] = [1, 2].map((seed) => normal(device, [200, 1000], { seed }));
      console.log(String(await a.matmul(b.transpose()).data()));`;
    const results = [];
    // Intervals get shorter, or longer: whatever is timed last is the fastest, or the slowest. Sums are
    // long, as both libraries round short ones alike.
    for (const clock of ["Math.sqrt(reading++)", "reading++ ** 2"]) {
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["eval", "--no-check", sums(clock)],
      }).output();
      assert(success, new TextDecoder().decode(stderr));
      results.push(new TextDecoder().decode(stdout));
    }
    assertEquals(results[0]!.split(",").length, 200 * 200);
    assertEquals(results[0], results[1]);
  },
);

testOneDnn(
  "a matmul in f32 stays exact on a device for bf16",
  () =>
    withDevice({ matmulPrecision: "bf16" }, async (device) => {
      const matmul = { m: 128, n: 128, k: 128 };
      const values = [uniform(128 ** 2, 1), uniform(128 ** 2, 2)] as const;
      const [wanted, largest] = inDouble(matmul, values);
      const off = (got: Float32Array) =>
        got.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted[i]!)), 0) / largest;
      assert(off(await multiply(device, matmul, values, "f32")) < 1e-6);
      assert(off(await multiply(device, matmul, values)) > 1e-4);
    }),
  true,
);

testOneDnn(
  "NaN and infinity times zero are NaN in bf16; what is above 3.39e38 becomes infinite, and " +
    "subnormals become zero",
  () =>
    withDevice({ matmulPrecision: "bf16" }, async (device) => {
      const size = 128;
      const gemm = async (x: number, y: number) => {
        const [a, b] = [new Float32Array(size ** 2), new Float32Array(size ** 2)];
        [a[0], b[0]] = [x, y];
        const result = await multiply(device, { m: size, n: size, k: size }, [a, b]);
        assertEquals(result.at(-1), 0);
        return result[0];
      };
      assertEquals(await gemm(NaN, 1), NaN);
      assertEquals(await gemm(1, NaN), NaN);
      assertEquals(await gemm(Infinity, 0), NaN);
      assertEquals(await gemm(Infinity, -2), -Infinity);
      assertEquals(await gemm(3.3e38, 1), roundToBf16(3.3e38));
      assertEquals(await gemm(3.4028e38, 1), Infinity);
      assertEquals(await gemm(1e-40, 1e10), 0);
      assertEquals(await gemm(1e-30, 1e-10), 0);
    }),
  true,
);

testOneDnn(
  "the device describes oneDNN and the precision of matmuls",
  () =>
    withDevice({}, (device) => {
      assert(device.hasOneDnn);
      assertEquals(device.matmulPrecision, "f32");
      assertMatch(device.info.description, /BLAS.*, oneDNN 3\.\d+\.\d+ \(libdnnl\.so[.\d]*\)$/);
    }),
);

testOneDnn(
  "auto multiplies in bf16, and says so",
  () =>
    withDevice({ matmulPrecision: "auto" }, (device) => {
      assertEquals(device.matmulPrecision, "bf16");
      assertMatch(device.info.description, /, matmuls in bf16$/);
      assertEquals(device.info.details.matmulPrecision, "bf16");
    }),
  true,
);

Deno.test("without oneDNN auto multiplies in f32, and says why", async () => {
  const device = await openCpuDevice({ threads: 1, oneDnn: false, matmulPrecision: "auto" });
  assertEquals([device.matmulPrecision, device.hasOneDnn], ["f32", false]);
  assertMatch(device.info.description, /, matmuls in f32 \(no bf16: no oneDNN: turned off\)$/);
  await device.close();
});

Deno.test("bf16 that is not to be had is an error that says what is missing", async () => {
  for (
    const [options, missing] of [
      [{ oneDnn: false }, "no oneDNN: turned off"],
      [{ blas: false }, "no oneDNN: no BLAS beside it: turned off"],
    ] as const
  ) {
    await assertRejects(
      () => openCpuDevice({ threads: 1, matmulPrecision: "bf16", ...options }),
      Error,
      `Cannot open the cpu device: wanted matmuls in bf16, got f32 only (${missing})`,
    );
  }
});

testOneDnn("a library that is not oneDNN is refused by name", async () => {
  await assertRejects(
    () => openCpuDevice({ threads: 1, oneDnn: "libc.so.6" }),
    Error,
    "wanted the oneDNN libc.so.6, got none (libc.so.6: ",
  );
});
