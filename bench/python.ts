/**
 * Times a call of Python by a chat: with a process that is ready, and with one that has to start first.
 *
 *     deno run -A bench/python.ts --rounds 9
 *
 * The last line is one line of JSON with the medians in milliseconds.
 */

import { Python } from "../chat/mod.ts";
import { integer, runScript, type Script } from "../scripts/flags.ts";
import { alignColumns } from "../scripts/format.ts";
import { median } from "./statistics.ts";

const flags = {
  rounds: integer(9, "How often everything is timed"),
  coldRounds: integer(3, "In how many of these the snapshot is made, too"),
};

const names = {
  snapshot: "opened without a snapshot, which is made",
  open: "opened with a snapshot",
  ready: "a call, by a process that was ready",
  starting: "a call right after another, by a process that had to start",
};

const script: Script<typeof flags> = {
  summary: "Times calls of Python.",
  command: "deno run -A bench/python.ts",
  flags,
  run: async ({ rounds, coldRounds }) => {
    const times: Record<keyof typeof names, number[]> = {
      snapshot: [],
      open: [],
      ready: [],
      starting: [],
    };
    const folder = await Deno.makeTempDir();
    for (let round = 0; round < rounds; round++) {
      if (round < coldRounds) {
        const empty = await Deno.makeTempDir();
        const [cold, milliseconds] = await time(() => Python.open({ folder: empty, processes: 1 }));
        times.snapshot.push(milliseconds);
        await cold.close();
        await Deno.remove(empty, { recursive: true });
      }
      // The first round makes the snapshot, which the others read.
      if (round === 0) await (await Python.open({ folder, processes: 1 })).close();
      const [python, milliseconds] = await time(() => Python.open({ folder, processes: 1 }));
      times.open.push(milliseconds);
      for (const list of [times.ready, times.starting]) {
        const [{ stdout }, milliseconds] = await time(() => python.run("print(17 * 23)"));
        if (stdout !== "391\n") throw new Error(`wanted 391, got ${stdout}`);
        list.push(milliseconds);
      }
      await python.close();
    }
    await Deno.remove(folder, { recursive: true });
    const keys = Object.keys(names) as (keyof typeof names)[];
    const medians = keys.map((key) => [key, Math.round(median(times[key]))] as const);
    const rows = medians.map(([key, value]) => [names[key], `${value} ms`]);
    console.log(alignColumns(rows));
    console.log(JSON.stringify(Object.fromEntries(medians)));
    return 0;
  },
};

async function time<Result>(run: () => Promise<Result>): Promise<[Result, number]> {
  const start = performance.now();
  const result = await run();
  return [result, performance.now() - start];
}

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
