/** Opens a GPU adapter with the limits and features that kernels use. @module */

import type { DeviceInfo } from "../../device.ts";
import { Error, RangeError } from "../../errors.ts";

/** The limits that a device is opened with; see the WebGPU specification, section 3.6.2. */
export interface WebGpuLimits {
  /** Maximum size of a buffer, in bytes. */
  readonly maxBufferSize: number;
  /** Maximum threads of a workgroup, over all dimensions. */
  readonly maxComputeInvocationsPerWorkgroup: number;
  /** Maximum threads of a workgroup along x. */
  readonly maxComputeWorkgroupSizeX: number;
  readonly maxComputeWorkgroupsPerDimension: number;
  /** Maximum workgroup memory, in bytes. */
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  /** Maximum size of a storage binding, in bytes. */
  readonly maxStorageBufferBindingSize: number;
}

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
  /**
   * Whether a worker makes the WebGPU calls. Some block their thread until the GPU is done, so this
   * keeps a server or a page responsive. @default {false}
   */
  readonly worker?: boolean;
}

/** Assumed if an adapter does not state its subgroup size. */
const USUAL_SUBGROUP_SIZE = 32;

/** Facts of an adapter as plain data, which can be sent to another thread. */
export interface AdapterFacts {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly isFallbackAdapter: boolean;
  readonly subgroupMaxSize: number;
  readonly limits: WebGpuLimits;
  readonly features: readonly string[];
}

export interface GpuPlan {
  readonly info: DeviceInfo;
  readonly limits: WebGpuLimits;
  readonly features: ReadonlySet<string>;
}

export interface OpenedAdapter extends GpuPlan {
  readonly gpu: GPUDevice;
}

/** Optional features that kernels use. Requesting an absent one throws. */
const wantedFeatures = ["timestamp-query", "shader-f16"] as const;

/** Opens the best adapter that `navigator.gpu` offers; throws as {@linkcode planGpu} does. */
export async function openAdapter(options: WebGpuOptions = {}): Promise<OpenedAdapter> {
  const adapter = await findAdapter();
  return await requestGpu(adapter!, planGpu(adapter && factsOf(adapter), options));
}

/** A worker gets this function as text, as the next two. */
export async function findAdapter(): Promise<GPUAdapter | null> {
  // A browser without WebGPU has no `gpu`, despite its type.
  const gpu: GPU | undefined = navigator.gpu;
  return await gpu?.requestAdapter({ powerPreference: "high-performance" }) ?? null;
}

export function factsOf({ info, limits, features }: GPUAdapter): AdapterFacts {
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
    description: info.description,
    isFallbackAdapter: info.isFallbackAdapter,
    subgroupMaxSize: info.subgroupMaxSize,
    features: [...features],
    limits: {
      maxBufferSize: limits.maxBufferSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
      maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    },
  };
}

export async function requestGpu(adapter: GPUAdapter, plan: GpuPlan): Promise<OpenedAdapter> {
  const gpu = await adapter.requestDevice({
    label: "nanodino",
    requiredLimits: { ...plan.limits },
    requiredFeatures: [...plan.features] as GPUFeatureName[],
  });
  return { gpu, ...plan };
}

/**
 * Decides how to open an adapter.
 *
 * @throws {Error} If there is none; says what to install.
 * @throws {RangeError} If a requested limit exceeds the adapter's.
 */
export function planGpu(facts: AdapterFacts | null, options: WebGpuOptions): GpuPlan {
  if (facts === null) {
    const gpu: GPU | undefined = navigator.gpu;
    throw new Error(
      gpu === undefined
        ? "Cannot open a WebGPU device: wanted navigator.gpu, got undefined; " +
          'use Deno 2 or a browser with WebGPU, or the device "cpu"'
        : "Cannot open a WebGPU device: wanted a Vulkan, Metal or DirectX 12 driver, got none; " +
          "install the driver of the graphics card, or on Debian mesa-vulkan-drivers for a software one",
    );
  }
  const limits = chooseLimits(facts.limits, options.limits ?? {});
  const features = wantedFeatures.filter((name) =>
    facts.features.includes(name) &&
    (name !== "timestamp-query" || options.timestamps !== false) &&
    (name !== "shader-f16" || options.float16 !== false)
  );
  const info = describe(facts, limits, features, options);
  return { limits, features: new Set(features), info };
}

function chooseLimits(offers: WebGpuLimits, wanted: Partial<WebGpuLimits>): WebGpuLimits {
  const limits: Partial<Record<keyof WebGpuLimits, number>> = {};
  for (const name of Object.keys(offers) as (keyof WebGpuLimits)[]) {
    const offered = offers[name];
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

/** Whether the adapter runs on the CPU. Not every one admits it. */
function isSoftware(info: AdapterFacts): boolean {
  const name = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return info.isFallbackAdapter || /llvmpipe|swiftshader|software|basic render/i.test(name);
}

function describe(
  info: AdapterFacts,
  limits: WebGpuLimits,
  features: readonly string[],
  {
    subgroupSize = info.subgroupMaxSize || USUAL_SUBGROUP_SIZE,
    worker = false,
  }: WebGpuOptions,
): DeviceInfo {
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
