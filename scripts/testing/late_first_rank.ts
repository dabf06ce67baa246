/** Run by tests as ranks that cannot join each other, where rank 0 is the last to notice. */

import { detectRanks } from "../../mpi/mod.ts";
import { runScript } from "../flags.ts";
import { onRanks, parallelFlags } from "../parallel.ts";

if (detectRanks(Deno.env)?.rank === 0) await new Promise((resolve) => setTimeout(resolve, 3000));
const script = { summary: "Joins nobody.", command: "late_first_rank", flags: parallelFlags };
const run = onRanks(() => Promise.resolve(0));
Deno.exit(await runScript({ ...script, run }, ["--mpi", "libnowhere.so"]));
