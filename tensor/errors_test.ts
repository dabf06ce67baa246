import { assert, assertEquals, assertMatch } from "@std/assert";
import { adapterTest } from "../testing/gpu.ts";
import { Error as OwnError, RangeError as OwnRangeError } from "./errors.ts";

const root = new URL("../", import.meta.url).href;

/** Programs that fail, each in its fifth line. */
const programs: Readonly<Record<string, string>> = {
  "a method": "x.matmul(x);",
  "a reduction": "x.to('int32').mean();",
  "a reduction along an axis": "x.max(7);",
  "a sum along an axis": "x.sum(7);",
  "a constructor": "new Tensor([1, 2, 3]);",
  "a constructor with a device": "new Tensor(device, [2, 3]);",
  "a static method": "Tensor.from(device, [1, 2], { shape: [3] });",
  "a function": "tensor.concat([x, x.reshape([3, 2])]);",
  "backward": "x.detach().requireGrad().mul(2).backward();",
  "a second backward": "const y = x.requireGrad().mul(2).sum(); y.backward(); y.backward();",
  "backward through what was changed":
    "const w = Tensor.ones(device, [2]).requireGrad(), y = w.mul(w).sum(); w.assign(new Float32Array(2)); y.backward();",
  "a layer's constructor": "new nn.Linear(device, 0, 1, { seed: 1 });",
  "a layer": "new nn.Linear(device, 2, 1, { seed: 1 }).forward(x);",
  "layers in layers":
    "new nn.Sequential([new nn.Sequential([new nn.Linear(device, 2, 1, { seed: 1 })])]).forward(x);",
  "an optimizer": "new optim.SGD([]);",
  "reading": "await x.item();",
  "reading what was freed": "x.dispose(); await x.data();",
  "a device": "await tensor.openDevice('cpu', { threads: 0 });",
};

async function run(
  line: string,
  open = 'tensor.openDevice("cpu", { threads: 1, blas: false })',
): Promise<string> {
  const folder = await Deno.makeTempDir();
  const program = `${folder}/program.ts`;
  await Deno.writeTextFile(
    program,
    [
      `import * as tensor from "${root}tensor/mod.ts"; import * as nn from "${root}nn/mod.ts";`,
      `import * as optim from "${root}optim/mod.ts"; const { Tensor } = tensor;`,
      `const device = await ${open};`,
      `const x = Tensor.from(device, [[1, 2, 3], [4, 5, 6]]);`,
      line,
    ].join("\n"),
  );
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", program],
    env: { NO_COLOR: "1" },
  }).output();
  await Deno.remove(folder, { recursive: true });
  return new TextDecoder().decode(stderr);
}

const startsAtCaller =
  /^error: Uncaught \(in promise\) \w*Error: Cannot .*\n +at .*program\.ts:5:\d+/;

for (const [what, line] of Object.entries(programs)) {
  Deno.test(`the stack of an error of ${what} starts at the caller's line`, async () => {
    assertMatch(await run(line), startsAtCaller);
  });
}

adapterTest("the stack of an error starts at the caller's line (webgpu)", async () => {
  assertMatch(await run("x.sum(7);", 'tensor.openDevice("webgpu")'), startsAtCaller);
});

Deno.test("an error of a layer that a library's layer calls begins in the former", async () => {
  const written = await run(
    "class Own extends nn.Module { forward(x) {\n return x.matmul(x); } };\n" +
      "new nn.Sequential([new Own()]).forward(x);",
  );
  assertMatch(written, /\n +at Own\.forward \(.*program\.ts:6:\d+\)\n +at .*tensor|nn/);
  assertMatch(written, /program\.ts:7:\d+/);
});

Deno.test("errors are the engine's own, with all their properties", () => {
  const cause = new Error("why");
  const error = new OwnRangeError("Cannot test", { cause });
  assert(error instanceof RangeError && error instanceof OwnRangeError && error instanceof Error);
  assertEquals([error.name, error.message, error.cause], ["RangeError", "Cannot test", cause]);
  assertEquals(Object.keys(error), []);
  assertMatch(error.stack!, /^RangeError: Cannot test\n +at .*errors_test\.ts/);
  class OfItsOwn extends OwnError {
    override name = "OfItsOwn";
  }
  const own = new OfItsOwn("again");
  assert(own instanceof OfItsOwn && own instanceof Error);
  assertEquals(Error.stackTraceLimit, 10);
});

Deno.test("files of the library use the errors of tensor/errors.ts", async () => {
  // The others are for scripts, which print one line, or may not import tensor. Text that is sent to
  // workers is exempt, for it cannot import.
  const folders = ["tensor", "nn", "optim", "gpt/model", "gpt/generate"];
  const isExempt = (path: string) =>
    /_(test|bench)\.ts$|\/testing\/|tensor\/errors\.ts$|cpu\/worker\.ts$/
      .test(path);
  const missing: string[] = [];
  let seen = 0;
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
      const path = `${folder}/${name}`;
      if (isDirectory) await walk(path);
      if (isDirectory || !name.endsWith(".ts") || isExempt(path)) continue;
      const source = (await Deno.readTextFile(new URL(path, root)))
        .replaceAll(/\/\*[^]*?\*\//g, "");
      for (const [, name] of source.matchAll(/\bnew ((?:Range|Syntax|Type)?Error)\(/g)) {
        seen++;
        // Workers that are started from text have them as parameters.
        const imported = new RegExp(
          `import \\{[^}]*\\b${name}\\b[^}]*\\} from "[./a-z]*errors\\.ts"|\\b${name}: ${name}Constructor`,
        );
        if (!imported.test(source)) missing.push(`${path}: ${name}`);
      }
    }
  };
  for (const folder of folders) await walk(folder);
  assert(seen > 50);
  assertEquals(missing, []);
});
