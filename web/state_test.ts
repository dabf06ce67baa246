import { assertEquals } from "@std/assert";
import { choice, hashOf, isWaiting, readHash, readWaiting, setting, slider } from "./state.ts";

Deno.test("a link sets what the reader could set, and nothing else", () => {
  const depth = slider("testDepth", "Layers", 2, [1, 4, 1]);
  const device = choice("testDevice", "Device", "auto", { auto: "any", cpu: "CPU" });
  const text = setting<string>("testText", "");
  const values = () => [depth.value, device.value, text.value];
  readHash("#testDepth=3&testDevice=cpu&testText=a%20%26%20b&other=1&late=b%20c");
  assertEquals(values(), [3, "cpu", "a & b"]);
  // Values of settings that do not exist yet are kept for them.
  assertEquals(hashOf(), "testDepth=3&testDevice=cpu&testText=a%20%26%20b&other=1&late=b%20c");
  for (const wrong of ["testDepth=5", "testDepth=x", "testDevice=toString", "testDevice="]) {
    readHash(`#${wrong}`);
    assertEquals(values(), [3, "cpu", "a & b"], wrong);
  }
  const late = setting<string>("late", "");
  assertEquals([late.value, isWaiting()], ["", true]);
  readWaiting();
  assertEquals([late.value, isWaiting()], ["b c", false]);
  readHash("#other=2");
  assertEquals(hashOf(), "testDepth=3&testDevice=cpu&testText=a%20%26%20b&late=b%20c");
});
