/** Whole processes: scripts that open the device with few permissions or never close it. */

import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";

const root = new URL("../../../", import.meta.url);

/** Opens a device, runs an example on it, prints the description, and goes on with `last`. */
function script(base: string | URL, options: string, last: string): string {
  const url = (path: string) => JSON.stringify(new URL(path, base).href);
  return `
    import { openDevice } from ${url("tensor/mod.ts")};
    import { addRamp } from ${url("tensor/devices/cpu/testing/kernels.ts")};
    const device = await openDevice("cpu", ${options});
    if (device.hasBlas) {
      // 2·256³ operations, in two parts: enough for oneDNN, if there is one.
      const matrices = device.allocate(12 * 65536, "matrices");
      device.write(matrices, 0, new Float32Array(2 * 65536));
      const view = { allocation: matrices, dtype: "float32", shape: [], strides: [], offset: 0 };
      const at = device.address(view);
      const sizes = [0, 0, 256, 256, 256];
      const places = [at, 256, at + 4 * 65536, 256, at + 8 * 65536, 256, 1, 1, 0, 0, 0, 0, 4, 4, 1, 0, 0, 0];
      device.dispatch({ key: "sgemm" }, { integers: [...sizes, ...places] }, 256);
    }
    const allocation = device.allocate(4000, "ramp");
    device.write(allocation, 0, new Float32Array(1000));
    const view = { allocation, dtype: "float32", shape: [1000], strides: [1], offset: 0 };
    const integers = [device.address(view), 10_000];
    for (let i = 0; i < 100; i++) device.dispatch(addRamp, { integers, floats: [1, 0] }, 1000);
    const data = new Float32Array(await device.read(allocation, 0, 4000));
    console.log(data[999], device.info.description);
    ${last}
  `;
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script in an empty folder; one that does not end is killed after three minutes. */
async function run(flags: readonly string[], source: string): Promise<Outcome> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/script.ts`, source);
    const output = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", ...flags, "script.ts"],
      cwd: folder,
      env: { NO_COLOR: "1" },
      signal: AbortSignal.timeout(180_000),
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code: output.code, stdout: text(output.stdout), stderr: text(output.stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("without any permission the device uses all threads, without BLAS and without a prompt", async () => {
  // Not with --no-prompt: a prompt would wait for an answer, or write to stderr.
  const { code, stdout, stderr } = await run([], script(root, "{ threads: 2 }", "device.close();"));
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^99900 cpu: 2 threads, .*, no BLAS \(.+\)\n$/);
});

Deno.test("with --allow-ffi alone a BLAS runs on one thread, without a prompt; --allow-read gives it all", async () => {
  const source = script(root, "{ threads: 2, oneDnn: false }", "device.close();");
  for (
    const [flags, wanted] of [
      [
        ["--allow-ffi"],
        /^99900 cpu: 2 threads, .*BLAS \S.* on one thread \(run with --allow-read for more\)\n$/,
      ],
      [["--allow-ffi", `--allow-read=${root.pathname}`], /^99900 cpu: 2 threads, .*BLAS \S.*\)\n$/],
    ] as const
  ) {
    const { code, stdout, stderr } = await run(flags, source);
    assertEquals([code, stderr], [0, ""]);
    if (!stdout.includes("no BLAS")) assertMatch(stdout, wanted);
  }
});

for (
  const [name, last, wanted] of [
    ["forgets to close the device", "", 0],
    ["exits by itself", "Deno.exit(3);", 3],
    ["throws", "throw new Error('on purpose');", 1],
    ["closes the device", "await device.close();", 0],
    ["closes the device and does not wait", "device.close();", 0],
  ] as const
) {
  Deno.test(`a script that ${name} exits, with and without BLAS and oneDNN`, async () => {
    for (
      const options of [
        "{ threads: 2, oneDnn: false }",
        "{ threads: 2, matmulPrecision: 'auto' }",
        "{ threads: 3, blas: false }",
      ]
    ) {
      const { code, stdout } = await run(["--allow-ffi"], script(root, options, last));
      assertEquals(code, wanted);
      assertMatch(stdout, /^99900 cpu: [23] threads/);
    }
  });
}

Deno.test("the device works when imported by URL in an empty folder", async () => {
  const server = Deno.serve(
    { port: 0, hostname: "localhost", onListen: () => {} },
    async (request) => {
      try {
        const path = new URL(`.${new URL(request.url).pathname}`, root);
        const headers = { "content-type": "application/typescript" };
        return new Response(await Deno.readFile(path), { headers });
      } catch {
        return new Response("not found", { status: 404 });
      }
    },
  );
  try {
    const { port } = server.addr;
    const source = script(`http://localhost:${port}/`, "{ threads: 2 }", "");
    // Workers may import from there what the program may, and need no permission to read.
    for (const flags of [[], ["--allow-ffi"]]) {
      const { code, stdout, stderr } = await run(
        [`--allow-import=localhost:${port}`, ...flags],
        source,
      );
      assertEquals(code, 0, stderr);
      assertMatch(stdout, /^99900 cpu: 2 threads, /);
      assertNotMatch(stdout, /on one thread/);
    }
  } finally {
    await server.shutdown();
  }
});

Deno.test("memory stays flat when devices are opened and closed repeatedly", async () => {
  const { code, stdout } = await run(
    ["--allow-ffi", "--v8-flags=--expose-gc"],
    script(
      root,
      "{ threads: 2 }",
      `
    await device.close();
    const resident = [];
    for (let i = 0; i < 16; i++) {
      const device = await openDevice("cpu", { threads: 2 });
      const allocation = device.allocate(40_000_000, "large");
      device.write(allocation, 0, new Float32Array(10_000_000));
      const integers = [device.address({ ...view, allocation }), 0];
      device.dispatch(addRamp, { integers, floats: [0, 0] }, 1000);
      await device.close();
      await new Promise((resolve) => setTimeout(resolve, 1));
      gc();
      resident.push(Deno.memoryUsage().rss);
    }
    console.log(Math.round((resident[15] - resident[5]) / 1e6));
  `,
    ),
  );
  assertEquals(code, 0);
  const grown = Number(stdout.trim().split("\n").at(-1));
  assert(grown < 100, `resident memory grew by ${grown} MB over 10 devices of 40 MB`);
});
