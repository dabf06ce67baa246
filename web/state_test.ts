import { assertEquals } from "@std/assert";
import { choice, hashOf, readHash, setting, slider } from "./state.ts";

Deno.test("a link sets what the reader could set, and nothing else", () => {
  const depth = slider("testDepth", "Layers", 2, [1, 4, 1]);
  const device = choice("testDevice", "Device", "auto", { auto: "any", cpu: "CPU" });
  const text = setting<string>("testText", "");
  const values = () => [depth.value, device.value, text.value];
  readHash("#testDepth=3&testDevice=cpu&testText=a%20%26%20b&other=1");
  assertEquals(values(), [3, "cpu", "a & b"]);
  assertEquals(hashOf(), "testDepth=3&testDevice=cpu&testText=a%20%26%20b");
  for (const wrong of ["testDepth=5", "testDepth=x", "testDevice=toString", "testDevice="]) {
    readHash(`#${wrong}`);
    assertEquals(values(), [3, "cpu", "a & b"], wrong);
  }
});
