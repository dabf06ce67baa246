/**
 * `base_train`, which kills itself at an operation that changes files: the first argument says at which, from 1. An
 * operation that is not over then goes on in the system, or does not: all that another process could do
 * to it. How much has been done until then does not depend on the machine.
 */

import { main } from "../base_train.ts";

const [wanted, ...args] = Deno.args;
let operations = 0;

/** Counts the calls of a method that change files, and kills this process in the wanted one. */
function count<Owner extends object, Name extends keyof Owner>(owner: Owner, name: Name): void {
  const method = owner[name] as (...args: unknown[]) => unknown;
  const counted = function (this: unknown, ...args: unknown[]) {
    const result = method.apply(this, args);
    const isReading = name === "open" && (args[1] as Deno.OpenOptions | undefined)?.write !== true;
    if (!isReading && ++operations === Number(wanted)) Deno.kill(Deno.pid, "SIGKILL");
    return result;
  };
  owner[name] = counted as Owner[Name];
}

for (const name of ["open", "rename", "remove"] as const) count(Deno, name);
for (const name of ["write", "writeSync", "sync"] as const) count(Deno.FsFile.prototype, name);
Deno.exit(await main(args));
