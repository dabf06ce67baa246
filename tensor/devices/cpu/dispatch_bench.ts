import { openCpuDevice } from "./device.ts";
import { addRamp, nothing } from "./testing/kernels.ts";

for (const threads of [1, 2]) {
  const device = await openCpuDevice({ threads, blas: false });
  const allocation = device.allocate(4 << 20, "numbers");
  device.write(allocation, 0, new Float32Array(1 << 20));
  const address = device.address({ allocation, dtype: "float32", offset: 0 });
  const arguments_ = { integers: [address, 0], floats: [0, 1] };
  for (let i = 0; i < 2_000; i++) device.dispatch(addRamp, arguments_, 1_024);

  Deno.bench({
    name: `an empty kernel, threads: ${threads}`,
    group: "empty",
    baseline: threads === 1,
    fn: () => device.dispatch(nothing, arguments_, 2),
  });
  for (
    const [name, count] of [["1,024", 1 << 10], ["16,384", 1 << 14], [
      "1,048,576",
      1 << 20,
    ]] as const
  ) {
    Deno.bench({
      name: `a scalar ramp over ${name} floats, threads: ${threads}`,
      group: `ramp ${name}`,
      baseline: threads === 1,
      fn: () => device.dispatch(addRamp, arguments_, count),
    });
  }
  Deno.bench({
    name: `allocate and free 4 KiB, threads: ${threads}`,
    group: "memory",
    fn: () => device.free(device.allocate(4_096, "block")),
  });
}
