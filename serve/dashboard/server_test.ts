import { assert, assertEquals } from "@std/assert";
import type { ListedRun } from "./messages.ts";
import { serveDashboard } from "./server.ts";

/** The runs that a page is told of first. */
async function listOf(url: string): Promise<ListedRun[]> {
  const response = await fetch(`${url}/events`);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n\n")) text += (await reader.read()).value ?? "";
  await reader.cancel();
  return JSON.parse(/^data: (.*)$/m.exec(text)![1]!).runs;
}

Deno.test({
  name: "pipes, devices and odd names in folders of runs keep nobody waiting",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const home = await Deno.makeTempDir();
    Deno.env.set("NANODINO_HOME", home);
    const base = `${home}/base_checkpoints`;
    const odd = `a b's "q" é`;
    for (const name of ["pipe", "zero", odd]) {
      await Deno.mkdir(`${base}/${name}`, { recursive: true });
    }
    for (const name of ["run.json", "metrics.jsonl", "run.lock"]) {
      const { success } = await new Deno.Command("mkfifo", { args: [`${base}/pipe/${name}`] })
        .output();
      assert(success);
      await Deno.symlink("/dev/zero", `${base}/zero/${name}`);
      const old = new Date(Date.now() - 10_000);
      await Deno.utime(`${base}/pipe/${name}`, old, old);
    }
    for (const name of ["meta_000001.json", "model_000001.safetensors"]) {
      await Deno.writeTextFile(`${base}/${odd}/${name}`, "{}");
    }
    const opened: string[] = [];
    const dashboard = await serveDashboard({
      page: () => null,
      openInside: (run, path) => {
        opened.push(run, path);
        return Promise.resolve(new Response("inside"));
      },
    });
    try {
      const runs = new Map((await listOf(dashboard.url)).map((run) => [run.name, run]));
      assertEquals(
        runs.get("base/pipe")?.problem,
        `Cannot read ${base}/pipe/run.json: wanted a file, got a pipe`,
      );
      assertEquals(
        runs.get("base/zero")?.problem,
        `Cannot read ${base}/zero/run.json: wanted a file, got a device`,
      );
      assertEquals([runs.get("base/pipe")?.state, runs.get("base/zero")?.state], [
        "stopped",
        "stopped",
      ]);
      const response = await fetch(new URL(runs.get(`base/${odd}`)!.inside!, `${dashboard.url}/`));
      assertEquals([response.status, await response.text()], [200, "inside"]);
      assertEquals(opened, [`base/${odd}`, ""]);
      const bad = await fetch(`${dashboard.url}/inside/base/%E0%A4%A/`);
      assertEquals(bad.status, 400);
      await bad.body?.cancel();
    } finally {
      await dashboard.stop();
      Deno.env.delete("NANODINO_HOME");
    }
  },
});
