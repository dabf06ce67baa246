/** Opens a GPU adapter with the limits and features that kernels use. @module */

import { type DeviceInfo, LIMITS, type WebGpuLimits } from "../../device.ts";
import { Error, wrongValue } from "../../errors.ts";

/** Options for {@linkcode openWebGpuDevice}. */
export interface WebGpuOptions {
  /** Limits below those of the adapter, to test that kernels respect them. */
  readonly limits?: Partial<WebGpuLimits>;
  /**
   * Maximum total size of all buffers, in bytes; drivers do not always check. By default 4 GiB on a
   * software adapter and 64 GiB on a GPU.
   */
  readonly memoryLimit?: number;
  /** Subgroup size to assume, to test kernels for another adapter. By default the adapter's. */
  readonly subgroupSize?: number;
  /** Whether to use timestamps, to test profiling without them. @default {true} */
  readonly timestamps?: boolean;
  /** Whether to use `float16`, to test what happens without. @default {true} */
  readonly float16?: boolean;
}

/** An opened GPU. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly info: DeviceInfo;
  readonly limits: WebGpuLimits;
  /** Optional features in effect, such as `"timestamp-query"`. */
  readonly features: ReadonlySet<string>;
}

/** Optional features that kernels use. Requesting an absent one throws. */
const wantedFeatures = ["timestamp-query", "shader-f16"] as const;
/** Assumed if an adapter does not state its subgroup size. */
const USUAL_SUBGROUP_SIZE = 32;

function chooseLimits(
  offers: GPUSupportedLimits,
  wanted: Partial<WebGpuLimits> = {},
): WebGpuLimits {
  const limits = LIMITS.map((name) => {
    const offered = offers[name];
    const limit = wanted[name] ?? offered;
    if (limit > 0 && limit <= offered) return [name, limit];
    throw wrongValue("open a WebGPU device", `${name} between 1 and ${offered}`, limit);
  });
  return Object.fromEntries(limits);
}

/** Whether the adapter runs on the CPU. Not every one admits it. */
function isSoftware(info: GPUAdapterInfo): boolean {
  const name = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return info.isFallbackAdapter || /llvmpipe|swiftshader|software|basic render/i.test(name);
}

function describe(
  info: GPUAdapterInfo,
  limits: WebGpuLimits,
  features: readonly string[],
  { subgroupSize = info.subgroupMaxSize || USUAL_SUBGROUP_SIZE }: WebGpuOptions,
): DeviceInfo {
  const software = isSoftware(info);
  const name = info.description || `${info.vendor} ${info.architecture}`.trim() ||
    "unnamed adapter";
  const absent = wantedFeatures.filter((feature) => !features.includes(feature));
  const without = absent.length > 0 ? `, without ${absent.join(", ")}` : "";
  const [before, after] = ["webgpu: ", software ? " (software)" : ""];
  const room = 60 - before.length - after.length;
  return {
    title: before + (name.length > room ? `${name.slice(0, room - 1)}…` : name) + after,
    description: `WebGPU on ${name}${software ? " (software)" : ""}${without}`,
    details: {
      adapter: name,
      vendor: info.vendor,
      architecture: info.architecture,
      software,
      subgroupSize,
      float16: features.includes("shader-f16"),
      features: features.join(" "),
      ...limits,
    },
  };
}

/**
 * Opens the best adapter that `navigator.gpu` offers.
 *
 * @throws {Error} If there is none; says what to install.
 * @throws {RangeError} If a requested limit exceeds the adapter's.
 */
export async function openAdapter(options: WebGpuOptions): Promise<Gpu> {
  // A browser without WebGPU has no `gpu`, despite its type.
  const gpu: GPU | undefined = navigator.gpu;
  const adapter = await gpu?.requestAdapter({ powerPreference: "high-performance" }) ?? null;
  if (adapter === null) {
    throw new Error(
      gpu === undefined
        ? "Cannot open a WebGPU device: wanted navigator.gpu, got undefined; " +
          'use Deno 2 or a browser with WebGPU, or the device "cpu"'
        : "Cannot open a WebGPU device: wanted a Vulkan, Metal or DirectX 12 driver, got none; " +
          "install the driver of the graphics card, or on Debian mesa-vulkan-drivers for a software one",
    );
  }
  const limits = chooseLimits(adapter.limits, options.limits);
  const features = wantedFeatures.filter((name) =>
    adapter.features.has(name) &&
    (name !== "timestamp-query" || options.timestamps !== false) &&
    (name !== "shader-f16" || options.float16 !== false)
  );
  const device = await adapter.requestDevice({
    label: "nanodino",
    requiredLimits: { ...limits },
    requiredFeatures: features,
  });
  const info = describe(adapter.info, limits, features, options);
  return { device, info, limits, features: new Set(features) };
}
