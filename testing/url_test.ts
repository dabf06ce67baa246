import { assert, assertEquals } from "@std/assert";
import { serveRepository } from "./serve.ts";

/** What a user might write: a network that learns a sine, and nothing installed. */
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

Deno.test("a program in an empty folder trains a network with modules from a URL", async () => {
  await using server = serveRepository();
  const host = `127.0.0.1:${server.addr.port}`;
  const [folder, cache] = [await Deno.makeTempDir(), await Deno.makeTempDir()];
  try {
    await Deno.writeTextFile(`${folder}/sine.ts`, program(`http://${host}`));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      // With a type check: a type that cannot be resolved is as bad as a module that cannot.
      args: ["run", "--quiet", "--no-prompt", "--check=all", `--allow-import=${host}`, "sine.ts"],
      cwd: folder,
      env: { DENO_DIR: cache, NO_COLOR: "1" },
    }).output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
    const [first, last] = JSON.parse(new TextDecoder().decode(stdout)) as [number, number];
    assert(first > 0.2 && last < 0.002, `the loss went from ${first} to ${last}`);
    // The folder for packages is there, but nothing here uses one.
    assertEquals(await namesIn(`${cache}/npm`), []);
    assertEquals(await namesIn(folder), ["sine.ts"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(cache, { recursive: true });
  }
});
