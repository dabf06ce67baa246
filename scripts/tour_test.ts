import { assert, assertEquals, assertStringIncludes } from "@std/assert";

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const script = new URL("./tour.ts", import.meta.url).href;

/** Runs the script as a process without permissions. */
async function run(args: readonly string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", script, ...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("the whole tour needs no permission, and prints no color codes into a pipe", async () => {
  const { code, stdout, stderr } = await run([]);
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "1/22  Rules or examples");
  assertStringIncludes(stdout, "22/22  Where each idea lives");
  assert(!stdout.includes("\x1b"));
});

Deno.test("--step waits for one line after each stop but the last", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", script, "--step"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const enter = new TextEncoder().encode("\n");
  let text = "";
  let waits = 0;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    while ((text.match(/Press Enter/g)?.length ?? 0) > waits) {
      waits++;
      assert(!text.includes(`${waits + 1}/22`), `stop ${waits + 1} came before Enter`);
      await writer.write(enter);
    }
  }
  await writer.close();
  assertEquals(waits, 21);
  assertEquals((await child.status).code, 0);
});

Deno.test("--step does not wait if nobody can press Enter", async () => {
  const { code, stdout } = await run(["--step"]);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "22/22");
});

Deno.test("--stop shows one stop, and --help the list of them", async () => {
  const { stdout } = await run(["--stop", "5"]);
  assertStringIncludes(stdout, "5/22  The loss");
  assert(!stdout.includes("4/22") && !stdout.includes("6/22"));
  const help = await run(["--help"]);
  assertEquals(help.code, 0);
  assertStringIncludes(help.stdout, " 5  The loss");
});

Deno.test("a wrong flag ends with code 2 and one line that names it", async () => {
  const cases: [string[], string][] = [
    [["--bogus"], "--bogus"],
    [["--stop", "23"], 'Cannot use --stop: wanted a whole number from 1 to 22, got "23"'],
    [["--stop", "one"], 'Cannot use --stop: wanted a whole number from 1 to 22, got "one"'],
    [["--stop"], "--stop"],
    [["extra"], "extra"],
  ];
  for (const [args, part] of cases) {
    const { code, stdout, stderr } = await run(args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertStringIncludes(stderr, part);
    assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
  }
});
