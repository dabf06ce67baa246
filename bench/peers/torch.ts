/** PyTorch, timed by scripts of this folder: nanochat's own files by `nanochat.py`. */

import {
  lastError,
  parameterCount,
  program,
  type ProgramOptions,
  readReport,
  type Settings,
  type Side,
} from "./contestant.ts";
import { nanochatFolder } from "./nanochat.ts";

/** The Python that has PyTorch, unless another is chosen: Debian's. */
export const PYTHON = "/usr/bin/python3";

/**
 * OpenBLAS on the threads of OpenMP, which PyTorch uses itself: two pools of threads fight over the cores
 * and take five times as long.
 */
export const OPENMP_BLAS = "/usr/lib/x86_64-linux-gnu/openblas-openmp";

/** Compiles something small; fails immediately if the compiler or its headers are missing. */
const COMPILE = "import torch; torch.compile(lambda x: (x * 2 + 1).sum())(torch.ones(64))";

type Need = "run" | "compile";

/** The obstacles in each Python, found out when first needed: compiling takes long. */
const obstacles = new Map<string, Promise<string | null>>();

/** The reason why PyTorch cannot run or compile in a Python; `null` if it can. */
function findObstacle(need: Need, python: string): Promise<string | null> {
  const key = `${need} ${python}`;
  const found = obstacles.get(key) ?? checkPython(need, python);
  obstacles.set(key, found);
  return found;
}

async function checkPython(need: Need, python: string): Promise<string | null> {
  if (need === "run") {
    const run = await findComplaint("import torch", python);
    return run && `${python} has no PyTorch (Debian: python3-torch; or --python PATH): ${run}`;
  }
  const compile = await findObstacle("run", python) ?? await findComplaint(COMPILE, python);
  return compile && `torch.compile does not work here: ${compile}`;
}

async function findComplaint(code: string, python: string): Promise<string | null> {
  try {
    const signal = AbortSignal.timeout(120_000);
    const { success, stderr } = await new Deno.Command(python, { args: ["-c", code], signal })
      .output();
    return success ? null : lastError(new TextDecoder().decode(stderr));
  } catch (error) {
    return error instanceof Error ? error.message : `${error}`;
  }
}

const usual: Settings = { nanochat: null, python: PYTHON };

/** A script of this folder, run by a Python with PyTorch. */
function side(
  library: string,
  script: string,
  argsOf: (settings: Settings) => Promise<readonly string[]>,
  need: Need,
  env: ProgramOptions["env"] = {},
): Side {
  return {
    library,
    start: async (settings = usual) => {
      const { python } = settings;
      const reason = await findObstacle(need, python);
      if (reason !== null) throw new Error(reason);
      const place = new URL(script, import.meta.url).pathname;
      const command = [python, place, ...await argsOf(settings)] as const;
      return await program(library, command, readReport, {
        check: parameterCount,
        env: { LD_LIBRARY_PATH: OPENMP_BLAS, ...env },
      }).start();
    },
  };
}

const ofNanochat = (
  library: string,
  args: readonly string[],
  need: Need,
  env: ProgramOptions["env"] = {},
): Side =>
  side(
    library,
    "nanochat.py",
    async ({ nanochat }) => [...args, "--nanochat", await nanochatFolder(nanochat)],
    need,
    env,
  );

const EAGER = { TORCHDYNAMO_DISABLE: "1" };

/** The network of `bench/convolution.ts`. */
export function torchConvolution(): Side {
  return side("PyTorch, eager", "convolution.py", () => Promise.resolve([]), "run");
}

export function eagerTorch(args: readonly string[]): Side {
  return ofNanochat("PyTorch, eager", args, "run", EAGER);
}

/** Eager PyTorch in bf16: nanochat's own way on a GPU. */
export function eagerTorchBf16(args: readonly string[]): Side {
  return ofNanochat("PyTorch, eager, bf16", [...args, "--dtype", "bfloat16"], "run", EAGER);
}

/**
 * All ways to run nanochat on PyTorch, the best of which counts: eager, with the model compiled, and the
 * default, where only MuonAdamW's updates are compiled.
 */
export function torchAllWays(args: readonly string[]): Side[] {
  const asItComes = ofNanochat("PyTorch, optimizer compiled", args, "compile");
  return [
    eagerTorch(args),
    ...(args.includes("--adamw") ? [] : [asItComes]),
    ofNanochat("PyTorch, compiled", [...args, "--compile"], "compile"),
  ];
}
