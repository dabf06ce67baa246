/** Programs in Python, hostile and mutated: each ends in time, and the next one sees nothing of it. @module */

import { Python } from "../../chat/mod.ts";
import { importPyodide } from "../../chat/deps.ts";
import { damageText } from "./damage.ts";
import type { Random } from "./random.ts";
import type { OpenTrial, Trial } from "./trial.ts";

const SECONDS = 2;

/** The longest output, as `Python.run` has it. */
const MAX_OUTPUT = 10_000;

/** A mark that a program may leave behind where a second one would find it. */
const MARK = "left behind";

const PROGRAMS = [
  "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nprint(fib(12))",
  "import math, json\nprint(json.dumps({'pi': math.pi, 'e': [math.e] * 3}))",
  "print(sorted('strawberry'.count(letter) for letter in 'straw'))",
  "raise ValueError('wanted 1, got 2')",
  "import sys\nsys.exit(3)",
  "while True:\n    pass",
  "print('a' * 100_000_000)",
  "bytes(10 ** 12)",
  "keep = [bytearray(2 ** 20) for _ in range(4000)]",
  "def deep(n):\n    return deep(n + 1)\ndeep(0)",
  "import os\nfor _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')",
  `import builtins, os\nbuiltins.mark = '${MARK}'\nos.environ['MARK'] = '${MARK}'\n` +
  `open('/tmp/mark', 'w').write('${MARK}')`,
  "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
  "import ctypes\nctypes.string_at(0, 100)",
  "import js\njs.eval('Deno.exit(0)')",
  "import pyodide_js\npyodide_js.__proto__.__proto__.toString = 5",
  "import os\nos._exit(0)",
  "import sys\nsys.stdout.buffer.write(bytes(range(256)))",
];

/** Finds what another program has left, if anything. */
const LOOK = "import builtins, os\n" +
  "print(hasattr(builtins, 'mark'), 'MARK' in os.environ, os.path.exists('/tmp/mark'))";

async function check(python: Python, random: Random): Promise<string> {
  const program = random.pick(PROGRAMS);
  const changed = random.chance(0.5) ? damageText(program, random) : program;
  const { success, stdout, error, timedOut } = await python.run(changed);
  if (stdout.length > MAX_OUTPUT) {
    throw new Error(`wanted at most ${MAX_OUTPUT} characters of output, got ${stdout.length}`);
  }
  if (success ? error !== "" || timedOut : error.includes("\n")) {
    throw new Error(`wanted no error, or one of one line, got ${JSON.stringify(error)}`);
  }
  const look = await python.run(LOOK);
  if (look.stdout !== "False False False\n") {
    throw new Error(`wanted a second program to find nothing, got ${JSON.stringify(look)}`);
  }
  return timedOut ? "timed out" : success ? "success" : "an error";
}

const isThere = await importPyodide().then(() => true, () => false);

const programs: Trial = {
  name: "python/programs",
  limit: 300,
  ...(isThere ? {} : { missing: "npm:pyodide" }),
  async open(): Promise<OpenTrial> {
    const folder = await Deno.makeTempDir({ prefix: "soak" });
    const python = await Python.open({ folder, seconds: SECONDS });
    return {
      run: (random) => check(python, random),
      async [Symbol.asyncDispose]() {
        await python.close();
        await Deno.remove(folder, { recursive: true });
      },
    };
  },
};

export const pythonTrials: readonly Trial[] = [programs];
