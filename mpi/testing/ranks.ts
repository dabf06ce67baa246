/** Runs scripts as ranks under every MPI that is installed. */

export interface TestedMpi {
  readonly name: "MPICH" | "Open MPI";
  readonly command: string;
  readonly library: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const known: readonly TestedMpi[] = [
  {
    name: "MPICH",
    command: "mpiexec.mpich",
    library: "libmpich.so.12",
    args: [],
    // More ranks than cores: one that waits sleeps, instead of keeping a core busy.
    env: { MPIR_CVAR_ENABLE_HEAVY_YIELD: "1" },
  },
  {
    name: "Open MPI",
    command: "mpirun.openmpi",
    library: "libmpi.so.40",
    // More ranks than cores, here too.
    args: ["--oversubscribe"],
    env: {
      OMPI_ALLOW_RUN_AS_ROOT: "1",
      OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
      // As `scripts/ranks.ts` does.
      PMIX_MCA_gds: "hash",
    },
  },
];

export interface LaunchOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** From start to end, in seconds. */
  readonly seconds: number;
}

export interface LaunchOptions {
  /** The MPI to use; `null` for one process without a launcher. */
  readonly mpi: TestedMpi | null;
  readonly ranks: number;
  /** A script's path or URL, or the arguments of `deno` up to the script. */
  readonly script: string | URL;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export function launchCommand(options: LaunchOptions): Deno.Command {
  const { mpi, ranks, script, args = [], env = {} } = options;
  const deno = [Deno.execPath(), "run", "-A", "--no-check", `${script}`, ...args];
  const [command, ...rest] = mpi === null
    ? deno
    : [mpi.command, ...mpi.args, "-n", `${ranks}`, ...deno];
  return new Deno.Command(command!, {
    args: rest,
    env: { NO_COLOR: "1", ...mpi?.env, ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/**
 * Seconds that ranks may take to start, and to end after one of them has failed: a tenth of it even beside
 * other work. Without whoever ends them, they would wait for each other for ever.
 */
export const SOON = 60;

export async function launch(options: LaunchOptions): Promise<LaunchOutput> {
  const start = performance.now();
  const { code, stdout, stderr } = await launchCommand(options).output();
  const seconds = (performance.now() - start) / 1000;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr), seconds };
}

type MpiTest = (mpi: TestedMpi) => Promise<void>;

/**
 * Registers a test for each MPI: of what launchers do in their own ways, such as starting, ending and adding up.
 * Where one is not installed it is skipped, unless it is required.
 */
export function testUnderMpi(name: string, run: MpiTest): void {
  register(name, run, known);
}

/** Registers a test for one MPI: of what ranks make of any. */
export function testUnderOneMpi(name: string, run: MpiTest): void {
  register(name, run, [installedMpis()[0] ?? known[0]!]);
}

function register(name: string, run: MpiTest, mpis: readonly TestedMpi[]): void {
  for (const mpi of mpis) {
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

export interface RankProcess {
  readonly pid: number;
  readonly rank: number;
}

/**
 * The ranks that run on this machine, by their number.
 *
 * @param variable `NAME=value` of their environment, which tells them from those of others.
 */
export async function runningRanks(variable: string): Promise<RankProcess[]> {
  const found: RankProcess[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const environment = await Deno.readTextFile(`/proc/${name}/environ`).catch(() => "");
    if (!`\0${environment}`.includes(`\0${variable}\0`)) continue;
    const rank = /(?:^|\0)(?:PMI_RANK|OMPI_COMM_WORLD_RANK)=(\d+)\0/.exec(environment)?.[1];
    if (rank !== undefined) found.push({ pid: Number(name), rank: Number(rank) });
  }
  return found.sort((a, b) => a.rank - b.rank);
}

/** The same a minute later, or as soon as there are none: a launcher may end before its ranks. */
export async function remainingRanks(variable: string): Promise<RankProcess[]> {
  for (let i = 0; i < 600; i++) {
    if ((await runningRanks(variable)).length === 0) return [];
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return await runningRanks(variable);
}

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
