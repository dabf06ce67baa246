/**
 * Runs a script that sends itself signals: the first argument names it, the second one is a list of
 * `OwnSignals` as JSON, and the others are the script's.
 */

import { type OwnSignals, sendAfterLines } from "./own_signals.ts";

const [script, signals, ...args] = Deno.args as [string, string, ...string[]];
sendAfterLines(JSON.parse(signals) as OwnSignals[]);
const { main }: { main(args: readonly string[]): Promise<number> } = await import(`../${script}`);
Deno.exit(await main(args));
