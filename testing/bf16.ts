/** Tests on the CPU with matmuls in bf16. */

import { type Device, openDevice } from "../tensor/mod.ts";

async function whyNot(): Promise<string | null> {
  try {
    const device = await openDevice("cpu", { threads: 1, matmulPrecision: "bf16" });
    await device.close();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Why this machine multiplies in no bf16; `null` if it does. */
export const missingBf16: string | null = await whyNot();
export const hasBf16: boolean = missingBf16 === null;

/** Registers a test on a fresh CPU device for bf16; ignored where the processor has none. */
export function bf16Test(name: string, fn: (device: Device) => void | Promise<void>): void {
  Deno.test({
    name: hasBf16 ? name : `${name} (ignored: ${missingBf16})`,
    ignore: !hasBf16,
    fn: async () => {
      const device = await openDevice("cpu", { threads: 2, matmulPrecision: "bf16" });
      try {
        await fn(device);
      } finally {
        await device.close();
      }
    },
  });
}
