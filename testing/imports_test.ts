import { assertEquals } from "@std/assert";
import {
  circlesIn,
  importsOf,
  tensorsWithoutOperations,
  unusedInternals,
  violationsIn,
} from "./imports.ts";
import { sourceFiles } from "./source_files.ts";

const root = new URL("../", import.meta.url);

const paths = await Array.fromAsync(sourceFiles());
const files = new Map(
  await Promise.all(
    paths.map(async (path) => [path, await Deno.readTextFile(new URL(path, root))] as const),
  ),
);

Deno.test("every import in the repository follows the design's arrows", () => {
  // A walk that misses files would find no violations either.
  assertEquals(files.has("autograd/tape.ts") && files.has("testing/imports.ts"), true);
  const violations = [...files].flatMap(([path, source]) => violationsIn(path, source));
  assertEquals(violations.sort(), []);
});

Deno.test("no files import each other in a circle", () => {
  assertEquals(circlesIn(files), []);
});

Deno.test("tests and benches that make tensors load their operations", () => {
  assertEquals(tensorsWithoutOperations(files), []);
  const bench = "tensor/ops/x_bench.ts";
  const broken = new Map([
    [bench, 'import { Tensor } from "../tensor.ts"; import "./x.ts";'],
    ["tensor/ops/x.ts", 'import type { Methods } from "./methods.ts";'],
    ["tensor/ops/y_test.ts", 'import type { Tensor } from "../tensor.ts";'],
    ["tensor/tensor.ts", ""],
    ["tensor/ops/methods.ts", 'import "../tensor.ts";'],
  ]);
  assertEquals(tensorsWithoutOperations(broken), [bench]);
  broken.set("tensor/ops/x.ts", 'import "./methods.ts";');
  assertEquals(tensorsWithoutOperations(broken), []);
});

Deno.test("what modules share is used by other modules", () => {
  assertEquals(unusedInternals(files), []);
  const example = new Map([
    ["gpt/internals.ts", 'export { a, type T } from "./a.ts";\nexport { b, c } from "./b.ts";'],
    ["gpt/a.ts", 'import { a } from "./internals.ts";'],
    ["web/b.ts", 'const { b } = await import("../gpt/internals.ts");'],
    ["chat/c.ts", 'import { type U, c } from "../gpt/internals.ts";'],
  ]);
  assertEquals(unusedInternals(example), ["gpt/internals.ts: a"]);
});

Deno.test("a circle of files is found, in whatever form they import each other", () => {
  const circle = new Map([
    ["gpt/mod.ts", 'export * from "./model/a.ts"; import { type T } from "./model/t.ts";'],
    ["gpt/model/a.ts", 'import { b } from "../b.ts"; import type { C } from "../c.ts";'],
    ["gpt/b.ts", 'const c = () => import("./c.ts");'],
    ["gpt/c.ts", 'export { a, type A } from "./model/a.ts";'],
    ["gpt/model/t.ts", 'import "../mod.ts";'],
    ["gpt/d_test.ts", 'import "./d.ts";'],
    ["gpt/d.ts", 'import "./d_test.ts";'],
    ["gpt/e.ts", 'import "./e.ts";'],
  ]);
  assertEquals(circlesIn(circle), [
    "gpt/model/a.ts, gpt/b.ts, gpt/c.ts, gpt/model/a.ts",
    "gpt/e.ts, gpt/e.ts",
  ]);
  circle.set("gpt/c.ts", 'export type { A } from "./model/a.ts"; export { type B } from "./b.ts";');
  circle.delete("gpt/e.ts");
  assertEquals(circlesIn(circle), []);
});

Deno.test("imports are found in every syntactic form", () => {
  const source = `
    import a, { b } from "./static.ts";
    import type { C } from "./type.ts";
    import "./effect.ts";
    export * from "./star.ts";
    export { d } from './named.ts';
    const e = await import("./dynamic.ts");
    const f = await import(\`./template.ts\`);
    const g = (): Promise<unknown> => import(e.path);
    let h: import("./import_type.ts").H;
    import i = require("./require.ts");
    new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    // import "./comment.ts";
    const j = 'import "./string.ts"';
    const k = /import "quote/;
    export { a };
    const l = "npm:x@1.2.3";
    const m = await import(l);
    const n = await import(\`\${l}/data/\${m}.json\`);
    new URL("./data.json", import.meta.url);
  `;
  const found = importsOf(source).map(({ specifier, line, isEager }) => [line, specifier, isEager]);
  assertEquals(found, [
    [2, "./static.ts", true],
    [3, "./type.ts", false],
    [4, "./effect.ts", true],
    [5, "./star.ts", true],
    [6, "./named.ts", true],
    [7, "./dynamic.ts", true],
    [8, "./template.ts", true],
    [9, null, false],
    [10, "./import_type.ts", false],
    [11, "./require.ts", true],
    [12, "./worker.ts", true],
    [18, "npm:x@1.2.3", false],
    [19, "npm:x@1.2.3/data/*.json", false],
  ]);
});

/** The rule's verdict on a file at `path` that imports `specifier`. */
function verdict(path: string, specifier: string): string | undefined {
  const source = specifier.startsWith("npm:")
    ? `const name = "${specifier}"; await import(name);`
    : `import "${specifier}";`;
  return violationsIn(path, source)[0]?.slice(`${path}:1: `.length);
}

Deno.test("the arrows of the design are allowed", () => {
  const allowed = [
    ["mod.ts", "./tensor/mod.ts"],
    ["tensor/tensor.ts", "./layout.ts"],
    ["tensor/ops/matmul.ts", "../../autograd/mod.ts"],
    ["nn/linear.ts", "../tensor/mod.ts"],
    ["optim/muon.ts", "../tensor/mod.ts"],
    ["gpt/train.ts", "../optim/mod.ts"],
    ["gpt/train.ts", "../data/mod.ts"],
    ["gpt/deps.ts", "npm:@scope/name@1.2.3/sub/path.js"],
    ["data/deps.ts", "npm:name@0.1.0-rc.1"],
    ["data/source.ts", "node:fs"],
    ["scripts/speedrun.ts", "../gpt/mod.ts"],
    ["scripts/study.ts", "./studies/x.json"],
    ["scripts/tour.ts", "../lessons/mod.ts"],
    ["lessons/tour.ts", "../autograd/mod.ts"],
    ["web/parts/slider.tsx", "../deps.ts"],
    ["web/lesson/page.tsx", "../../lessons/mod.ts"],
    ["web/engine/worker.ts", "../../gpt/browser.ts"],
    ["web/dashboard/live.ts", "../../serve/dashboard/messages.ts"],
    ["web/engine/serving.ts", "../../serve/browser.ts"],
    ["scripts/learn.ts", "../web/build.ts"],
    ["tensor/mod.ts", "./fast/mod.ts"],
    ["tensor/fast/mod.ts", "./cpu/blas_matmul.ts"],
    ["tensor/fast/cpu/blas_matmul.ts", "../../ops/matmul/problem.ts"],
    ["tensor/ops/scan.ts", "../kernel/run.ts"],
    ["tensor/tensor_test.ts", "@std/assert"],
    ["tensor/tensor_bench.ts", "../nn/mod.ts"],
    ["bench/step.ts", "npm:unpinned"],
    ["testing/golden.ts", "../tensor/safetensors.ts"],
    ["tensor/ops/testing/cases.ts", "../../../testing/gpu.ts"],
    ["tensor/ops/testing/cases.ts", "@std/assert"],
  ];
  for (const [path, specifier] of allowed) {
    assertEquals(verdict(path!, specifier!), undefined, `${path} ${specifier}`);
  }
});

Deno.test("any other arrow, and any other kind of specifier, is a violation", () => {
  const refused = [
    ["autograd/tape.ts", "../tensor/mod.ts", "autograd may not import tensor (../tensor/mod.ts)"],
    ["tensor/ops/matmul.ts", "../../nn/mod.ts", "tensor may not import nn (../../nn/mod.ts)"],
    ["nn/linear.ts", "../autograd/mod.ts", "nn may not import autograd (../autograd/mod.ts)"],
    ["nn/linear.ts", "../optim/mod.ts", "nn may not import optim (../optim/mod.ts)"],
    ["tokenizer/bpe.ts", "../data/mod.ts", "tokenizer may not import data (../data/mod.ts)"],
    ["scripts/sample.ts", "../tensor/mod.ts", "scripts may not import tensor (../tensor/mod.ts)"],
    [
      "scripts/train.ts",
      "../autograd/mod.ts",
      "scripts may not import autograd (../autograd/mod.ts)",
    ],
    ["gpt/train.ts", "../scripts/train.ts", "gpt may not import scripts (../scripts/train.ts)"],
    ["gpt/train.ts", "../mod.ts", "gpt may not import mod.ts (../mod.ts)"],
    ["mod.ts", "./scripts/train.ts", "mod.ts may not import scripts (./scripts/train.ts)"],
    ["unknown/x.ts", "../tensor/mod.ts", "unknown may not import tensor (../tensor/mod.ts)"],
    ["gpt/x.ts", "../web/build.ts", "gpt may not import web (../web/build.ts)"],
    [
      "web/x.tsx",
      "../data/mod.ts",
      "web may import only data/browser.ts of data (../data/mod.ts)",
    ],
    [
      "web/x.tsx",
      "../serve/mod.ts",
      "web may import only serve/browser.ts and serve/dashboard/messages.ts of serve " +
      "(../serve/mod.ts)",
    ],
    [
      "tensor/ops/matmul.ts",
      "../fast/mod.ts",
      "only tensor/mod.ts may import tensor/fast/, and of it tensor/fast/mod.ts (../fast/mod.ts)",
    ],
    [
      "tensor/mod.ts",
      "./fast/cpu/blas_matmul.ts",
      "only tensor/mod.ts may import tensor/fast/, and of it tensor/fast/mod.ts " +
      "(./fast/cpu/blas_matmul.ts)",
    ],
    ["tensor/kernel/x.ts", "../devices/x.ts", "tensor/kernel may not import tensor/devices"],
    ["tensor/devices/cpu/x.ts", "../../ops/x.ts", "tensor/devices may not import tensor/ops"],
    ["tensor/ops/scan.ts", "../devices/x.ts", "tensor/ops may not import tensor/devices"],
    ["tensor/devices/x.ts", "../formula/x.ts", "tensor/devices may not import tensor/formula"],
    ["gpt/model/x.ts", "../train/x.ts", "gpt/model may not import gpt/train"],
    ["gpt/model/x.ts", "../files/x.ts", "gpt/model may not import gpt/files"],
    ["gpt/x.ts", "../testing/golden.ts", "only tests and benches may import testing/golden.ts"],
    ["gpt/x.ts", "./testing/y.ts", "only tests and benches may import gpt/testing/y.ts"],
    ["gpt/x.ts", "./y_test.ts", "only tests and benches may import gpt/y_test.ts"],
    ["gpt/x.ts", "../../gpt/y.ts", "../../gpt/y.ts leads out of the repository"],
    ["gpt/x.ts", "./y", `wanted a path that ends in .ts or .json, got "./y"`],
    ["gpt/x.ts", "./y.js", `wanted a path that ends in .ts or .json, got "./y.js"`],
    ["gpt/x.ts", "@std/assert", `wanted a relative path or npm:name@version, got "@std/assert"`],
    [
      "gpt/x.ts",
      "jsr:@std/path@1.0.0",
      `wanted a relative path or npm:name@version, got "jsr:@std/path@1.0.0"`,
    ],
    [
      "gpt/x.ts",
      "https://a.example/b.ts",
      `wanted a relative path or npm:name@version, got "https://a.example/b.ts"`,
    ],
    ["tensor/x.ts", "node:os", `wanted a relative path or npm:name@version, got "node:os"`],
    ["gpt/deps.ts", "npm:name", `wanted a full version, npm:name@1.2.3, got "npm:name"`],
    ["gpt/deps.ts", "npm:name@1", `wanted a full version, npm:name@1.2.3, got "npm:name@1"`],
    [
      "gpt/deps.ts",
      "npm:name@^1.2.3",
      `wanted a full version, npm:name@1.2.3, got "npm:name@^1.2.3"`,
    ],
    [
      "gpt/x.ts",
      "npm:name@1.2.3",
      `wanted "npm:name@1.2.3" in gpt/deps.ts, the module's list of packages`,
    ],
    [
      "gpt/sub/deps.ts",
      "npm:name@1.2.3",
      `wanted "npm:name@1.2.3" in gpt/deps.ts, the module's list of packages`,
    ],
  ];
  for (const [path, specifier, message] of refused) {
    assertEquals(verdict(path!, specifier!), message, `${path} ${specifier}`);
  }
  for (const literal of ["import a from ", "export * from ", "await import("]) {
    assertEquals(violationsIn("gpt/deps.ts", `${literal}"npm:name@1.2.3"`), [
      `gpt/deps.ts:1: wanted "npm:name@1.2.3" in a constant: ` +
      "Deno downloads a literal even if it is not used",
    ]);
  }
  assertEquals(violationsIn("web/deps.ts", 'export { a } from "npm:name@1.2.3";'), []);
  assertEquals(violationsIn("web/x.tsx", "const a = <b>import c from 'npm:d'</b>;"), []);
  assertEquals(violationsIn("gpt/deps.ts", 'import type { A } from "npm:name@1.2.3";'), []);
  assertEquals(violationsIn("gpt/x.ts", "\nawait import(name);"), [
    "gpt/x.ts:2: a computed import cannot be checked",
  ]);
});

Deno.test("the core's import map is the repository's, with nothing for the fast paths", async () => {
  const read = async (path: string): Promise<Record<string, string>> =>
    JSON.parse(await Deno.readTextFile(new URL(path, root))).imports;
  const { "../tensor/fast/mod.ts": fastPaths, ...others } = await read("testing/core_imports.json");
  assertEquals(others, await read("deno.json"));
  assertEquals(await import(fastPaths!), {});
});
