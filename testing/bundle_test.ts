import { assertEquals } from "@std/assert";

/** Uses the CPU with a worker; publishes the number of threads, and a sum of 9. */
const program = `
import { openDevice, Tensor } from ${JSON.stringify(import.meta.resolve("../tensor/mod.ts"))};

globalThis.result = (async () => {
  const device = await openDevice("cpu", { threads: 2 });
  const sum = await Tensor.ones(device, [3]).add(2).sum().item();
  await device.close();
  return [device.info.details.threads, sum];
})();
`;
const printed = "console.log(JSON.stringify(await globalThis.result));";

async function bundle(source: string, ...options: string[]): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/program.ts`, source);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", "--quiet", "--platform", "browser", ...options, "program.ts"],
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    assertEquals([code, decoder.decode(stderr)], [0, ""]);
    return decoder.decode(stdout);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const options of [[], ["--minify"]]) {
  const name = ["a bundle", ...options].join(" with ");

  Deno.test(
    `${name} runs the CPU with a worker in Deno, without a file beside it or a permission`,
    async () => {
      const folder = await Deno.makeTempDir();
      try {
        await Deno.writeTextFile(
          `${folder}/program.js`,
          await bundle(program + printed, ...options),
        );
        const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args: ["run", "--quiet", "--no-prompt", "program.js"],
          cwd: folder,
          env: { NO_COLOR: "1" },
        }).output();
        const decoder = new TextDecoder();
        assertEquals([decoder.decode(stdout), decoder.decode(stderr)], ["[2,9]\n", ""]);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  );
}

Deno.test("a bundle for a classic script loads and computes, though it has no address", async () => {
  const device = `import { openDevice, Tensor } from ${
    JSON.stringify(import.meta.resolve("../tensor/mod.ts"))
  };
globalThis.result = openDevice("cpu", { threads: 1 }).then(async (device) => {
  const sum = await Tensor.ones(device, [3]).add(2).sum().item();
  await device.close();
  return sum;
});`;
  const code = await bundle(device, "--format", "iife", "--minify");
  assertEquals(await new Function(`${code}; return globalThis.result;`)(), 9);
});
