import { assertEquals } from "@std/assert";
import { findChromium, startChromium } from "./browser/chromium.ts";
import { adapterTest } from "./gpu.ts";

/** Uses a GPU in a worker; publishes whether it was one, and a sum of 9. */
const program = `
import { openDevice, Tensor } from ${JSON.stringify(import.meta.resolve("../tensor/mod.ts"))};

globalThis.result = (async () => {
  const device = await openDevice("webgpu", { worker: true });
  const sum = await Tensor.ones(device, [3]).add(2).sum().item();
  await device.close();
  return [device.info.details.worker, sum];
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

  adapterTest(
    `${name} runs a GPU in a worker in Deno, without a file beside it or a permission`,
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
        assertEquals([decoder.decode(stdout), decoder.decode(stderr)], ["[true,9]\n", ""]);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  );

  const chromium = findChromium();
  const ignore = chromium === null && Deno.env.get("NANODINO_REQUIRE_BROWSER") !== "1";
  const inBrowser = `${name} runs a GPU in a worker in a browser`;
  Deno.test({
    name: ignore ? `${inBrowser} (ignored: Chromium is not installed)` : inBrowser,
    ignore,
    fn: async () => {
      if (chromium === null) throw new Error("wanted Chromium on the PATH, got none");
      const code = await bundle(program, ...options);
      await using server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen: () => {} },
        ({ url }) =>
          url.endsWith(".js")
            ? new Response(code, { headers: { "content-type": "text/javascript" } })
            : new Response('<!doctype html><script type="module" src="/program.js"></script>', {
              headers: { "content-type": "text/html" },
            }),
      );
      const browser = await startChromium(chromium);
      try {
        const page = await browser.newPage();
        await page.goto(`http://127.0.0.1:${server.addr.port}/`);
        const result = await page.evaluate(() => Reflect.get(globalThis, "result"));
        assertEquals(result, [true, 9]);
      } finally {
        await browser.close();
      }
    },
  });
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
