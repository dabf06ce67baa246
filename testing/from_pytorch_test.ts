import { assert, assertEquals } from "@std/assert";
import * as nn from "../nn/mod.ts";
import * as optim from "../optim/mod.ts";
import * as tensor from "../tensor/mod.ts";

Deno.test("names for those who come from PyTorch are there, a hundred of them at least", async () => {
  const page = await Deno.readTextFile(new URL("../FROM_PYTORCH.md", import.meta.url));
  const rows = page.split("\n").filter((line) => line.startsWith("| `"));
  const names = new Set<string>();
  const missing: string[] = [];
  // The owner of each name on the page. `a` and `x` are tensors.
  const owners: Readonly<Record<string, object>> = {
    a: tensor.Tensor.prototype,
    x: tensor.Tensor.prototype,
    loss: tensor.Tensor.prototype,
    model: nn.Module.prototype,
    Tensor: tensor.Tensor,
    nn,
    optim,
  };
  for (const row of rows) {
    const [, , ours = ""] = row.split("|");
    for (const [, code] of ours.matchAll(/`(?:await )?([^`]+)`/g)) {
      const [, owner, name] = /^(?:(\w+)\.)?(\w+)/.exec(code!)!;
      const from = owner === undefined ? tensor : owners[owner] ?? {};
      if (!(name! in from)) missing.push(code!);
      names.add(`${owner}.${name}`);
    }
  }
  assertEquals(missing, []);
  assert(names.size >= 100, `only ${names.size}`);
});
