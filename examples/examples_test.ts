/** Runs the examples on small data of which it is known that they learn it. */

import { assert, assertEquals } from "@std/assert";
import { uniformArray } from "../tensor/mod.ts";

const folder = await Deno.makeTempDir();

async function run(example: string, ...args: string[]): Promise<string> {
  const path = new URL(`${example}.ts`, import.meta.url).pathname;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", path, ...args],
    cwd: folder,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  assert(success, `${example}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/** The numbers before or after some words, in all lines. */
function numbersIn(output: string, pattern: RegExp): number[] {
  return [...output.matchAll(pattern)].map(([, number]) => Number(number));
}

/** Images of ten classes, each a bright square at a place of its own, in noise. */
async function writeImages(part: string, count: number, seed: number): Promise<void> {
  const noise = uniformArray(seed, count * 28 * 28, 0, 100);
  const pixels = Uint8Array.from(noise, (value, i) => {
    const [image, row, column] = [Math.floor(i / 784), Math.floor(i / 28) % 28, i % 28];
    const [top, left] = [14 * Math.floor(image % 10 / 5), 5 * (image % 5)];
    return row >= top && row < top + 8 && column >= left && column < left + 8 ? 255 : value;
  });
  const classes = Uint8Array.from({ length: count }, (_, i) => i % 10);
  const write = async (name: string, header: number, bytes: Uint8Array) => {
    const content = new Blob([new Uint8Array(header), bytes as Uint8Array<ArrayBuffer>]);
    const file = await Deno.create(`${folder}/${part}-${name}-ubyte.gz`);
    await content.stream().pipeThrough(new CompressionStream("gzip")).pipeTo(file.writable);
  };
  await write("labels-idx1", 8, classes);
  await write("images-idx3", 16, pixels);
}

await writeImages("train", 1000, 1);
await writeImages("t10k", 200, 2);

for (const example of ["clothes", "quickstart"]) {
  Deno.test(`the example ${example} learns where squares are`, async () => {
    const right = numbersIn(await run(example, folder, "2"), /: (\S+) of the test images/g);
    assertEquals(right.length, 2);
    assert(right[1]! > 0.97, `${right}`);
  });
}

Deno.test("the example vae learns to encode images", async () => {
  const nats = numbersIn(await run("vae", folder, "4"), /: (\S+) nats an image/g);
  assertEquals(nats.length, 4);
  // A pixel of noise costs almost log 2, of which there are 784.
  assert(nats[3]! < nats[0]! - 5, `${nats}`);
});

Deno.test("the example characters learns to continue a text", async () => {
  const text = "the quick brown fox jumps over the lazy dog. ";
  await Deno.writeTextFile(`${folder}/text.txt`, text.repeat(20));
  const output = await run("characters", "text.txt", "100");
  const losses = numbersIn(output, /: (\S+) nats/g);
  assertEquals(losses.length, 1);
  assert(losses[0]! < 0.3, `${losses}`);
  assert(output.split("\n").at(-1)!.includes("jumps over the lazy dog"), output);
});

Deno.test("the example cart_pole learns to balance", async () => {
  const steps = numbersIn(await run("cart_pole", "100"), /balanced for (\S+) steps/g);
  assertEquals(steps.length, 5);
  // 32 at first; then 120 to 217, by how a processor rounds. One that has not learned falls as soon as at first.
  assert(steps[4]! > 2 * steps[0]!, `${steps}`);
});

Deno.test("the example segmentation learns to find discs", async () => {
  const shares = numbersIn(await run("segmentation", "4", "96"), /over union (\S+)/g);
  assertEquals(shares.length, 4);
  // 0.86; all pixels of an image as one disc have 0.1.
  assert(shares[3]! > 0.6, `${shares}`);
});

Deno.test("the example diffusion learns where points are", async () => {
  const distances = numbersIn(await run("diffusion", "400"), /are (\S+) from the moons/g);
  assertEquals(distances.length, 1);
  // 0.2; 23 without training.
  assert(distances[0]! < 0.5, `${distances}`);
});

Deno.test("the example names learns how names end", async () => {
  const names = ["anna", "hanna", "johanna", "susanna", "rosanna", "deanna", "adrianna"];
  await Deno.writeTextFile(`${folder}/names.txt`, `${names.join("\n")}\n`);
  const output = await run("names", "names.txt", "200");
  const losses = numbersIn(output, /: (\S+) nats/g);
  assert(losses[1]! < 0.8, `${losses}`);
  const made = output.trimEnd().split("\n").slice(-10);
  assert(made.filter((name) => name.endsWith("anna")).length > 5, `${made}`);
});

globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
