/** nanochat on PyTorch, timed by the script `nanochat.py`. */

import {
  lastError,
  parameterCount,
  program,
  type ProgramOptions,
  readReport,
  type Side,
} from "./contestant.ts";
import { nanochatFolder } from "./nanochat.ts";

/** The Python that has PyTorch: Debian's. */
export const PYTHON = "/usr/bin/python3";

const SCRIPT = new URL("nanochat.py", import.meta.url).pathname;

/**
 * OpenBLAS on the threads of OpenMP, which PyTorch uses itself: two pools of threads fight over the cores
 * and take five times as long.
 */
export const OPENMP_BLAS = "/usr/lib/x86_64-linux-gnu/openblas-openmp";

/** Compiles something small; fails at once where the compiler or its headers are missing. */
const COMPILE = "import torch; torch.compile(lambda x: (x * 2 + 1).sum())(torch.ones(64))";

/** Reasons why PyTorch cannot run or compile here, found out when first needed: compiling takes long. */
const obstacles: Record<"run" | "compile", () => Promise<string | null>> = {
  run: once(async () => {
    const run = await complaintOf("import torch");
    return run && `not available here (Debian: python3-torch): ${run}`;
  }),
  compile: once(async () => {
    const compile = await obstacles.run() ?? await complaintOf(COMPILE);
    return compile && `torch.compile does not work here: ${compile}`;
  }),
};

function once<Result>(find: () => Promise<Result>): () => Promise<Result> {
  let found: Promise<Result> | undefined;
  return () => found ??= find();
}

async function complaintOf(code: string): Promise<string | null> {
  try {
    const signal = AbortSignal.timeout(120_000);
    const { success, stderr } = await new Deno.Command(PYTHON, { args: ["-c", code], signal })
      .output();
    return success ? null : lastError(new TextDecoder().decode(stderr));
  } catch (error) {
    return error instanceof Error ? error.message : `${error}`;
  }
}

function side(
  library: string,
  args: readonly string[],
  obstacle: keyof typeof obstacles,
  env: ProgramOptions["env"] = {},
): Side {
  return {
    library,
    start: async ({ nanochat } = { nanochat: null }) => {
      const reason = await obstacles[obstacle]();
      if (reason !== null) throw new Error(reason);
      const folder = await nanochatFolder(nanochat);
      return await program(library, [PYTHON, SCRIPT, ...args, "--nanochat", folder], readReport, {
        check: parameterCount,
        env: { LD_LIBRARY_PATH: OPENMP_BLAS, ...env },
      }).start();
    },
  };
}

const EAGER = { TORCHDYNAMO_DISABLE: "1" };

/** The network of `bench/convolution.ts`. */
export function torchConvolution(): Side {
  const script = new URL("convolution.py", import.meta.url).pathname;
  return {
    library: "PyTorch, eager",
    start: async () => {
      const reason = await obstacles.run();
      if (reason !== null) throw new Error(reason);
      return await program("PyTorch, eager", [PYTHON, script], readReport, {
        check: parameterCount,
        env: { LD_LIBRARY_PATH: OPENMP_BLAS },
      }).start();
    },
  };
}

export function eagerTorch(args: readonly string[]): Side {
  return side("PyTorch, eager", args, "run", EAGER);
}

/** Eager PyTorch in bf16: nanochat's own way on a GPU. */
export function eagerTorchBf16(args: readonly string[]): Side {
  return side("PyTorch, eager, bf16", [...args, "--dtype", "bfloat16"], "run", EAGER);
}

/**
 * All ways to run nanochat on PyTorch, of which the best counts: eager, with the model compiled, and the
 * default, where only MuonAdamW's updates are compiled.
 */
export function torchAllWays(args: readonly string[]): Side[] {
  const asItComes = side("PyTorch, optimizer compiled", args, "compile");
  return [
    eagerTorch(args),
    ...(args.includes("--adamw") ? [] : [asItComes]),
    side("PyTorch, compiled", [...args, "--compile"], "compile"),
  ];
}
