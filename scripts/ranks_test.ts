import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { testUnderMpi } from "../mpi/testing/ranks.ts";
import { savedSteps } from "../gpt/mod.ts";
import { command, makeCorpus, makeHome, runScript, tinyFlags } from "./testing/run_script.ts";
import { waitUntil } from "./testing/wait.ts";

const train = new URL("testing/killed_ranks.ts", import.meta.url).href;

testUnderMpi(
  "a run whose ranks are killed resumes from its checkpoints to the end",
  async (mpi) => {
    const corpus = await makeCorpus();
    const home = await makeHome(corpus);
    const flags = [...tinyFlags, "--data", corpus, "--model-tag", "killed"];
    const length = ["--num-iterations", "60", "--save-every", "10"];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", new URL("ranks.ts", import.meta.url).href],
        ...["--n", "4", "--retries", "9", "--shrink"],
        ...["--launcher", [mpi.command, ...mpi.args].join(" ")],
        ...["--", "run", "-A", "--no-check", train, ...flags, ...length],
        ...["--total-batch-size", "128"],
      ],
      env: { NANODINO_HOME: home, NO_COLOR: "1", ...mpi.env },
      stdin: "null",
    }).output();
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals(code, 0, text);
    for (const [before, after] of [[4, 2], [2, 1]] as const) {
      assertEquals(text.split(`One of ${before} ranks kills itself.`).length, 2, text);
      assertMatch(
        text,
        new RegExp(
          `^The ranks ended with code \\d+\\. Restarting on ${after}, from the last checkpoint$`,
          "m",
        ),
      );
    }
    // One batch a step with four ranks, two with two.
    assertEquals(text.match(/^Resuming after step \d+\.$/gm), [
      "Resuming after step 30.",
      "Resuming after step 40.",
    ]);
    assertEquals((await savedSteps(`${home}/base_checkpoints/killed`)).at(-1), 60);
    for (const each of [corpus, home]) await Deno.remove(each, { recursive: true });
  },
);

Deno.test("ranks are restarted if the launcher says they are done, but they do not", async () => {
  const home = await Deno.makeTempDir();
  const launcher = `${home}/launcher`;
  const script = `#!/bin/sh\necho "of $*" >> ${home}/commands\necho Saved a checkpoint\nexit 0\n`;
  await Deno.writeTextFile(launcher, script, { mode: 0o755 });
  const options = { permissions: ["--allow-env", "--allow-read", "--allow-run"] };
  const flags = ["--retries", "2", "--launcher", launcher, "--", "eval", "--overwrite=true"];
  const { code, stderr } = await runScript("ranks.ts", flags, home, options);
  assertEquals(code, 1);
  const again = "The ranks ended with code 1. Restarting on 2, from the last checkpoint\n";
  assertEquals(stderr, again.repeat(2));
  const commands = (await Deno.readTextFile(`${home}/commands`)).trim().split("\n");
  assertEquals(commands.map((line) => line.includes("--overwrite")), [true, false, false]);
  assertEquals(commands.map((line) => line.includes("--resume")), [false, true, true]);

  await Deno.writeTextFile(launcher, "#!/bin/sh\necho All 2 ranks are done.\nexit 0\n");
  assertEquals((await runScript("ranks.ts", flags, home, options)).code, 0);
  await Deno.remove(home, { recursive: true });
});

Deno.test("ranks whose time is up are not restarted", async () => {
  const home = await Deno.makeTempDir();
  const launcher = `${home}/launcher`;
  await Deno.writeTextFile(launcher, "#!/bin/sh\nexit 124\n", { mode: 0o755 });
  const options = { permissions: ["--allow-env", "--allow-read", "--allow-run"] };
  const flags = ["--retries", "2", "--launcher", launcher, "--", "train", "--hours", "1"];
  const { code, stderr } = await runScript("ranks.ts", flags, home, options);
  assertEquals([code, stderr], [124, ""]);
  await Deno.remove(home, { recursive: true });
});

Deno.test("a signal after the ranks have ended is no error", async () => {
  const home = await Deno.makeTempDir();
  // The process ends at once; another one that it started keeps its output open.
  const code = 'new Deno.Command("sleep", { args: ["3"], stdin: "null" }).spawn().unref(); ' +
    "console.log(Deno.pid); Deno.exit(0)";
  const args = ["--n", "1", "--", "eval", code];
  const child = command("ranks.ts", args, home, {
    permissions: ["--allow-env", "--allow-read", "--allow-run"],
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const pid = parseInt((await reader.read()).value!);
  // Whoever started it has waited for it, so that its id is free.
  const hasEnded = () => Deno.stat(`/proc/${pid}`).then(() => false, () => true);
  await waitUntil("the end of the process", hasEnded);
  child.kill("SIGTERM");
  const errors = new Response(child.stderr).text();
  while (!(await reader.read()).done);
  assertEquals([(await child.status).code, await errors], [0, ""]);
  await Deno.remove(home, { recursive: true });
});

Deno.test("ranks need a command and a launcher", async () => {
  const home = await Deno.makeTempDir();
  const options = { permissions: ["--allow-env", "--allow-read", "--allow-run"] };
  const none = await runScript("ranks.ts", ["--n", "2"], home, options);
  assertEquals([none.code, none.stderr.includes("wanted a command after --")], [2, true]);
  const flags = ["--launcher", "no-such-launcher", "--", "eval", ""];
  const unknown = await runScript("ranks.ts", flags, home, options);
  assertEquals(unknown.code, 1);
  assertStringIncludes(unknown.stderr, "wanted the launcher no-such-launcher, got nothing");
  await Deno.remove(home);
});
