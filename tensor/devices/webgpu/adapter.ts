/** Finds a graphics processor and opens it with the limits and features that kernels want. @module */

import type { DeviceInfo } from "../../device.ts";

/** The limits that a device is opened with; see the WebGPU specification, section 3.6.2. */
export interface WebGpuLimits {
  /** The largest buffer, in bytes. */
  readonly maxBufferSize: number;
  /** The most threads of a workgroup, over all dimensions. */
  readonly maxComputeInvocationsPerWorkgroup: number;
  /** The most threads of a workgroup along x. */
  readonly maxComputeWorkgroupSizeX: number;
  /** The most workgroups of a dispatch along each dimension. */
  readonly maxComputeWorkgroupsPerDimension: number;
  /** The memory that the threads of a workgroup may share, in bytes. */
  readonly maxComputeWorkgroupStorageSize: number;
  /** The most storage buffers of a kernel. */
  readonly maxStorageBuffersPerShaderStage: number;
  /** The largest part of a buffer that a kernel can see, in bytes. */
  readonly maxStorageBufferBindingSize: number;
}

const limitNames: readonly (keyof WebGpuLimits)[] = [
  "maxBufferSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupsPerDimension",
  "maxComputeWorkgroupStorageSize",
  "maxStorageBuffersPerShaderStage",
  "maxStorageBufferBindingSize",
];

/** What {@linkcode openWebGpuDevice} can be told. */
export interface WebGpuOptions {
  /** Limits below those of the adapter, to see that kernels keep to them. */
  readonly limits?: Partial<WebGpuLimits>;
  /**
   * How many bytes the buffers may take together. Drivers do not always check it themselves.
   * The default is 4 GiB on a software adapter and 64 GiB on a graphics processor.
   */
  readonly memoryLimit?: number;
  /** How many threads run in step, to see what kernels do on another adapter; by default what it says. */
  readonly subgroupSize?: number;
  /** Whether the adapter's timestamps may be used, to see what a profile does without; by default yes. */
  readonly timestamps?: boolean;
  /** Whether `float16` may be used, to see what is done without; by default yes. */
  readonly float16?: boolean;
  /**
   * Whether a worker makes the calls (default no). Some hold their thread until the graphics processor
   * is done; so this keeps a server or a page awake.
   */
  readonly worker?: boolean;
}

/** What is assumed where an adapter does not say how many threads run in step. */
const USUAL_SUBGROUP_SIZE = 32;

/** An opened graphics processor, before anything is built on it. */
export interface OpenedAdapter {
  /** The device as the browser gives it. */
  readonly gpu: GPUDevice;
  /** What is known of the adapter, for people and for kernels. */
  readonly info: DeviceInfo;
  /** The limits that were asked for. */
  readonly limits: WebGpuLimits;
  /** Which of the features that kernels use there are. */
  readonly features: ReadonlySet<string>;
}

/** Features that kernels use where they are present. Asking for one that is absent throws. */
const wantedFeatures = ["timestamp-query", "shader-f16", "subgroups"] as const;

/**
 * Opens the best adapter that `navigator.gpu` offers.
 *
 * @throws {Error} If there is no `navigator.gpu`, or no adapter; it says what to install.
 * @throws {RangeError} If a limit is asked for that the adapter does not have.
 *
 * @example
 * ```ts
 * import { openAdapter } from "./adapter.ts";
 *
 * const opened = await openAdapter().catch((error: Error) => error);
 * console.log(opened instanceof Error ? opened.message : opened.info.description);
 * if (!(opened instanceof Error)) opened.gpu.destroy();
 * ```
 */
export async function openAdapter(options: WebGpuOptions = {}): Promise<OpenedAdapter> {
  const adapter = await findAdapter();
  const limits = chooseLimits(adapter, options.limits ?? {});
  const features = wantedFeatures.filter((name) =>
    adapter.features.has(name) && (name !== "timestamp-query" || options.timestamps !== false) &&
    (name !== "shader-f16" || options.float16 !== false)
  );
  const gpu = await adapter.requestDevice({
    label: "nanodino",
    requiredLimits: { ...limits },
    requiredFeatures: [...features] as GPUFeatureName[],
  });
  const info = describe(adapter, limits, features, options);
  return { gpu, limits, features: new Set(features), info };
}

async function findAdapter(): Promise<GPUAdapter> {
  // A browser without WebGPU has no `gpu`, though the types say that it is always there.
  const gpu: GPU | undefined = navigator.gpu;
  if (gpu === undefined) {
    throw new Error(
      "Cannot open a WebGPU device: wanted navigator.gpu, got undefined; " +
        'use Deno 2 or a browser with WebGPU, or the device "cpu"',
    );
  }
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) {
    throw new Error(
      "Cannot open a WebGPU device: wanted a Vulkan, Metal or DirectX 12 driver, got none; " +
        "install the driver of the graphics card, or on Debian mesa-vulkan-drivers for a software one",
    );
  }
  return adapter;
}

function chooseLimits(adapter: GPUAdapter, wanted: Partial<WebGpuLimits>): WebGpuLimits {
  const limits: Partial<Record<keyof WebGpuLimits, number>> = {};
  for (const name of limitNames) {
    const offered = adapter.limits[name];
    const limit = wanted[name] ?? offered;
    if (!(limit > 0 && limit <= offered)) {
      throw new RangeError(
        `Cannot open a WebGPU device: wanted ${name} between 1 and ${offered}, got ${limit}`,
      );
    }
    limits[name] = limit;
  }
  return limits as WebGpuLimits;
}

/** Whether the adapter is a program that runs on the processor. Not every one admits it. */
function isSoftware(info: GPUAdapterInfo): boolean {
  const name = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return info.isFallbackAdapter || /llvmpipe|swiftshader|software|basic render/i.test(name);
}

function describe(
  adapter: GPUAdapter,
  limits: WebGpuLimits,
  features: readonly string[],
  {
    subgroupSize = adapter.info.subgroupMaxSize || USUAL_SUBGROUP_SIZE,
    worker = false,
  }: WebGpuOptions,
): DeviceInfo {
  const { info } = adapter;
  const software = isSoftware(info);
  const name = info.description || `${info.vendor} ${info.architecture}`.trim() ||
    "unnamed adapter";
  const absent = wantedFeatures.filter((feature) => !features.includes(feature));
  const without = absent.length > 0 ? `, without ${absent.join(", ")}` : "";
  return {
    description: `WebGPU on ${name}${software ? " (software)" : ""}${
      worker ? ", in a worker" : ""
    }${without}`,
    details: {
      adapter: name,
      vendor: info.vendor,
      architecture: info.architecture,
      software,
      worker,
      subgroupSize,
      float16: features.includes("shader-f16"),
      features: features.join(" "),
      ...limits,
    },
  };
}
