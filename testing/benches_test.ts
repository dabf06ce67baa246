import { assertEquals } from "@std/assert";

Deno.test("a bench that no filter matches loads, and ends without an error", async () => {
  const path = new URL("../tensor/ops/gather/indexing_bench.ts", import.meta.url).pathname;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bench", "-A", "--no-check", "--no-lock", "--quiet", "--filter=none of them", path],
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
});
