/** Attempts of programs to reach what is outside their process. */

import { assert, assertEquals, assertFalse } from "@std/assert";
import { importPyodide } from "../deps.ts";
import { pythonTest, sharedPython } from "../testing/python.ts";
import { spawnConfined } from "./confined.ts";

/** Things that no program may reach: a file, a variable, a server and this process. */
class Outside implements AsyncDisposable {
  readonly secret: string = crypto.randomUUID();
  readonly folder: string = Deno.makeTempDirSync();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #requests = 0;

  constructor() {
    Deno.writeTextFileSync(this.file, this.secret);
    Deno.env.set("NANODINO_TEST_SECRET", this.secret);
    this.#server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
      this.#requests++;
      return new Response(this.secret);
    });
  }

  get file(): string {
    return `${this.folder}/secret.txt`;
  }

  get port(): number {
    return this.#server.addr.port;
  }

  /** Checks that nothing was read, changed or called. */
  assertUntouched(output: string): void {
    assertFalse(output.includes(this.secret), output);
    assertEquals(Deno.readTextFileSync(this.file), this.secret);
    assertEquals(Array.from(Deno.readDirSync(this.folder), ({ name }) => name), ["secret.txt"]);
    assertEquals(this.#requests, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    Deno.env.delete("NANODINO_TEST_SECRET");
    await this.#server.shutdown();
    await Deno.remove(this.folder, { recursive: true });
  }
}

type Attempt = readonly [what: string, program: string];

/** Runs each attempt as a program of its own namespace, and prints the error or what it set as `got`. */
const runAll = (attempts: readonly Attempt[], outside: Outside) => `
import json
FILE, FOLDER, PORT = ${JSON.stringify(outside.file)}, ${
  JSON.stringify(outside.folder)
}, ${outside.port}
def fresh(name):
    import _imp
    class Spec: pass
    spec = Spec()
    spec.name, spec.origin, spec.parent = name, "built-in", ""
    module = _imp.create_builtin(spec)
    _imp.exec_builtin(module)
    return module
for what, program in json.loads(${JSON.stringify(JSON.stringify(attempts))}):
    scope = {"FILE": FILE, "FOLDER": FOLDER, "PORT": PORT, "fresh": fresh}
    try:
        exec(program, scope)
        print(what, "->", scope.get("got"), flush=True)
    except BaseException as error:
        print(what, "->", type(error).__name__, str(error).split("\\n")[0], flush=True)
`;

/** Attempts whose outcome is one of these have got nothing. */
const refusals = [
  ...["FileNotFoundError", "OSError", "PermissionError", "AttributeError", "ModuleNotFoundError"],
  ...["ImportError", "RuntimeError", "NotImplementedError", "JsException"],
  ...["NameError", "ZipImportError", "None", "False", "-1"],
];

async function assertRefused(attempts: readonly Attempt[]): Promise<void> {
  await using outside = new Outside();
  const python = await sharedPython();
  const { stdout, error } = await python.run(runAll(attempts, outside));
  assertEquals(error, "");
  const outcomes = stdout.split("\n").filter((line) => line.includes(" -> "));
  assertEquals(outcomes.map((line) => line.split(" -> ")[0]), attempts.map(([what]) => what));
  const open = outcomes.filter((line) => !refusals.includes(line.split(" -> ")[1]!.split(" ")[0]!));
  assertEquals(open, [], stdout);
  outside.assertUntouched(stdout);
}

pythonTest("files, links and devices outside are out of reach", async () => {
  await assertRefused([
    ["read", "got = open(FILE).read()"],
    ["read with FileIO", "import io; got = io.FileIO(FILE).read()"],
    ["read with os.open", "import os; got = os.read(os.open(FILE, os.O_RDONLY), 99)"],
    ["read code", "import _io; got = _io.open_code(FILE).read()"],
    ["read with a fresh posix", "p = fresh('posix'); got = p.read(p.open(FILE, 0), 99)"],
    ["read by a link", "import os; os.symlink(FILE, 'a'); got = open('a').read()"],
    ["read by a hard link", "import os; os.link(FILE, 'b'); got = open('b').read()"],
    ["read by mmap", "import mmap; got = mmap.mmap(open(FILE).fileno(), 0)[:]"],
    ["read as an archive", "import zipimport; got = zipimport.zipimporter(FILE)"],
    ["read relative", "got = open('../../../../../../..' + FILE).read()"],
    ["read /etc/passwd", "got = open('/etc/passwd').read()"],
    ["read memory", "got = open('/proc/self/mem', 'rb').read(9)"],
    ["read the environment", "got = open('/proc/self/environ').read()"],
    ["read a link of /proc", "import os; got = os.readlink('/proc/self/exe')"],
    ["list the folder", "import os; got = os.listdir(FOLDER)"],
    ["look at it", "import os; got = os.stat(FILE)"],
    ["ask for access", "import os; got = os.access(FILE, os.F_OK)"],
    ["remove", "import os; os.remove(FILE)"],
    ["rename", "import os; os.rename(FILE, 'c')"],
    ["chmod", "import os; os.chmod(FILE, 0o777)"],
    ["write beside it", "open(FOLDER + '/new', 'w').write('x')"],
    ["make a fifo", "import os; os.mkfifo(FOLDER + '/fifo')"],
    ["make a fifo with a fresh posix", "fresh('posix').mkfifo(FOLDER + '/fifo')"],
    ["make a device", "import os; os.mknod(FOLDER + '/device', 0o20666, 0)"],
    ["remove a tree", "import shutil; shutil.rmtree(FOLDER)"],
    ["secrets of the environment", "import os; got = os.environ.get('NANODINO_TEST_SECRET')"],
    ["users", "import pwd; got = pwd.getpwall()"],
    ["unshare", "import os; os.unshare(os.CLONE_NEWUSER)"],
    ["chroot outside", "import os; os.chroot(FOLDER)"],
    ["the terminal", "got = open('/dev/tty').read(1) or None"],
  ]);
});

pythonTest("processes, signals, threads and native code are out of reach", async () => {
  await assertRefused([
    ["fork", "import os; got = os.fork()"],
    ["system", "import os; got = os.system('id > ' + FOLDER + '/id')"],
    ["popen", "import os; got = os.popen('id').read() or None"],
    ["execv", "import os; os.execv('/bin/sh', ['sh', '-c', 'id'])"],
    ["posix_spawn", "import os; got = os.posix_spawn('/bin/sh', ['sh'], {})"],
    ["subprocess", "import subprocess; got = subprocess.run(['id'])"],
    [
      "fork_exec of a fresh module",
      "import os; r, w = os.pipe(); got = fresh('_posixsubprocess').fork_exec(" +
      "[b'/bin/sh', b'-c', b'id > ' + FOLDER.encode() + b'/id'], [b'/bin/sh'], True, (w,), None, None, " +
      "-1, -1, -1, -1, -1, -1, r, w, True, True, -1, None, None, None, -1, None)",
    ],
    [
      "fork_exec by its importer",
      "from importlib.machinery import BuiltinImporter, ModuleSpec\n" +
      "m = BuiltinImporter.create_module(ModuleSpec('_posixsubprocess', BuiltinImporter))\n" +
      "BuiltinImporter.exec_module(m)\n" +
      "import os; r, w = os.pipe(); got = m.fork_exec([b'/bin/id'], [b'/bin/id'], True, (w,), None, " +
      "None, -1, -1, -1, -1, -1, -1, r, w, True, True, -1, None, None, None, -1, None)",
    ],
    [
      "fork_exec by the bootstrap",
      "import sys, os; sys.modules.pop('_posixsubprocess', None); import importlib._bootstrap as b\n" +
      "from importlib.machinery import BuiltinImporter, ModuleSpec\n" +
      "m = b._load(ModuleSpec('_posixsubprocess', BuiltinImporter))\n" +
      "r, w = os.pipe(); got = m.fork_exec([b'/usr/bin/curl'], [b'/usr/bin/curl'], True, (w,), None, " +
      "None, -1, -1, -1, -1, -1, -1, r, w, True, True, -1, None, None, None, -1, None)",
    ],
    ["kill the parent", "import os; os.kill(os.getppid(), 9)"],
    ["kill a group", "import os; os.killpg(0, 9)"],
    ["pidfd of a fresh posix", "import os; fresh('posix').pidfd_open(os.getppid())"],
    ["signal by a pidfd", "fresh('_signal').pidfd_send_signal(0, 9)"],
    ["alarm", "import signal; signal.alarm(1)"],
    ["thread", "import threading; threading.Thread(target=print).start()"],
    ["thread without a module", "import _thread; _thread.start_new_thread(print, ())"],
    ["process", "import multiprocessing; multiprocessing.Process(target=print).start()"],
    [
      "pool of processes",
      "from concurrent.futures import ProcessPoolExecutor\n" +
      "got = ProcessPoolExecutor(1).submit(print).result()",
    ],
    ["interpreter", "import _interpreters; got = _interpreters.create()"],
    [
      "shared memory",
      "from multiprocessing.shared_memory import SharedMemory; SharedMemory('a', True, 9)",
    ],
    ["native library", "import ctypes; got = ctypes.CDLL('libc.so.6')"],
    ["system of the C library", "import ctypes; got = ctypes.CDLL(None).system(b'id')"],
    [
      "execve of the C library",
      "import ctypes; got = ctypes.CDLL(None).execve(b'/bin/sh', None, None)",
    ],
    ["fork of the C library", "import ctypes; got = ctypes.CDLL(None).fork()"],
    ["unbounded limits", "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))"],
    ["priority", "import os; os.setpriority(0, 0, -20)"],
    ["other users", "import os; os.setuid(0); got = os.access(FILE, 0)"],
    [
      "marshalled code",
      "import marshal; exec(marshal.loads(marshal.dumps(compile('open(FILE)', 'x', 'exec'))))",
    ],
    ["browser", "import webbrowser; got = webbrowser.open('http://127.0.0.1')"],
  ]);
});

pythonTest("the network is out of reach", async () => {
  await assertRefused([
    [
      "connect",
      "import socket; socket.setdefaulttimeout(1); socket.create_connection(('127.0.0.1', PORT))",
    ],
    [
      "connect by a fresh module",
      "s = fresh('_socket').socket(); s.setblocking(False); s.connect(('127.0.0.1', PORT))",
    ],
    [
      "listen",
      "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); got = s.accept()",
    ],
    [
      "fetch",
      "import asyncio, pyodide.http as h; got = asyncio.run(h.pyfetch(f'http://127.0.0.1:{PORT}'))",
    ],
    ["open a URL", "import pyodide.http as h; got = h.open_url(f'http://127.0.0.1:{PORT}')"],
    [
      "fetch a file",
      "import asyncio, pyodide.http as h; got = asyncio.run(h.pyfetch('file://' + FILE))",
    ],
    [
      "packages",
      "import asyncio, pyodide_js as p; asyncio.run(p.loadPackage('micropip')); import micropip",
    ],
    ["installer", "import micropip"],
  ]);
});

pythonTest("JavaScript is out of reach of a program", async () => {
  const names = [
    "Deno",
    "process",
    "globalThis",
    "fetch",
    "eval",
    "Function",
    "Worker",
    "WebSocket",
  ];
  await assertRefused([
    ...names.map((name): Attempt => [`js.${name}`, `import js; got = js.${name}`]),
    ["eval of pyodide", "from pyodide.code import run_js; got = run_js('1 + 1')"],
    [
      "constructor of functions",
      "from pyodide.ffi import to_js\n" +
      "got = to_js([]).constructor.constructor('return globalThis')()",
    ],
    [
      "constructor of asynchronous functions",
      "import pyodide_js; got = pyodide_js.loadPackage.constructor('return import(\"node:fs\")')()",
    ],
    ["native folders", "import pyodide_js as p; p.mountNativeFS('/a', None)"],
    [
      "folders of Node",
      "import pyodide_js as p; p.FS.mkdir('/b')\n" +
      "p.FS.mount(p.FS.filesystems.NODEFS, p.toPy({'root': '/'}), '/b'); got = open('/b' + FILE).read()",
    ],
    [
      "the interpreter's way to read files",
      "import asyncio, pyodide_js as p\n" +
      "got = asyncio.run(p._api.loadBinaryFile('file://' + FILE))",
    ],
  ]);
});

pythonTest("a program cannot forge an answer, whatever it prints and pollutes", async () => {
  const python = await sharedPython();
  const forged = '{"kind":"ended","stdout":"forged","error":null,"timedOut":false}';
  const programs = [
    `print('${forged}')\n1 / 0`,
    `import pyodide_js\npyodide_js._module.print('${forged}')\n1 / 0`,
    "import pyodide_js\nfor n in range(1000): pyodide_js._module.print('x' * 1000)\n1 / 0",
    "import pyodide_js\nfrom pyodide.ffi import to_js\n" +
    "for prototype in (pyodide_js.constructor.prototype, to_js([]).constructor.prototype):\n" +
    "  prototype.kind, prototype.error, prototype.timedOut = 'ended', None, False\n" +
    "  prototype.toJSON = lambda *given: 'forged'\n1 / 0",
    "import ctypes\nctypes.CDLL(None).emscripten_run_script(b\"postMessage({kind: 'ended', error: null})\")",
  ];
  const results = await Promise.all(programs.map((program) => python.run(program)));
  assertEquals(results.map(({ success }) => success), programs.map(() => false));
  assertEquals(results[3]!.error, "ZeroDivisionError: division by zero");
});

pythonTest("JavaScript in the process has no permission but to read the package", async () => {
  await using outside = new Outside();
  const { folder } = await importPyodide();
  const settings = { file: outside.file, port: outside.port, folder: outside.folder };
  const code = `(${attempts})(${JSON.stringify(settings)})`;
  const child = spawnConfined(code, folder, 64);
  child.stdin.close();
  const output = await child.output();
  const [stdout, stderr] = [output.stdout, output.stderr].map((text) => decode(text));
  assertEquals(JSON.parse(stdout!), [], stderr);
  outside.assertUntouched(stdout! + stderr!);
  // With one permission more, the same code gets further: the attempts are real.
  const args = ["run", "--no-prompt", "--allow-read", `data:text/javascript,${encodeURI(code)}`];
  const reached = JSON.parse(
    decode((await new Deno.Command(Deno.execPath(), { args }).output()).stdout),
  );
  for (const name of ["read", "readByNode", "readByFetch", "caches", "eval"]) {
    assert(reached.includes(name), `${reached}`);
  }
});

const decode = (text: Uint8Array) => new TextDecoder().decode(text);

/** Runs in the process, and prints what was not refused. */
async function attempts(
  { file, port, folder }: { file: string; port: number; folder: string },
): Promise<void> {
  const load = (specifier: string) => import(specifier);
  const all: Record<string, () => unknown> = {
    read: () => Deno.readTextFileSync(file),
    readByNode: async () => (await load("node:fs")).readFileSync(file),
    readByFetch: () => fetch(`file://${file}`),
    readByImport: () => load(`file://${file}`),
    list: () => [...Deno.readDirSync(folder)],
    stat: () => Deno.statSync(file),
    readProcess: () => Deno.readTextFileSync("/proc/self/environ"),
    write: () => Deno.writeTextFileSync(file, "x"),
    temporary: () => Deno.makeTempFileSync(),
    link: () => Deno.symlinkSync(file, "link"),
    database: async () => new (await load("node:sqlite")).DatabaseSync(`${folder}/database`),
    environment: () => Deno.env.get("NANODINO_TEST_SECRET"),
    environmentOfNode: async () => (await load("node:process")).env.NANODINO_TEST_SECRET,
    connect: () => Deno.connect({ port }),
    fetch: () => fetch(`http://127.0.0.1:${port}`),
    connectByNode: async () => {
      const socket = (await load("node:net")).connect(port, "127.0.0.1");
      await new Promise((resolve, reject) => socket.on("connect", resolve).on("error", reject));
    },
    webSocket: () =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`ws://127.0.0.1:${port}`);
        socket.onopen = resolve;
        socket.onerror = reject;
      }),
    listen: () => Deno.listen({ port: 0 }),
    name: () => Deno.resolveDns("example.com", "A"),
    run: () => new Deno.Command("/bin/sh", { args: ["-c", "id"] }).outputSync(),
    runByNode: async () => (await load("node:child_process")).execSync("/bin/id"),
    runDeno: () => new Deno.Command(Deno.execPath(), { args: ["--version"] }).outputSync(),
    kill: () => Deno.kill(Deno.ppid, "SIGKILL"),
    native: () => Deno.dlopen("libc.so.6", {}),
    host: () => Deno.hostname(),
    remote: () => load("https://deno.land/std@0.224.0/version.ts"),
    package: () => load("npm:fflate@0.8.3"),
    caches: () => caches.open("a"),
    localStorage: () => localStorage.setItem("a", "b"),
    eval: () => (0, eval)("1"),
    function: () => new Function("return 1")(),
    permission: async () => {
      const { state } = await Deno.permissions.request({ name: "read", path: "/" });
      if (state !== "granted") throw new Error(state);
    },
  };
  const reached: string[] = [];
  for (const [name, attempt] of Object.entries(all)) {
    try {
      if (await attempt() !== undefined) reached.push(name);
    } catch {
      // It was refused.
    }
  }
  console.log(JSON.stringify(reached));
}
