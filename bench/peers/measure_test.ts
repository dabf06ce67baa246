import { assertEquals, assertRejects } from "@std/assert";
import { lastError, limit, program, type Side } from "./contestant.ts";
import { type Comparison, measureComparison } from "./measure.ts";

/** A side that returns these speeds in order, and logs its calls. */
function speeds(library: string, values: number[], order: string[] = [], check = [1, 2]): Side {
  let next = 0;
  return {
    library,
    start: () =>
      Promise.resolve({
        check,
        measure: () => {
          order.push(library);
          return Promise.resolve({ speed: values[next++ % values.length]! });
        },
        close: () => {
          order.push(`${library} ends`);
          return Promise.resolve();
        },
      }),
  };
}

const missing: Side = { library: "missing", start: () => Promise.reject(new Error("not here")) };

const quantity = { name: "speed of it", key: "speed", unit: "m/s", wanted: 2 };

function comparison(ours: Side, others: Side[], more: Partial<Comparison> = {}): Comparison {
  return { name: "it", device: "cpu", ours, others, quantities: [quantity], rounds: 3, ...more };
}

const thoroughly = { isQuick: false, nanochat: null, python: "python3" };

Deno.test("sides are measured alternately, and all are closed", async () => {
  const order: string[] = [];
  const sides = [speeds("a", [1], order), speeds("b", [1], order)] as const;
  await measureComparison(comparison(sides[0], [sides[1]], { rounds: 2 }), thoroughly);
  assertEquals(order, ["a", "b", "a", "b", "a ends", "b ends"]);
});

Deno.test("the ratio is that of medians, against the best of the others", async () => {
  const others = [speeds("slow", [1]), speeds("fast", [3, 4, 9])];
  const [row] = await measureComparison(
    comparison(speeds("ours", [8, 2, 100]), others),
    thoroughly,
  );
  assertEquals([row!.ours.value, row!.ratio], [8, 2]);
  assertEquals(row!.others.map(({ value }) => value), [1, 4]);
  assertEquals(row!.spread, [0.5, 100 / 9]);
});

Deno.test("if less is better, half is a ratio of 2", async () => {
  const [row] = await measureComparison(
    comparison(speeds("ours", [5]), [limit("limit", { speed: 10 })], {
      quantities: [{ ...quantity, lessIsBetter: true }],
    }),
    thoroughly,
  );
  assertEquals(row!.ratio, 2);
});

Deno.test("a library that is not available leaves its reason", async () => {
  const [row] = await measureComparison(comparison(speeds("ours", [1]), [missing]), thoroughly);
  assertEquals(row!.others, [{ library: "missing", value: null, reason: "not here" }]);
  assertEquals([row!.ours.value, row!.ratio, row!.spread], [1, null, null]);
});

Deno.test("a library that fails later leaves its reason, and the others continue", async () => {
  const order: string[] = [];
  const failing = speeds("failing", [1], order);
  const start = async () => {
    const contestant = await failing.start();
    let calls = 0;
    const measure = () => ++calls === 2 ? Promise.reject(new Error("broke")) : contestant.measure();
    return { ...contestant, measure };
  };
  const sides = [{ library: "failing", start }, speeds("fine", [2])];
  const [row] = await measureComparison(comparison(speeds("ours", [4]), sides), thoroughly);
  assertEquals(row!.others, [
    { library: "failing", value: null, reason: "broke" },
    { library: "fine", value: 2 },
  ]);
  assertEquals([row!.ratio, order], [2, ["failing", "failing ends"]]);
});

Deno.test("a later failure of ours is an error", async () => {
  const broken: Side = {
    library: "ours",
    start: () =>
      Promise.resolve({
        check: [],
        measure: () => Promise.reject(new Error("broke")),
        close: () => Promise.resolve(),
      }),
  };
  await assertRejects(
    () => measureComparison(comparison(broken, [missing]), thoroughly),
    Error,
    "broke",
  );
});

Deno.test("a program that hangs is killed", async () => {
  const command = [Deno.execPath(), "eval", "setTimeout(() => {}, 60_000)"] as const;
  const side = program("slow", command, () => ({}), { seconds: 0.3 });
  await assertRejects(() => side.start(), Error, "timed out after 0.3 s");
});

Deno.test("the most informative line of an error output is kept", () => {
  const compiler = "Traceback:\nCppCompileError: C++ compile error\n" +
    "/tmp/x.h:19:10: fatal error: ATen/NumericUtils.h: No such file\ncompilation terminated.";
  assertEquals(lastError(compiler), "fatal error: ATen/NumericUtils.h: No such file");
  assertEquals(lastError("Traceback:\n  x\nValueError: no\n"), "ValueError: no");
  assertEquals(lastError("\n"), "no error output");
});

Deno.test("results must be equal, or nothing is timed", async () => {
  const order: string[] = [];
  const sides = [speeds("a", [1], order), speeds("b", [1], order, [1, 2.5])] as const;
  await assertRejects(
    () => measureComparison(comparison(sides[0], [sides[1]], { tolerance: 0.1 }), thoroughly),
    Error,
    'Cannot compare "it": nanodino gives 2 and b 2.5',
  );
  assertEquals(order, ["a ends", "b ends"]);
});

Deno.test("a quick run measures at most three times", async () => {
  const order: string[] = [];
  const sides = [speeds("a", [1], order), limit("limit", { speed: 1 })] as const;
  await measureComparison(comparison(sides[0], [sides[1]], { rounds: 50 }), {
    ...thoroughly,
    isQuick: true,
  });
  assertEquals(order.filter((name) => name === "a").length, 3);
});
