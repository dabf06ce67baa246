import { assert, assertEquals, assertMatch } from "@std/assert";
import { gzip } from "./testing/gzip.ts";
import { makePackage } from "./npm_package.ts";

Deno.test("the package for npm is small, complete, and trains", async () => {
  const files = await makePackage();
  const { exports, peerDependencies, sideEffects } = JSON.parse(files.get("package.json")!);
  for (const { types, default: code } of Object.values(exports) as Record<string, string>[]) {
    for (const path of [types, code]) assert(files.has(path!.slice(2)), path);
  }
  for (const path of sideEffects) assert(files.has(path.slice(2)), path);
  assertEquals(peerDependencies, { "@hpcc-js/wasm-graphviz": "1.29.2" });
  for (const [path, content] of files) {
    if (!path.endsWith(".js") && !path.endsWith(".d.ts")) continue;
    assert(!content.includes('"npm:'), `${path} imports as Deno does`);
    assert(!/\bimport\(__/.test(content), `bundlers warn of an import in ${path}`);
    for (const [, from] of content.matchAll(/^import "(\.[^"]*)";$/gm)) {
      const target = new URL(from!, `file:///${path}`).pathname;
      assert(sideEffects.includes(`.${target}`), `a bundler would leave out ${target}`);
    }
    for (const [, from] of content.matchAll(/^(?:import|export) .*from "(\.[^"]*)";$/gm)) {
      const target = new URL(from!, `file:///${path}`).pathname.slice(1);
      assertMatch(target, /\.js$/);
      assert(files.has(target), `${path} imports ${target}`);
    }
  }
  // An archive of npm is a little larger.
  const size = (await gzip([...files.values()].join(""))).byteLength;
  assert(size < 950_000, `${size} bytes`);

  const folder = await Deno.makeTempDir();
  try {
    for (const [path, content] of files) {
      const file = `${folder}/${path}`;
      await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
      await Deno.writeTextFile(file, content);
    }
    const program = `
import { openDevice, Tensor } from "./tensor/mod.js";
import { MLP, meanSquaredError } from "./nn/mod.js";
import { AdamW } from "./optim/mod.js";
const device = await openDevice("cpu", { threads: 2, blas: false });
const x = Tensor.from(device, [[0, 0], [0, 1], [1, 0], [1, 1]]);
const y = Tensor.from(device, [[0], [1], [1], [0]]);
const network = new MLP(device, [2, 8, 1], { activation: "tanh", seed: 42 });
const optimizer = new AdamW(network.parameters(), { lr: 0.05 });
for (let step = 0; step < 200; step++) {
  optimizer.zeroGrad();
  meanSquaredError(network.forward(x), y).backward();
  optimizer.step();
}
console.log((await network.forward(x).gt(0.5).data()).join());
try {
  x.at(1.5);
} catch (error) {
  console.log(error.stack.split("\\n")[1].includes("program.js"));
}
await device.close();
`;
    await Deno.writeTextFile(`${folder}/program.js`, program);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "program.js"],
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    assertEquals([decoder.decode(stdout), decoder.decode(stderr)], ["0,1,1,0\ntrue\n", ""]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
