import { assert, assertEquals, assertMatch } from "@std/assert";
import { goldenTest, readGoldenJson } from "../../testing/golden.ts";
import { humanEvalProblem, testProgram } from "../tasks/human_eval.ts";
import { runPython } from "./python.ts";

Deno.test("a program's output, and the last line of its error, come back", async () => {
  assertEquals(await runPython("import math\nprint(math.gcd(12, 18), 'é')"), {
    ...{ success: true, stdout: "6 é\n", error: "", timedOut: false },
  });
  const { success, error } = await runPython("x = [1]\nx[3]");
  assertEquals([success, error], [false, "IndexError: list index out of range"]);
  assertMatch((await runPython("def f(:")).error, /SyntaxError/);
});

Deno.test("a program may keep files in its folder, which is gone afterwards", async () => {
  const program = "import os\nopen('a', 'w').write('hi')\nprint(open('a').read(), os.listdir('.'))";
  assertEquals((await runPython(program)).stdout, "hi ['a']\n");
  assertEquals((await runPython("import os\nprint(os.listdir('.'))")).stdout, "[]\n");
});

Deno.test("what takes too long or too much is ended", async () => {
  const start = performance.now();
  const endless = await runPython("while True: pass", { seconds: 1 });
  assert(endless.timedOut && !endless.success && performance.now() - start < 4000);
  const asleep = await runPython("import time\ntime.sleep(60)", { seconds: 1 });
  assert(asleep.timedOut);
  assertEquals((await runPython("x = 'a' * 10**10")).error, "MemoryError");
  const { stdout } = await runPython("print('a' * 10**6)");
  assertEquals(stdout.length, 10_000);
  const big = await runPython("f = open('a', 'wb')\nfor i in range(9): f.write(bytes(10**6))");
  assertEquals(big.success, false);
});

Deno.test("attempts to get out are refused", async () => {
  const outside = await Deno.makeTempFile();
  await Deno.writeTextFile(outside, "secret");
  const attempts = [
    `print(open(${JSON.stringify(outside)}).read())`,
    `open(${JSON.stringify(outside)}, "w")`,
    "print(open('/etc/passwd').read())",
    "import os\nos.system('id')",
    "import os\nos.listdir('/')",
    "import os\nprint(os.fork())",
    "import os\nos.execv('/bin/sh', ['sh', '-c', 'id'])",
    "import os\nos.posix_spawn('/bin/sh', ['sh'], {})",
    "import os\nos.kill(os.getppid(), 9)",
    "import os\nos.symlink('/etc/passwd', 'a')\nprint(open('a').read())",
    "import os\nos.chdir('/')",
    `import os\nos.remove(${JSON.stringify(outside)})`,
    `import os\nos.rename(${JSON.stringify(outside)}, 'a')`,
    `import os\nos.open(${JSON.stringify(outside)}, os.O_RDONLY)`,
    `import io\nprint(io.FileIO(${JSON.stringify(outside)}).read())`,
    "import subprocess\nsubprocess.run(['id'])",
    "import socket\nsocket.create_connection(('127.0.0.1', 80))",
    "import _socket\n_socket.socket()",
    "import urllib.request\nurllib.request.urlopen('http://127.0.0.1')",
    "import ctypes\nctypes.CDLL(None)",
    "import importlib\nimportlib.import_module('ctypes')",
    "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40))",
    "import multiprocessing\nmultiprocessing.Process().start()",
    // The hook's own names are out of reach, and changing builtins does not change it.
    "import builtins\nbuiltins.PermissionError = Exception\nopen('/etc/passwd')",
    "import os.path\nos.path.realpath = lambda p: os.getcwd()\nprint(open('/etc/passwd').read())",
    "import sys\nsys.modules['os'].fsdecode = lambda p: 'a'\nprint(open('/etc/passwd').read())",
    "import posixpath\nposixpath._joinrealpath = lambda *a: ('a', True)\nprint(open('/etc/passwd').read())",
    "import __main__\nfor name in list(vars(__main__)): vars(__main__)[name] = ()\n" +
    "print(open('/etc/passwd').read())",
    "import sys\nsys._getframe(1).f_globals.clear()\nprint(open('/etc/passwd').read())",
    "class Path(str):\n  def startswith(self, *a): return True\n  def split(self, *a): return []\n" +
    "print(open(Path('/etc/passwd')).read())",
    "class Path:\n  def __fspath__(self): return '/etc/passwd'\nprint(open(Path()).read())",
    "try:\n  open('/etc/passwd')\nexcept BaseException:\n  print('went on')",
    "import gc\nprint(len(gc.get_objects()))",
    // A folder that is open is no way up, nor into the library.
    "import os\nos.makedirs('a/b')\nfd = os.open('a', 0)\nos.chdir('a/b')\n" +
    "os.open('../../x', os.O_CREAT | os.O_WRONLY, dir_fd=fd)",
    "import os\nos.open(os.__file__[:-6], 0)",
    "import os\nopen(os.__file__, 'a')",
    // Native code of one's own, and under another name.
    "import importlib.machinery as m, _imp, os\nopen('x.so', 'wb').write(b'ELF')\n" +
    "_imp.create_dynamic(m.ModuleSpec('x', None, origin=os.getcwd() + '/x.so'))",
    "import sys\nfor name in ('_ctypes', '_socket'): sys.modules.pop(name, None)\nimport _ctypes",
    // Signals and files that no event tells of.
    "import os, signal\nsignal.pidfd_send_signal(os.pidfd_open(os.getppid()), 9)",
    `import os\nos.mkfifo(${JSON.stringify(`${outside}.fifo`)})`,
    "import pwd\nprint(pwd.getpwall())",
    "import os\nwhile True: os.fork()",
  ];
  for (const attempt of attempts) {
    const { success, stdout } = await runPython(attempt);
    assertEquals([success, stdout], [false, ""], attempt);
  }
  assertEquals(await Deno.readTextFile(outside), "secret");
  // The environment of this process is not passed on.
  Deno.env.set("NANODINO_TEST_SECRET", "secret");
  const { stdout } = await runPython("import os\nprint(dict(os.environ))");
  assert(!stdout.includes("SECRET"), stdout);
  Deno.env.delete("NANODINO_TEST_SECRET");
});

Deno.test("threads without end and memory in small pieces end the program, not the machine", async () => {
  const threads = "import threading, time\nwhile True:\n" +
    "  threading.Thread(target=time.sleep, args=(60,), daemon=True).start()";
  assertEquals((await runPython(threads, { seconds: 3 })).success, false);
  const hoard = await runPython("kept = []\nwhile True: kept.append(bytes(10**6))", { seconds: 3 });
  // There may be no memory left to say so.
  assertEquals(hoard.success, false);
});

Deno.test("the library works within the fence", async () => {
  const program =
    "import collections, dataclasses, datetime, decimal, fractions, functools, hashlib\n" +
    "import itertools, json, math, pathlib, random, re, statistics, string, tempfile, typing, uuid\n" +
    "pathlib.Path('a').write_text('hi')\n" +
    "print(collections.namedtuple('P', 'x y')(1, 2), [str(p) for p in pathlib.Path('.').iterdir()])\n" +
    "with tempfile.TemporaryFile(dir='.') as f: f.write(b'a')\nprint(statistics.mean([1, 2, 6]))";
  const { success, stdout, error } = await runPython(program);
  assertEquals([success, stdout, error], [true, "P(x=1, y=2) ['a']\n3\n", ""]);
});

goldenTest("completions of programs pass or fail as in the original", async () => {
  const { humaneval } = readGoldenJson<{
    humaneval: {
      entry_point: string;
      prompt: string;
      test: string;
      kind: string;
      completion: string;
      correct: boolean;
    }[];
  }>("chat/golden-chat-eval");
  for (const { completion, correct, kind, ...row } of humaneval) {
    const problem = humanEvalProblem({ ...row, canonical_solution: "" });
    const { success } = await runPython(testProgram(problem, completion), { seconds: 2 });
    assertEquals(success, correct, `${row.entry_point}, ${kind}`);
  }
});
