/** All that is tried. @module */

import { fileTrials } from "./files.ts";
import { inputTrials } from "./inputs.ts";
import { killTrials } from "./kills.ts";
import { leakTrials } from "./leaks.ts";
import { pythonTrials } from "./python.ts";
import { serverTrials } from "./server.ts";
import { runTrials, type Trial } from "./trial.ts";

export const trials: readonly Trial[] = [
  ...killTrials,
  ...serverTrials,
  ...fileTrials,
  ...inputTrials,
  ...leakTrials,
  ...pythonTrials,
];

if (import.meta.main) await runTrials(trials, Deno.args);
