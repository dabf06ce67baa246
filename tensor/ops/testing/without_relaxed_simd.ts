/** The CPU device as on an engine without relaxed SIMD. @module */

import type { CpuDevice } from "../../device.ts";

/** The same device, for which kernels are emitted without fused multiply-add. */
export function withoutRelaxedSimd(device: CpuDevice): CpuDevice {
  const dispatch: CpuDevice["dispatch"] = (kernel, ...rest) => {
    const plain = "emit" in kernel
      ? { ...kernel, key: `${kernel.key}, without relaxed SIMD`, emit: () => kernel.emit(false) }
      : kernel;
    device.dispatch(plain, ...rest);
  };
  return new Proxy(device, {
    get: (target, name) => {
      if (name === "relaxedSimd") return false;
      if (name === "dispatch") return dispatch;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
