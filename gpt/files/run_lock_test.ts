import { assertEquals, assertRejects } from "@std/assert";
import { namesIn } from "./files.ts";
import { lockRun } from "./run_lock.ts";

const module = JSON.stringify(new URL("./run_lock.ts", import.meta.url).href);

/** A process that locks a folder, says so, and never ends. */
async function holder(folder: string): Promise<Deno.ChildProcess> {
  const code = `import { lockRun } from ${module};
    await lockRun(${JSON.stringify(folder)});
    console.log("locked");
    setInterval(() => {}, 1000);`;
  const args = ["eval", "--quiet", "--no-config", code];
  const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  if ((await reader.read()).done) throw new Error("wanted a process that holds the lock");
  await reader.cancel();
  return child;
}

Deno.test("the second of two processes is refused, with the id of the first", async () => {
  const folder = await Deno.makeTempDir();
  const child = await holder(folder);
  await assertRejects(
    () => lockRun(folder),
    Error,
    `Cannot train in ${folder}: wanted it for one process, got process ${child.pid}, which is ` +
      "training there",
  );
  child.kill("SIGKILL");
  await child.status;
});

Deno.test("the lock of a killed process is taken over, with a warning", async () => {
  const folder = await Deno.makeTempDir();
  const child = await holder(folder);
  child.kill("SIGKILL");
  await child.status;
  assertEquals(await namesIn(folder), ["run.lock"]);
  const lines: string[] = [];
  {
    await using _lock = await lockRun(folder, { warn: (line) => lines.push(line) });
    assertEquals(lines, [
      `Took over the lock on ${folder}: process ${child.pid} no longer runs`,
    ]);
    await assertRejects(() => lockRun(folder), Error, `got process ${Deno.pid}`);
  }
  assertEquals(await namesIn(folder), []);
  await using _again = await lockRun(folder, { warn: (line) => lines.push(line) });
  assertEquals(lines.length, 1);
});

Deno.test("a folder made for a lock goes with it, unless something came into it", async () => {
  const root = await Deno.makeTempDir();
  await (await lockRun(`${root}/empty`))[Symbol.asyncDispose]();
  const lock = await lockRun(`${root}/used`);
  await Deno.writeTextFile(`${root}/used/model`, "");
  await lock[Symbol.asyncDispose]();
  assertEquals(await namesIn(root), ["used"]);
  assertEquals(await namesIn(`${root}/used`), ["model"]);
});

Deno.test("one of many concurrent requests gets the lock", async () => {
  const folder = await Deno.makeTempDir();
  for (let round = 0; round < 20; round++) {
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => lockRun(folder)));
    const got = asked.filter((result) => result.status === "fulfilled");
    assertEquals(got.length, 1);
    await got[0]!.value[Symbol.asyncDispose]();
  }
});

Deno.test("a folder that is set aside keeps what is in it, and an empty one is locked", async () => {
  const root = await Deno.makeTempDir();
  await Deno.mkdir(`${root}/d4-1`);
  await using lock = await lockRun(`${root}/d4`);
  await Deno.writeTextFile(`${root}/d4/model`, "old");
  assertEquals(await lock.setAside(), `${root}/d4-2`);
  assertEquals(await namesIn(`${root}/d4-2`), ["model"]);
  assertEquals(await namesIn(`${root}/d4`), ["run.lock"]);
  await assertRejects(() => lockRun(`${root}/d4`), Error, "which is training there");
  // The folder that was set aside is free.
  await (await lockRun(`${root}/d4-2`))[Symbol.asyncDispose]();
});
