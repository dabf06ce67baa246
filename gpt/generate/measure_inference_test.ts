import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { cpuTest, fresh } from "../../testing/every_device.ts";
import { GPT } from "../model/model.ts";
import { decodeFlops } from "../model/costs.ts";
import { inferenceCosts, measureInference } from "./measure_inference.ts";

const config = {
  sequenceLen: 512,
  vocabSize: 64,
  nLayer: 2,
  nHead: 2,
  nKvHead: 1,
  nEmbd: 32,
  windowPattern: "SL",
};

cpuTest("costs count all weights, and of the KV cache what the windows reach", (device) => {
  const model = new GPT(config, device);
  const options = { promptTokens: 1000, decodeTokens: 100, bandwidth: 1e9 };
  const costs = inferenceCosts(model, options);
  const stored = Array.from(
    model.parameters().values(),
    ({ shape }) => 4 * shape.reduce((product, size) => product * size, 1),
  );
  // A key and a value of 16 channels in two layers each; a short window reaches 128 tokens.
  const kvReadBytes = 128 * (128 + 462);
  assertEquals(costs, {
    promptTokens: 412,
    weightBytes: stored.reduce((sum, bytes) => sum + bytes),
    kvBytesPerToken: 2 * 128,
    kvReadBytes,
    ceilingTokensPerSecond: 1e9 / (costs.weightBytes + kvReadBytes),
  });
  assertThrows(
    () => inferenceCosts(model, { ...options, decodeTokens: 512 }),
    RangeError,
    "wanted from 2 to 511 tokens after a prompt, got 512",
  );
});

fresh.testOnEveryDevice(
  "a measurement is consistent and leaks nothing",
  async (device) => {
    const model = new GPT(config, device);
    const options = { promptTokens: 40, decodeTokens: 20, bandwidth: 1e10, peakFlops: 1e10 };
    const { live } = device;
    for (const batchSize of [1, 3]) {
      const speed = await measureInference(model, batchSize, options);
      const seconds = speed.stepMilliseconds / 1000;
      const { weightBytes, kvReadBytes } = inferenceCosts(model, options);
      const close = (actual: number, expected: number) =>
        assert(Math.abs(actual / expected - 1) < 1e-9, `${actual} and ${expected}`);
      close(speed.bandwidthShare, (weightBytes + batchSize * kvReadBytes) / seconds / 1e10);
      close(speed.flopsShare, batchSize * decodeFlops(config, 50) / seconds / 1e10);
      assert(speed.firstTokenMilliseconds > 0 && speed.tokensPerSecond > 0);
      assert(speed.memoryBytes >= weightBytes + batchSize * 60 * 2 * 128, `${speed.memoryBytes}`);
    }
    assertEquals(device.live, live);
  },
);

fresh.cpuTest("a batch that exceeds the device's memory is refused", async (device) => {
  const model = new GPT(config, device);
  const options = { promptTokens: 256, decodeTokens: 256, bandwidth: 1e10, peakFlops: 1e10 };
  await assertRejects(() => measureInference(model, 2 ** 20, options), RangeError);
});
