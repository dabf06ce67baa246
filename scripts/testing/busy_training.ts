/** `base_train`, whose thread does nothing else from its second batch on until there is a file: the first argument. */

import { GPT } from "../../gpt/mod.ts";
import { main } from "../base_train.ts";
import { print } from "../output.ts";

const [gate, ...args] = Deno.args;
const isOpen = () => Deno.statSync(gate!).isFile;
const { forward } = GPT.prototype;
let batches = 0;
GPT.prototype.forward = function (...given) {
  if (++batches === 2) {
    print(`Computing until there is ${gate}`);
    while (!tryTo(isOpen)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  return forward.apply(this, given);
};

function tryTo(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

Deno.exit(await main(args));
