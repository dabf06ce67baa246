import { assertEquals } from "@std/assert";
import { adapterTest } from "../../../testing/gpu.ts";

async function openIn(program: string): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  const module = JSON.stringify(import.meta.resolve("./device.ts"));
  await Deno.writeTextFile(file, `import { openWebGpuDevice } from ${module};\n${program}`);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-check", file],
    env: { NO_COLOR: "1" },
  }).output();
  await Deno.remove(file);
  return new TextDecoder().decode(stdout).trim();
}

adapterTest(
  "a program with a device in a worker needs no permission, and exits when it has nothing to do",
  async () => {
    const program = `
const device = await openWebGpuDevice({ worker: true });
const x = device.allocate(4, "x");
device.write(x, 0, Float32Array.of(5));
console.log(new Float32Array(await device.read(x, 0, 4))[0]);`;
    assertEquals(await openIn(program), "5");
  },
);

Deno.test("a worker that cannot start is an error that says what was wanted", async () => {
  const program = `
Object.defineProperty(navigator, "gpu", { value: undefined });
for (const message of ["no worker here", ""]) {
  // As in a page whose policy forbids workers.
  Reflect.deleteProperty(globalThis, "process");
  globalThis.Worker = class {
    postMessage() {
      queueMicrotask(() => this.onerror({ message, preventDefault() {} }));
    }
    terminate() {}
  };
  await openWebGpuDevice({ worker: true }).catch((error) => console.log(error.message));
}`;
  const cannot = "Cannot open a WebGPU device in a worker: wanted one that starts, got";
  assertEquals((await openIn(program)).split("\n"), [
    `${cannot} "no worker here"`,
    `${cannot} "an error without a message"`,
  ]);
});
