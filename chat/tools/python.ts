/**
 * Running Python that a model wrote, in a process of its own that can reach nothing but an empty folder.
 *
 * The interpreter is `python3`, isolated from the user's packages and environment. Before the program
 * begins, limits are set on its time, memory and files, and an audit hook (PEP 578) is installed that
 * refuses the network, other processes, native code, and files outside the folder; a hook cannot be
 * taken back. It is a strong fence and no proof: what the interpreter itself does wrong can go around
 * it. It needs the permission to run `python3`, which no task gives.
 *
 * Source of the limits: nanochat, `nanochat/execution.py`.
 *
 * @module
 */

/** Options for {@linkcode runPython}. */
export interface PythonOptions {
  /** The most seconds. @default {5} */
  readonly seconds?: number;
  /** The most memory, in MiB. @default {256} */
  readonly memory?: number;
}

/** The result of a program. */
export interface PythonResult {
  /** Whether it ended without an error. */
  readonly success: boolean;
  /** Its output, at most 10,000 characters. */
  readonly stdout: string;
  /** The last line of what went wrong; empty if nothing did. */
  readonly error: string;
  /** Whether it was ended because its time was over. */
  readonly timedOut: boolean;
}

const MAX_OUTPUT = 10_000;

/** Sets limits and the hook, then runs the program on standard input. */
const fence = `
import builtins, os, resource, sys
memory = int(sys.argv[1]) * 2**20
seconds = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
program = sys.stdin.buffer.read().decode()
folder = os.path.realpath(os.getcwd())
library = [os.path.realpath(path) for path in sys.path if path]
realpath, isinstance_, str_, bytes_, int_, fsdecode = os.path.realpath, isinstance, str, bytes, int, os.fsdecode
separator = os.sep
refused = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn",
    "os.kill", "os.startfile", "pty.", "ctypes.", "cpython.run_", "signal.pthread_kill", "ftplib.",
    "http.", "urllib.", "smtplib.", "telnetlib.", "webbrowser.", "resource.setrlimit", "os.chroot",
    "os.mount", "sqlite3.", "fcntl.", "syslog.", "os.ptrace", "os.setuid", "os.setgid", "os.unshare")
modules = ("ctypes", "_ctypes", "_posixsubprocess", "_socket", "socket", "subprocess", "multiprocessing",
    "_multiprocessing", "_testcapi", "_testinternalcapi", "_xxsubinterpreters", "_interpreters", "cffi")
paths = ("open", "os.listdir", "os.scandir", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod",
    "os.chown", "os.link", "os.symlink", "os.truncate", "os.utime", "os.chdir", "os.chflags", "os.mkfifo",
    "os.mknod", "os.setxattr", "os.getxattr", "os.listxattr", "os.removexattr", "shutil.rmtree",
    "shutil.copyfile", "shutil.move", "glob.glob", "tempfile.mkstemp", "tempfile.mkdtemp")
def inside(path, parent):
    return path == parent or path[:len(parent) + 1] == parent + separator
def allowed(path, reads):
    if isinstance_(path, int_) or path is None:
        return True
    path = realpath(fsdecode(path))
    if inside(path, folder):
        return True
    return reads and any(inside(path, parent) for parent in library)
def hook(event, arguments):
    for name in refused:
        if event.startswith(name):
            raise PermissionError(event + " is not allowed")
    if event == "import" and arguments[0].split(".")[0] in modules:
        raise ImportError("import of " + arguments[0] + " is not allowed")
    if event in paths:
        reads = event == "open" and (arguments[2] & 3) == 0 and not arguments[2] & 0o1100
        reads = reads or event in ("os.listdir", "os.scandir")
        for path in arguments[:2 if event in ("os.rename", "os.link", "os.symlink") else 1]:
            if not allowed(path, reads):
                raise PermissionError(event + " outside of the folder is not allowed")
sys.argv = [""]
scope = {"__name__": "__main__", "__builtins__": builtins}
code = compile(program, "program", "exec")
sys.addaudithook(hook)
exec(code, scope)
`;

/**
 * Runs a program, and ends it when its time is over.
 *
 * @param program Python.
 * @throws {Error} If there is no `python3`, or no permission to run it.
 *
 * @example
 * ```ts
 * import { runPython } from "./python.ts";
 *
 * const { success, stdout } = await runPython("print(6 * 7)");
 * if (!success || stdout !== "42\n") throw new Error(`got ${stdout}`);
 * ```
 */
export async function runPython(
  program: string,
  { seconds = 5, memory = 256 }: PythonOptions = {},
): Promise<PythonResult> {
  const folder = await Deno.makeTempDir();
  try {
    const child = spawn(folder, memory, Math.ceil(seconds));
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, seconds * 1000);
    const writer = child.stdin.getWriter();
    // A process that ended early does not read its program; its output is reported below.
    const writing = writer.write(new TextEncoder().encode(program))
      .then(() => writer.close()).catch(() => {});
    const [stdout, stderr, { success, signal }] = await Promise.all([
      readText(child.stdout),
      readText(child.stderr),
      child.status,
      writing,
    ]);
    clearTimeout(timer);
    // The limit on processor time ends it by a signal, too.
    timedOut ||= signal === "SIGXCPU";
    const error = success ? "" : stderr.trimEnd().split("\n").at(-1) ?? "";
    return { success: success && !timedOut, stdout, error, timedOut };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function spawn(folder: string, memory: number, seconds: number): Deno.ChildProcess {
  try {
    return new Deno.Command("python3", {
      args: ["-I", "-S", "-B", "-X", "utf8", "-c", fence, `${memory}`, `${seconds}`],
      cwd: folder,
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound
      ? "wanted python3 on the path, got none"
      : "wanted the permission --allow-run=python3, got none";
    throw new Error(`Cannot run Python: ${reason}`, { cause });
  }
}

/** The first characters of a stream; the rest is read and dropped, so that the writer can go on. */
async function readText(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    if (text.length < MAX_OUTPUT) text += decoder.decode(bytes, { stream: true });
  }
  return text.slice(0, MAX_OUTPUT);
}
