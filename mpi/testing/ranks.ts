/** Runs scripts as ranks under every MPI that is installed. @module */

/** An MPI to test with. */
export interface TestedMpi {
  readonly name: "MPICH" | "Open MPI";
  readonly command: string;
  /** The library's file name. */
  readonly library: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const known: readonly TestedMpi[] = [
  { name: "MPICH", command: "mpiexec.mpich", library: "libmpich.so.12", args: [], env: {} },
  {
    name: "Open MPI",
    command: "mpirun.openmpi",
    library: "libmpi.so.40",
    // More ranks than cores.
    args: ["--oversubscribe"],
    env: { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" },
  },
];

/** What a launcher came to. */
export interface LaunchOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** From start to end, in seconds. */
  readonly seconds: number;
}

/** How {@linkcode launch} starts ranks. */
export interface LaunchOptions {
  readonly mpi: TestedMpi;
  readonly ranks: number;
  /** A script's path or URL, or the arguments of `deno` up to the script. */
  readonly script: string | URL;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The command that starts a script as ranks. */
export function launchCommand(options: LaunchOptions): Deno.Command {
  const { mpi, ranks, script, args = [], env = {} } = options;
  return new Deno.Command(mpi.command, {
    args: [
      ...mpi.args,
      "-n",
      `${ranks}`,
      Deno.execPath(),
      "run",
      "-A",
      "--no-check",
      `${script}`,
      ...args,
    ],
    env: { NO_COLOR: "1", ...mpi.env, ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Starts a script as ranks, and waits for its end. */
export async function launch(options: LaunchOptions): Promise<LaunchOutput> {
  const start = performance.now();
  const { code, stdout, stderr } = await launchCommand(options).output();
  const seconds = (performance.now() - start) / 1000;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr), seconds };
}

/** Registers a test for each MPI; where one is not installed it is skipped, unless it is required. */
export function testUnderMpi(name: string, run: (mpi: TestedMpi) => Promise<void>): void {
  for (const mpi of known) {
    const isRequired = Deno.env.get("NANODINO_REQUIRE_MPI") === "1";
    const isMissing = !isInstalled(mpi.command);
    const reason = isMissing && !isRequired ? ` (no ${mpi.command})` : "";
    Deno.test({
      name: `${name}, under ${mpi.name}${reason}`,
      ignore: reason !== "",
      fn: () => run(mpi),
    });
  }
}

/** Every MPI that is installed. */
export function installedMpis(): TestedMpi[] {
  return known.filter(({ command }) => isInstalled(command));
}

function isInstalled(command: string): boolean {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.some((folder) => {
    try {
      return Deno.statSync(`${folder}/${command}`).isFile;
    } catch {
      return false;
    }
  });
}
