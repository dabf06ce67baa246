import { assert, assertEquals } from "@std/assert";
import { FAST_PATHS } from "./mod.ts";

Deno.test("every fast path has earned its place by a gain of at least 5 %, or says why nobody knows", () => {
  for (const { name, gain } of FAST_PATHS) {
    if ("unmeasured" in gain) assert(gain.unmeasured.length > 0, name);
    else assert(gain.factor >= 1.05, `${name}: ${gain.factor} for ${gain.of}`);
  }
});

Deno.test("fast paths have names of their own", () => {
  const names = FAST_PATHS.map(({ operation, device, name }) => `${device} ${operation} ${name}`);
  assertEquals(new Set(names).size, names.length);
});
