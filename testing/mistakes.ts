/** Tests of mistakes in programs that are not type-checked. */

import { assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import * as nn from "../nn/mod.ts";
import { type Device, openDevice, Tensor } from "../tensor/mod.ts";
import { testOnEveryDevice } from "./every_device.ts";

// deno-lint-ignore no-explicit-any
export type Untyped = any;

export interface Setting {
  readonly device: Device;
  /** `[[1, 2, 3], [4, 5, 6]]` */
  readonly x: Untyped;
  /** `[1, 2]`, which requires a gradient. */
  readonly w: Untyped;
  readonly layer: Untyped;
  readonly other: Device;
}

/** A mistake, and the class and the text of its error. */
export type Mistake = readonly [
  make: (setting: Setting) => unknown,
  type: ErrorConstructor,
  message: string | RegExp,
];

export async function open(device: Device): Promise<Setting> {
  return {
    device,
    x: Tensor.from(device, [[1, 2, 3], [4, 5, 6]]),
    w: Tensor.from(device, [1, 2], { requiresGrad: true }),
    layer: new nn.Linear(device, 2, 1, { seed: 1 }),
    other: await openDevice("cpu", { threads: 1, blas: false }),
  };
}

export function testMistakes(name: string, mistakes: readonly Mistake[]): void {
  testOnEveryDevice(name, async (device) => {
    const setting = await open(device);
    for (const [make, type, message] of mistakes) {
      let error: Untyped = null;
      try {
        await make(setting);
      } catch (thrown) {
        error = thrown;
      }
      assertInstanceOf(error, type, `${make}: got ${error}`);
      assertEquals(error.name, type.name, `${make}`);
      if (typeof message === "string") assertEquals(error.message, message);
      else assertMatch(error.message, message);
    }
    await setting.other.close();
  });
}

export const HINT = "Make a tensor of it with Tensor.from(device, …).";
