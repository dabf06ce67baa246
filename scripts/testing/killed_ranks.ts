/**
 * `base_train` on ranks, of which the last one kills itself: one of four and one of two, each in its
 * {@linkcode KILLED_AT}th batch. So this does not depend on how fast anybody watches.
 */

import { GPT } from "../../gpt/mod.ts";
import { detectRanks } from "../../mpi/mod.ts";
import { main } from "../base_train.ts";

const KILLED_AT = 35;

const ranks = detectRanks(Deno.env);
if (ranks !== null && ranks.rank === ranks.ranks - 1) {
  const { forward } = GPT.prototype;
  let batches = 0;
  GPT.prototype.forward = function (...args) {
    if (++batches === KILLED_AT) {
      console.error(`One of ${ranks.ranks} ranks kills itself.`);
      Deno.kill(Deno.pid, "SIGKILL");
    }
    return forward.apply(this, args);
  };
}
Deno.exit(await main(Deno.args));
