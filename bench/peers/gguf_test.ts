import { assertEquals } from "@std/assert";
import { writeRandomModel } from "./gguf.ts";

Deno.test("a model starts with the header of the format, and tensors fill the rest", async () => {
  const path = await Deno.makeTempFile();
  try {
    await writeRandomModel(path, {
      layers: 2,
      width: 64,
      heads: 4,
      inside: 96,
      vocabSize: 1000,
      contextLength: 32,
    });
    const bytes = await Deno.readFile(path);
    const view = new DataView(bytes.buffer);
    assertEquals(new TextDecoder().decode(bytes.subarray(0, 4)), "GGUF");
    assertEquals(view.getUint32(4, true), 3);
    assertEquals(view.getBigUint64(8, true), 3n + 2n * 9n);
    // The last tensor is the head; nothing follows it.
    const floats = 1000 * 64;
    const head = new Float32Array(bytes.slice(bytes.length - 4 * floats).buffer);
    const deviation = Math.sqrt(head.reduce((sum, x) => sum + x * x, 0) / floats);
    assertEquals(deviation.toFixed(3), "0.050");
    assertEquals(bytes.length % 32, 0);
    // The tensor before it is the last norm: ones.
    const norm = bytes.slice(bytes.length - 4 * (floats + 64), bytes.length - 4 * floats);
    assertEquals(new Float32Array(norm.buffer).every((x) => x === 1), true);
  } finally {
    await Deno.remove(path);
  }
});
