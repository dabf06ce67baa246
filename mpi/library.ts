/** Finding and opening the library of MPI that belongs to a launcher. @module */

import { type Abi, type Functions, type Handles, handlesOf, signaturesOf } from "./abi.ts";
import type { Launcher } from "./launcher.ts";

export interface Library {
  /** The file, as it was opened. */
  readonly path: string;
  /** The library's own name, such as `MPICH 4.2.1`. */
  readonly name: string;
  readonly handles: Handles;
  readonly functions: Functions;
}

const soNames = {
  MPICH: ["libmpich.so.12", "libmpi.so.12"],
  "Open MPI": ["libmpi.so.40", "libmpi.so.80"],
  standard: ["libmpi_abi.so.0"],
};

/**
 * The libraries to try, in order. `libmpi.so` is not among them: which implementation it names
 * depends on the system's settings, not on the launcher.
 */
export function candidates(launcher: Launcher, os: typeof Deno.build.os): readonly string[] {
  if (os === "windows") return ["msmpi.dll", "impi.dll"];
  const { standard } = soNames;
  const names = launcher === "Slurm"
    ? [...soNames.MPICH, ...soNames["Open MPI"], ...standard]
    : [...soNames[launcher], ...standard];
  return os === "darwin" ? names.map((name) => name.replace(/\.so\.(\d+)$/, ".$1.dylib")) : names;
}

/**
 * Opens the first library that exists, without initializing it.
 *
 * @throws {Error} If none can be opened; the message says what was tried and how to install one.
 */
export function openLibrary(paths: readonly string[]): Library {
  const failures: string[] = [];
  for (const path of paths) {
    try {
      return openAt(path);
    } catch (error) {
      failures.push(`${path} (${reasonOf(error)})`);
    }
  }
  throw new Error(
    `Cannot open MPI: wanted one of ${paths.join(", ")}, got ${failures.join("; ")}. Install the ` +
      `launcher's library (on Debian: apt install mpich, or openmpi-bin), or name it: --mpi PATH`,
  );
}

function openAt(path: string): Library {
  const { symbols } = Deno.dlopen(path, {
    getVersion: {
      name: "MPI_Get_library_version",
      parameters: ["buffer", "buffer"],
      result: "i32",
    },
    getAbi: {
      name: "MPI_Abi_get_version",
      parameters: ["buffer", "buffer"],
      result: "i32",
      optional: true,
    },
  });
  const text = new Uint8Array(8192);
  const length = new Int32Array(1);
  symbols.getVersion(text, new Uint8Array(length.buffer));
  const version = new TextDecoder().decode(text.subarray(0, length[0])).replaceAll("\0", "");
  // MPICH's own library has this function as well, but with MPICH's handles.
  const isStandard = symbols.getAbi !== null && path.includes("mpi_abi");
  const abi: Abi = isStandard ? "standard" : version.startsWith("Open MPI") ? "openmpi" : "mpich";
  pin(path);
  return {
    path,
    name: nameOf(version),
    handles: handlesOf(abi, path),
    functions: Deno.dlopen(path, signaturesOf(abi)).symbols as Functions,
  };
}

/** `MPICH 4.2.1` of "MPICH Version: 4.2.1…", `Open MPI 5.0.7` of "Open MPI v5.0.7, package: …". */
function nameOf(version: string): string {
  const [line = ""] = version.split("\n");
  const [, name, number] = /^(.*?)(?:\s+Library)?\s+(?:Version:?\s*|v)(\d[\w.]*)/.exec(line) ?? [];
  return name === undefined ? line.trim() : `${name} ${number}`;
}

/**
 * Keeps a library in memory until the process is gone. Deno unloads libraries while it ends, and Open
 * MPI's threads then run code that is no longer there: the process would crash, and the text of the
 * error that ended it would be lost.
 */
function pin(path: string): void {
  if (Deno.build.os === "windows") return;
  const isMac = Deno.build.os === "darwin";
  const libc = Deno.dlopen(isMac ? "libSystem.dylib" : "libc.so.6", {
    dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
  });
  const now = 2;
  const noDelete = isMac ? 0x80 : 0x1000;
  libc.symbols.dlopen(new TextEncoder().encode(`${path}\0`), now | noDelete);
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Deno.errors.NotCapable) return "run with --allow-ffi";
  if (/No such file|cannot open shared object/.test(message)) return "not found";
  return message.split("\n")[0]!;
}
