/** nanochat on PyTorch, by a script beside the project. */

import {
  lastError,
  parameterCount,
  program,
  type ProgramOptions,
  readReport,
  type Side,
} from "./contestant.ts";

/** The Python that has PyTorch: Debian's. */
export const PYTHON = "/usr/bin/python3";

const SCRIPT = new URL("../../../shared/peers/nanochat_torch.py", import.meta.url).pathname;

/** Compiles something small; fails at once where the compiler or its headers are missing. */
const COMPILE = "import torch; torch.compile(lambda x: (x * 2 + 1).sum())(torch.ones(64))";

/** What PyTorch can do here, each found out when it is first needed: to compile takes long. */
const obstacles: Record<"run" | "compile", () => Promise<string | null>> = {
  run: once(async () => {
    const run = await complaintOf("import torch") ?? await missingScript();
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

async function missingScript(): Promise<string | null> {
  try {
    await Deno.stat(SCRIPT);
    return null;
  } catch {
    return "the script nanochat_torch.py is missing";
  }
}

function side(
  library: string,
  args: readonly string[],
  obstacle: keyof typeof obstacles,
  options: ProgramOptions = {},
): Side {
  const its = program(library, [PYTHON, SCRIPT, ...args], readReport, {
    ...{ check: parameterCount, ...options },
  });
  return {
    library,
    start: async () => {
      const reason = await obstacles[obstacle]();
      if (reason !== null) throw new Error(reason);
      return await its.start();
    },
  };
}

export function eagerTorch(args: readonly string[]): Side {
  return side("PyTorch, eager", args, "run", { env: { TORCHDYNAMO_DISABLE: "1" } });
}

/** The folder of the BLAS that suits PyTorch's threads; the script would start itself again with it. */
export const OPENMP_BLAS = "/usr/lib/x86_64-linux-gnu/openblas-openmp";

/** Eager PyTorch in bf16: nanochat's own way on a GPU. The script sets f32, so it runs changed. */
export function eagerTorchBf16(args: readonly string[]): Side {
  const run = `p = ${JSON.stringify(SCRIPT)}; s = open(p).read()` +
    `.replace('["NANOCHAT_DTYPE"] = "float32"', '["NANOCHAT_DTYPE"] = "bfloat16"'); ` +
    `exec(compile(s, p, "exec"), {"__name__": "__main__", "__file__": p})`;
  const its = program("PyTorch, eager, bf16", [PYTHON, "-c", run, ...args], readReport, {
    ...{ check: parameterCount },
    env: { TORCHDYNAMO_DISABLE: "1", LD_LIBRARY_PATH: OPENMP_BLAS },
  });
  return {
    library: its.library,
    start: async () => {
      const reason = await obstacles.run();
      if (reason !== null) throw new Error(reason);
      return await its.start();
    },
  };
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
