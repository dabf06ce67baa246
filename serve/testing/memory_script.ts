/** Prints by how many bytes the heap has grown after some hundred requests; wants `--expose-gc`. @module */

import { withServer } from "./tiny_server.ts";

const collect: () => void = Reflect.get(globalThis, "gc");

await withServer({}, async ({ post }) => {
  const send = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const body = { prompt: "a rose", max_tokens: 2, stream: i % 2 === 0 };
      await (await post("/v1/completions", body)).text();
    }
    // Memory of the last requests is freed in the next turns.
    await new Promise((resolve) => setTimeout(resolve, 200));
    collect();
    return Deno.memoryUsage().heapUsed;
  };
  const before = await send(200);
  console.log(await send(300) - before);
});
