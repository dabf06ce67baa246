import { assertEquals } from "@std/assert";
import { endlessFile } from "../data/testing/parquet_mutations.ts";
import { namesIn } from "../gpt/files/files.ts";
import { command, makeCorpus, makeHome, runScript, tinyFlags } from "./testing/run_script.ts";
import { readUntil } from "./testing/wait.ts";

const home = await makeHome(await makeCorpus());
const folder = await Deno.makeTempDir();
const endless = `${folder}/endless.parquet`;
await Deno.writeFile(endless, endlessFile());

Deno.test("signals end a command that reads a row group without end, and its lock", async () => {
  const args = [...tinyFlags, "--data", endless, "--model-tag", "endless"];
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const child = command("base_train.ts", args, home).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    // The table of the run is printed before the corpus is opened.
    await readUntil("of training", reader);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    child.kill(signal);
    const [status, errors] = await Promise.all([
      child.status,
      new Response(child.stderr).text(),
      reader.cancel(),
    ]);
    // The limit of the row group would have ended it with an error about the file.
    assertEquals([status.code, errors.trim()], [code, "Stopped before training began."]);
    assertEquals(await namesIn(`${home}/base_checkpoints/endless`), []);
  }
});

Deno.test("a row group without end is an error in one line", async () => {
  const { code, stderr } = await runScript("tok_train.ts", ["--data", endless], home);
  assertEquals(code, 1);
  assertEquals(
    stderr,
    `Cannot read row group 0 of "${endless}": wanted the rows 0 to 20 of "text" within 11 s, got no ` +
      "end of them; the file may be damaged\n",
  );
});
