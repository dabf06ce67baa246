import { assertRejects } from "@std/assert";
import { openDevice } from "./mod.ts";

Deno.test("matmuls in bf16 are asked of the CPU, also where there is a GPU", async () => {
  const options = { matmulPrecision: "bf16", oneDnn: false } as const;
  await assertRejects(() => openDevice("auto", options), Error, "no oneDNN: turned off");
  await assertRejects(() => openDevice("webgpu", options), Error, "WebGPU has no bf16");
});
