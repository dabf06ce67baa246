import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { hasGolden, readGoldenJson } from "../../testing/golden.ts";
import { humanEvalProblem, testProgram } from "../tasks/human_eval.ts";
import { openTestPython, pythonTest, sharedPython } from "../testing/python.ts";
import { Python } from "./python.ts";

pythonTest("a program's output, and the last line of its error, come back", async () => {
  const python = await sharedPython();
  const cases: [program: string, stdout: string, error: string | null][] = [
    ["import math\nprint(math.gcd(12, 18), 'é')", "6 é\n", null],
    ["print('a' * 10**6)", "a".repeat(10_000), null],
    ["x = [1]\nprint(x)\nx[3]", "[1]\n", "IndexError: list index out of range"],
    ["raise ValueError('one\\ntwo')", "", "two"],
    ["def f(:", "", "SyntaxError: invalid syntax"],
    ["import numpy", "", "ModuleNotFoundError: No module named 'numpy'"],
    ["input()", "", "EOFError: EOF when reading a line"],
    // As the exit code of python3 would say.
    ["import sys\nprint('a')\nsys.exit(0)", "a\n", null],
    ["import sys\nsys.exit('no')", "", "no"],
    ["import sys\nprint('b', file=sys.stderr)\nsys.exit(3)", "", "b"],
  ];
  await Promise.all(cases.map(async ([program, stdout, error]) => {
    const expected = { success: error === null, stdout, error: error ?? "", timedOut: false };
    assertEquals(await python.run(program), expected, program);
  }));
});

pythonTest("the standard library works, as in a program that python3 runs", async () => {
  const python = await sharedPython();
  const program = [
    "import asyncio, collections, csv, dataclasses, datetime, decimal, fractions, functools, gzip",
    "import hashlib, itertools, json, pathlib, pickle, random, re, statistics, string, tempfile",
    "import typing, unittest, uuid, zlib, __main__",
    "@dataclasses.dataclass",
    "class Point:",
    "  x: int",
    "print(pickle.loads(pickle.dumps(Point(3))), __main__.Point is Point, __name__)",
    "pathlib.Path('a').write_text('hi')",
    "print([str(path) for path in pathlib.Path('.').iterdir()], open('a').read())",
    "with tempfile.TemporaryFile() as file: file.write(b'a')",
    "async def later():",
    "  await asyncio.sleep(0.01)",
    "  return statistics.mean([1, 2, 6])",
    "print(asyncio.run(later()), decimal.Decimal('0.1') * 3)",
  ];
  assertEquals(await python.run(program.join("\n")), {
    success: true,
    stdout: "Point(x=3) True __main__\n['a'] hi\n3 0.3\n",
    error: "",
    timedOut: false,
  });
});

pythonTest("a program that takes too long is ended, and its output so far is kept", async () => {
  await using python = await openTestPython({ seconds: 2 });
  const programs = [
    "import time\nprint('a', flush=True)\ntime.sleep(60)",
    "print('a', flush=True)\nimport os\nwhile True: os.mkdir('d'); os.chdir('d')",
    "print('a', flush=True)\nimport re\nre.match('(a+)+b', 'a' * 60)",
    "print('a', flush=True)\nwhile True:\n  try:\n    while True: pass\n  except BaseException: pass",
  ];
  await Promise.all(programs.map(async (program) => {
    const expected = {
      success: false,
      stdout: "a\n",
      error: "Execution timed out",
      timedOut: true,
    };
    assertEquals(await python.run(program), expected, program);
  }));
  const { stdout, timedOut } = await python.run("while True: print('x' * 10**5)");
  assertEquals([stdout, timedOut], ["x".repeat(10_000), true]);
});

pythonTest("a program that takes too much memory is ended, wherever the memory is", async () => {
  await using python = await openTestPython({ memory: 128, seconds: 30, processes: 1 });
  const programs = [
    "x = 'a' * 10**9",
    "file = open('a', 'wb')\nwhile True: file.write(bytes(10**6))",
    "n = 0\nwhile True:\n  n += 1\n  with open(f'{n}', 'wb') as file: file.write(bytes(10**6))",
    "import zlib\nzipped = zlib.compress(bytes(10**8))\nprint(len(zlib.decompress(zipped) * 4))",
  ];
  await Promise.all(programs.map(async (program) => {
    const { success, stdout, error, timedOut } = await python.run(program);
    assertEquals([success, stdout, timedOut], [false, "", false], program);
    assertMatch(error, /^MemoryError/, program);
  }));
});

pythonTest("a busy event loop does not make a program take too long", async () => {
  await using python = await openTestPython({ seconds: 2, processes: 1 });
  const running = python.run("print(1)");
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (const start = performance.now(); performance.now() - start < 2500;);
  assertEquals((await running).stdout, "1\n");
});

pythonTest("programs that bring the interpreter down fail, and the next ones run", async () => {
  const python = await sharedPython();
  const programs = [
    "import os\nos._exit(0)",
    "import os\nos.abort()",
    "import ctypes\nctypes.string_at(2**31, 5)",
    "import _pyodide_core\n_pyodide_core.trigger_fatal_error()",
    "import sys, traceback\nsys.stdout = sys.stderr = traceback.print_exception = None\n1 / 0",
    "import os\nfor n in range(9): os.close(n)\n1 / 0",
    "(".repeat(1e5),
  ];
  const results = await Promise.all(programs.map((program) => python.run(program)));
  assertEquals(results.map(({ success }) => success), programs.map(() => false));
  assertEquals((await python.run("print(1)")).stdout, "1\n");
});

pythonTest("a program sees nothing of the one before it", async () => {
  await using python = await openTestPython({ processes: 1 });
  const first = [
    "import builtins, json, math, os, pathlib, random, sys, zipfile",
    "pathlib.Path('a').write_text('first')",
    "pathlib.Path('/tmp/a').write_text('first')",
    "pathlib.Path('/lib/python3.14/site-packages/first.py').write_text('')",
    "with zipfile.ZipFile('/lib/python314.zip', 'a') as library: library.writestr('first.py', '')",
    "os.environ['FIRST'] = 'first'",
    "math.pi = 4",
    "builtins.print = None",
    "sys.modules['first'] = sys",
    "random.seed(1)",
    "import pyodide_js",
    "pyodide_js.first = 1",
    "pyodide_js.constructor.prototype.first = 1",
    "os.chmod('.', 0)",
  ];
  assertEquals((await python.run(first.join("\n"))).error, "");
  const second = [
    "import math, os, pyodide_js, random, sys",
    "print(os.listdir('.'), os.listdir('/tmp'), 'FIRST' in os.environ, math.pi == 4)",
    "print(hasattr(pyodide_js, 'first'), 'first' in sys.modules, random.Random(1).random() == random.random())",
    "import first",
  ];
  assertEquals(await python.run(second.join("\n")), {
    success: false,
    stdout: "[] [] False False\nFalse False False\n",
    error: "ModuleNotFoundError: No module named 'first'",
    timedOut: false,
  });
});

pythonTest(
  "programs wait for a free process, and are rejected where Python is closed",
  async () => {
    const python = await openTestPython({ processes: 1 });
    const programs = Array.from({ length: 3 }, (_, i) => python.run(`print(${i})`));
    const results = await Promise.all(programs);
    assertEquals(results.map(({ stdout }) => stdout), ["0\n", "1\n", "2\n"]);
    const [endless, waiting] = [python.run("while True: pass"), python.run("print(1)")];
    const rejections = [endless, waiting].map((program) =>
      assertRejects(() => program, Error, "wanted it open, got it closed")
    );
    await python.close();
    await Promise.all(rejections);
    await assertRejects(() => python.run("print(1)"), Error, "wanted it open, got it closed");
  },
);

pythonTest("a damaged snapshot is made again", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeFile(`${folder}/pyodide.snapshot`, new Uint8Array(1000));
  await using python = await openTestPython({ folder, processes: 1 });
  assertEquals((await python.run("print(1)")).stdout, "1\n");
  assert((await Deno.stat(`${folder}/pyodide.snapshot`)).size > 1e7);
});

Deno.test("invalid limits are refused", async () => {
  for (
    const [options, message] of [
      [{ seconds: 0 }, "wanted seconds from 0 to 3600, got 0"],
      [{ seconds: NaN }, "wanted seconds from 0 to 3600, got NaN"],
      [{ memory: 8 }, "wanted memory of 64 to 4096 MiB, got 8"],
      [{ processes: 0.5 }, "wanted 1 or more processes, got 0.5"],
    ] as const
  ) await assertRejects(() => Python.open(options), RangeError, message);
});

pythonTest("a process without permission to run Deno gets an error that says so", async () => {
  const program = `import { Python } from ${JSON.stringify(import.meta.resolve("./python.ts"))};
    await Python.open({ folder: ${JSON.stringify(await Deno.makeTempDir())} });`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, program);
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", "--allow-read", "--allow-write", file],
  }).output();
  assertEquals(code, 1);
  assertMatch(
    new TextDecoder().decode(stderr),
    /Cannot run Python: wanted the permission --allow-run=/,
  );
});

if (hasGolden) {
  pythonTest("completions of programs pass or fail as in the original", async () => {
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
    await using python = await openTestPython({ seconds: 2 });
    await Promise.all(humaneval.map(async ({ completion, correct, kind, ...row }) => {
      const problem = humanEvalProblem({ ...row, canonical_solution: "" });
      const { success } = await python.run(testProgram(problem, completion));
      assertEquals(success, correct, `${row.entry_point}, ${kind}`);
    }));
  });
}
