import { assert, assertEquals } from "@std/assert";
import { cpuTest } from "../../testing/every_device.ts";
import { Tensor } from "../mod.ts";

cpuTest("a fast path says why it was taken, and the others why not", async (device) => {
  const x = Tensor.ones(device, [64, 64]);
  const { kernels } = await device.explain(() => {
    using _scope = device.scope();
    x.matmul(x);
  });
  const { choice } = kernels.find(({ name }) => name.startsWith("matmul"))!;
  assertEquals(choice!.operation, "matmul");
  assertEquals(choice!.taken, device.kind === "cpu" && device.hasBlas ? "BLAS" : "packed");
  const reasons = new Map(choice!.refused.map(({ name, reason }) => [name, reason]));
  assertEquals(reasons.get("symmetric"), "the result is not known to be symmetric");
  assert(reasons.has("skinny"));
});
