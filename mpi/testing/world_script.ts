/** Run by tests as ranks: collectives, and ways to end. */

import { addressOf, World } from "../mod.ts";

const [task = "", library] = Deno.args;
const world = await World.open(library === undefined ? {} : { library });
const { rank, ranks } = world;

if (task === "collectives") console.log(`${JSON.stringify({ rank, ranks, ...collectives() })}`);
else await end();
world.close();

function collectives() {
  // Memory that WebAssembly's threads share, as the CPU device's is.
  const { buffer } = new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true });
  const floats = new Float32Array(buffer, 4096, 12 * ranks);
  const start = Deno.UnsafePointer.of(new Uint8Array(buffer));
  const address = Number(Deno.UnsafePointer.value(start)) + 4096;
  const block = 3;

  floats.fill(rank + 1);
  world.allReduce(address, floats.length, "float32", "sum");
  const sum = [...new Set(floats)];

  floats.forEach((_, i) => floats[i] = 10 * rank + i);
  world.reduceScatter(address, block);
  const scattered = [...floats.subarray(0, block)];

  floats.fill(-1);
  floats.fill(rank, rank * block, (rank + 1) * block);
  world.allGather(address, block);
  const gathered = [...floats.subarray(0, block * ranks)];

  const doubles = new Float64Array([rank / 3, -rank]);
  world.allReduce(addressOf(doubles), 2, "float64", "max");
  const integers = new Int32Array([rank + 1]);
  world.allReduce(addressOf(integers), 1, "int32", "sum");

  const bytes = new Uint8Array(5).fill(rank);
  world.broadcast(addressOf(bytes), bytes.length, ranks - 1);
  world.barrier();
  const result = { sum, scattered, gathered, max: [...doubles], count: integers[0] };
  return { ...result, bytes: [...bytes] };
}

/** Lets the last rank end improperly, while the others wait for it. */
async function end(): Promise<void> {
  world.barrier();
  if (rank === ranks - 1) {
    if (task === "throw") throw new Error("the rank's own error");
    if (task === "kill") Deno.kill(Deno.pid, "SIGKILL");
    if (task.startsWith("exit")) Deno.exit(Number(task.slice(4)));
    if (task === "return") return void await leave();
    if (task === "abort") world.abort(7, "the rank's own words");
  }
  world.barrier();
}

/** Ends as a script that comes to its last line, and has forgotten the world. */
async function leave(): Promise<void> {
  dispatchEvent(new Event("unload"));
  await new Promise(() => {});
}
