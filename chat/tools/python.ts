/**
 * Running Python that a model wrote, in a process of its own that can reach nothing but an empty folder.
 *
 * The interpreter is `python3`, isolated from the user's packages and environment. Before the program
 * begins, limits are set on its time, memory and files, root becomes nobody where it can, and an audit
 * hook (PEP 578) is installed that ends the process where it reaches for the network, other processes,
 * native code, or files outside the folder; a hook cannot be taken back. It is a strong fence and no
 * proof: crafted bytecode, or what the interpreter itself does wrong, can go around it. It needs the
 * permission to run `python3`, which only the tasks with `:python` in their names give.
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
const fence = String.raw`
import builtins, os, resource, sys
memory = int(sys.argv[1]) * 2**20
seconds = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
program = sys.stdin.buffer.read().decode("utf-8", "surrogatepass")
folder = os.path.realpath(os.getcwd())
def is_public(path):
    return os.stat(path).st_mode & 0o005 == 0o005 and (path == "/" or is_public(os.path.dirname(path)))
if os.geteuid() == 0 and is_public(os.path.realpath(os.path.dirname(os.__file__))):
    os.chown(folder, 65534, 65534)
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    resource.setrlimit(resource.RLIMIT_NPROC, (64, 64))
def make_hook(folder, library, refused, modules, paths, str_, bytes_, int_, str_add, bytes_add, decode,
        type_, subclass, length, write, end, loaded):
    # The hook uses nothing that a program could replace: only what is bound here, and no callbacks.
    def stop(what):
        write(2, ("PermissionError: " + what + " is not allowed\n").encode())
        end(1)
    def check(event, path, is_read):
        if path is None or type_(path) is int_:
            return
        if subclass(type_(path), str_):
            path = str_add(path, "")
        elif subclass(type_(path), bytes_):
            path = decode(bytes_add(path, b""), "utf-8", "surrogateescape")
        else:
            stop(event + " of such a path")
        if ".." in path.split("/") or "\0" in path:
            stop(event + " of a path with ..")
        if path[:1] != "/" or path == folder or path.startswith(folder + "/"):
            return
        if not is_read or (path not in library and not path.startswith(library[-1])):
            stop(event + " outside of the folder")
    def hook(event, arguments):
        if event == "import":
            name = str_add(arguments[0], "")
            if loaded.get(name, 0) is not None:
                for part in name.split("."):
                    if part in modules:
                        stop("import of " + part)
            if length(arguments) > 1 and arguments[1] is not None:
                path = arguments[1]
                if type_(path) is not str_ or ".." in path.split("/") or not path.startswith(library[-1]):
                    stop("import of native code outside of the library")
        elif event.startswith(refused):
            stop(event)
        elif event in paths:
            is_read = event == "os.listdir" or event == "os.scandir"
            if event == "open":
                mode, flags = arguments[1], arguments[2]
                is_read = type_(mode) is str_ and mode in ("r", "rb", "rt") and flags & 0o1103 == 0
            for path in arguments[:2 if event == "os.rename" else 1]:
                check(event, path, is_read)
    return hook
roots = [path for path in sys.path if path]
roots = roots + [os.path.realpath(path) for path in roots]
hook = make_hook(
    folder, tuple(roots) + (tuple(path + "/" for path in roots),),
    ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.kill",
    "os.startfile", "os.link", "os.symlink", "pty.", "ctypes.", "cpython.run_", "signal.pthread_kill",
    "ftplib.", "http.", "urllib.", "smtplib.", "telnetlib.", "webbrowser.", "resource.", "sqlite3.",
    "fcntl.", "syslog.", "os.ptrace", "os.unshare", "os.setns", "gc.get_", "sys._current_", "sys.settrace",
    "sys.setprofile", "sys.monitoring", "code.__new__", "sys.remote_exec"),
    frozenset(("ctypes", "_ctypes", "_posixsubprocess", "_posixshmem", "_socket", "socket", "subprocess",
    "multiprocessing", "_multiprocessing", "_testcapi", "_testlimitedcapi", "_testinternalcapi",
    "_xxsubinterpreters", "_interpreters", "_interpqueues", "_interpchannels", "_remote_debugging", "cffi",
    "pwd", "grp", "spwd", "nis", "readline", "_dbm", "_gdbm", "_tkinter", "_curses")),
    frozenset(("open", "os.listdir", "os.scandir", "os.remove", "os.rename", "os.mkdir", "os.rmdir",
    "os.chmod", "os.chown", "os.truncate", "os.utime", "os.chdir", "os.chflags", "os.setxattr",
    "os.getxattr", "os.listxattr", "os.removexattr", "shutil.rmtree", "glob.glob")),
    str, bytes, int, str.__add__, bytes.__add__, bytes.decode, type, issubclass, len, os.write, os._exit,
    sys.modules)
# Optional in the library: it does without them where they cannot be imported.
for name in ("pwd", "grp", "_posixsubprocess", "_socket", "_ctypes", "_multiprocessing", "_posixshmem"):
    sys.modules.pop(name, None)
    sys.modules[name] = None
# These have no event of their own.
import posix, _signal
for owner in (os, posix):
    for name in ("mkfifo", "mknod", "pidfd_open", "setpriority", "sched_setaffinity"):
        if hasattr(owner, name):
            delattr(owner, name)
if hasattr(_signal, "pidfd_send_signal"):
    del _signal.pidfd_send_signal
scope = {"__name__": "__main__", "__builtins__": builtins}
code = compile(program, "program", "exec")
sys.argv = [""]
sys.addaudithook(hook)
del hook, make_hook, is_public, roots, name, owner
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
