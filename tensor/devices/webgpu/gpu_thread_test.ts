import { assertEquals, assertMatch } from "@std/assert";
import { adapterTest } from "../../../testing/gpu.ts";

/** Runs a program that opens a device in a worker, with only the given permissions. */
async function openIn(program: string, ...permissions: string[]): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  const module = JSON.stringify(import.meta.resolve("./mod.ts"));
  await Deno.writeTextFile(file, `import { openWebGpuDevice } from ${module};\n${program}`);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-check", ...permissions, file],
    env: { NO_COLOR: "1" },
  }).output();
  await Deno.remove(file);
  return new TextDecoder().decode(stdout).trim();
}

adapterTest("a worker without read permission is an error that says so", async () => {
  const message = await openIn(
    "openWebGpuDevice({ worker: true }).catch((error) => console.log(error.message));",
  );
  assertMatch(message, /^Cannot open a WebGPU device in a worker: Requires read access to /);
});

adapterTest("a program with a device in a worker exits when it has nothing to do", async () => {
  const program = `
const device = await openWebGpuDevice({ worker: true });
const x = device.allocate(4, "x");
device.write(x, 0, Float32Array.of(5));
console.log(new Float32Array(await device.read(x, 0, 4))[0]);`;
  assertEquals(await openIn(program, "--allow-read"), "5");
});
