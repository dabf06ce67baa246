import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  choice,
  decimal,
  givenFlags,
  integer,
  optional,
  parseFlags,
  runScript,
  splitNames,
  text,
  toggle,
  UsageError,
  withUsageErrors,
} from "./flags.ts";

const flags = {
  maxSeqLen: integer(2048, "Length"),
  evalEvery: integer(250, "Interval", { or: -1 }),
  matrixLr: decimal(0.02, "Rate", { most: 1 }),
  device: choice(["auto", "cpu"], "auto", "Device"),
  prompt: optional(text("", "Beginning")),
  noBlas: toggle("No BLAS"),
  yes: toggle("Yes"),
};

Deno.test("flags that are not given have their defaults", () => {
  assertEquals(parseFlags([], flags), {
    maxSeqLen: 2048,
    evalEvery: 250,
    matrixLr: 0.02,
    device: "auto",
    prompt: null,
    noBlas: false,
    yes: false,
  });
});

Deno.test("a value follows a space or an equals sign, and may be negative", () => {
  const args = "--max-seq-len 1_024 --eval-every -1 --matrix-lr=2e-3 --device=cpu --no-blas";
  const values = parseFlags([...args.split(" "), "--prompt", "-5 degrees"], flags);
  assertEquals(values, {
    maxSeqLen: 1024,
    evalEvery: -1,
    matrixLr: 0.002,
    device: "cpu",
    prompt: "-5 degrees",
    noBlas: true,
    yes: false,
  });
  assertEquals(parseFlags(["--prompt", "- a list"], flags).prompt, "- a list");
  assertEquals(parseFlags(["--no-blas=false"], flags, { noBlas: true }).noBlas, false);
});

Deno.test("the last of two values counts", () => {
  const { maxSeqLen } = parseFlags(["--max-seq-len", "1", "--max-seq-len", "2"], flags);
  assertEquals(maxSeqLen, 2);
});

Deno.test("saved values replace defaults, and given values replace both", () => {
  const saved = { maxSeqLen: 64, noBlas: true, prompt: null, other: "ignored" };
  const values = parseFlags(["--max-seq-len", "32"], flags, saved);
  assertEquals([values.maxSeqLen, values.noBlas, values.prompt], [32, true, null]);
  assertThrows(
    () => parseFlags([], flags, { maxSeqLen: -3 }),
    UsageError,
    'Cannot use --max-seq-len: wanted a whole number of at least 1, got "-3"',
  );
});

Deno.test("invalid values are refused with what was wanted and what was given", () => {
  const cases: [string[], string][] = [
    [["--max-seq-len", "0"], 'wanted a whole number of at least 1, got "0"'],
    [["--max-seq-len", "1.5"], 'got "1.5"'],
    [["--max-seq-len", "many"], 'got "many"'],
    [["--max-seq-len="], 'got ""'],
    [["--max-seq-len", "_"], 'got "_"'],
    [["--max-seq-len", "1e300"], 'got "1e300"'],
    [["--eval-every", "0"], "wanted a whole number of at least 1 or -1"],
    [["--matrix-lr", "1.5"], "wanted a number from 0 to 1"],
    [["--matrix-lr", "NaN"], 'got "NaN"'],
    [["--matrix-lr", "Infinity"], 'got "Infinity"'],
    [["--device", "gpu"], 'wanted auto, cpu, got "gpu"'],
    [["--prompt", "  "], "wanted a text"],
    [["--max-seq-len"], "--max-seq-len"],
    [["--no-blas=yes"], "--no-blas"],
    [["--bogus", "1"], "--bogus"],
    [["-d", "4"], "-d"],
    [["--no-blas", "-d"], "There is no flag -d"],
    [["--yes", "-d"], "There is no flag -d"],
    [["--", "--prompt", "hi"], "Cannot read --: wanted flags only"],
    [["--max-seq-len", "4", "--", "extra"], "Cannot read --"],
    [["extra"], "extra"],
    [["--max-seq-length", "4"], "There is no flag --max-seq-length; did you mean --max-seq-len?"],
    [["--prompt", ""], 'Cannot use --prompt: wanted a text, got ""'],
  ];
  for (const [args, part] of cases) {
    const error: Error = assertThrows(() => parseFlags(args, flags), UsageError);
    assertStringIncludes(error.message, part);
    assertEquals(error.message.split("\n").length, 1);
  }
});

Deno.test("names are told from flags and their values, wherever they stand", () => {
  const args = ["gsm8k", "--max-seq-len", "3", "rules", "--no-blas", "human", "--prompt=a", "core"];
  assertEquals(splitNames(args, flags), {
    names: ["gsm8k", "rules", "human", "core"],
    rest: ["--max-seq-len", "3", "--no-blas", "--prompt=a"],
  });
  // The value of a flag is no name, and `--` is left to be refused.
  assertEquals(splitNames(["--prompt", "rules"], flags).names, []);
  assertEquals(splitNames(["--", "-d"], flags).rest, ["--", "-d"]);
});

Deno.test("given flags are known", () => {
  assertEquals([...givenFlags(["--no-blas", "--max-seq-len=3"], flags)], ["maxSeqLen", "noBlas"]);
});

Deno.test("only errors due to flags are blamed on the flags", () => {
  const fail = (error: Error) => () => {
    throw error;
  };
  assertThrows(() => withUsageErrors(fail(new RangeError("too much"))), UsageError, "too much");
  assertThrows(() => withUsageErrors(fail(new TypeError("a bug"))), TypeError, "a bug");
});

Deno.test("a script exits with the code it returns, or 1 or 2 after an error", async () => {
  const script = (run: () => Promise<number | void>) =>
    runScript({ summary: "Tests.", command: "deno task test", flags: {}, run }, []);
  const silent = console.error;
  const lines: string[] = [];
  console.error = (line: string) => lines.push(line);
  try {
    assertEquals(await script(() => Promise.resolve()), 0);
    assertEquals(await script(() => Promise.resolve(130)), 130);
    assertEquals(await script(() => Promise.reject(new Error("first\nsecond"))), 1);
    assertEquals(await script(() => Promise.reject(new UsageError("no"))), 2);
  } finally {
    console.error = silent;
  }
  assertEquals(lines, ["first", "no (see --help)"]);
});
