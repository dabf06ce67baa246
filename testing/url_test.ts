import { assert, assertEquals } from "@std/assert";
import { serveRepository } from "./serve.ts";

/** A program as a user might write it: a network that learns a sine, with nothing installed. */
const program = (address: string) => `
import { MLP, meanSquaredError } from "${address}/nn/mod.ts";
import { AdamW } from "${address}/optim/mod.ts";
import { openDevice, Tensor } from "${address}/tensor/mod.ts";

const device = await openDevice("cpu", { threads: 2, blas: false });
const points = Array.from({ length: 64 }, (_, i) => i / 32 - 1);
const x = Tensor.from(device, points.map((point) => [point]));
const y = Tensor.from(device, points.map((point) => [Math.sin(3 * point)]));
const network = new MLP(device, [1, 16, 16, 1], { activation: "tanh", seed: 42 });
const optimizer = new AdamW(network.parameters(), { lr: 0.01, weightDecay: 0 });
const losses: number[] = [];
for (let step = 0; step < 300; step++) {
  using _scope = device.scope();
  const loss = meanSquaredError(network.forward(x), y);
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  if (step % 299 === 0) losses.push(await loss.item());
}
await device.close();
console.log(JSON.stringify(losses));
`;

function namesIn(folder: string): Promise<string[]> {
  return Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
}

/**
 * Runs a program in an empty folder with an empty Deno cache.
 *
 * @param program Returns the source, given the address of the repository.
 * @param check How to check types: an unresolvable type is as bad as an unresolvable module.
 * @returns Its output, parsed as JSON.
 */
async function runFromUrl(
  program: (address: string) => string,
  check: "--check" | "--check=all",
): Promise<unknown> {
  await using server = serveRepository();
  const host = `127.0.0.1:${server.addr.port}`;
  const [folder, cache] = [await Deno.makeTempDir(), await Deno.makeTempDir()];
  try {
    await Deno.writeTextFile(`${folder}/program.ts`, program(`http://${host}`));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        check,
        `--allow-import=${host}`,
        "program.ts",
      ],
      cwd: folder,
      env: { DENO_DIR: cache, NO_COLOR: "1" },
    }).output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
    // The package folder exists, but nothing here uses a package.
    assertEquals(await namesIn(`${cache}/npm`), []);
    assertEquals(await namesIn(folder), ["program.ts"]);
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(cache, { recursive: true });
  }
}

Deno.test("a program in an empty folder trains a network with modules imported from a URL", async () => {
  const [first, last] = await runFromUrl(program, "--check=all") as [number, number];
  assert(first > 0.2 && last < 0.002, `the loss went from ${first} to ${last}`);
});

Deno.test("modules pass a type check with the settings of other projects, which are less strict", async () => {
  const { exports } = JSON.parse(await Deno.readTextFile("deno.json"));
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", "--no-config", "--no-lock", ...Object.values<string>(exports)],
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
});
