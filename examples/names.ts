/**
 * A multilayer perceptron learns to make up names, from the three characters before each. Sources: Bengio
 * et al., "A Neural Probabilistic Language Model" (2003); Karpathy's lecture "makemore".
 *
 *     deno run -A examples/names.ts NAMES_FILE
 *
 * The file has a name on each line. One more argument: the number of steps.
 */

import * as nn from "../nn/mod.ts";
import { AdamW } from "../optim/mod.ts";
import { multinomial, noGrad, openDevice, Tensor, uniform } from "../tensor/mod.ts";

const [file = "names.txt", steps = "2000"] = Deno.args;
const [context, width, hidden, batch] = [3, 10, 200, 64];
const names = (await Deno.readTextFile(file)).split("\n").filter((name) => name !== "");
// The line break stands before and after each name.
const characters = ["\n", ...new Set(names.join(""))];
const before: number[][] = [];
const next: number[] = [];
for (const name of names) {
  const ids = [...name, "\n"].map((character) => characters.indexOf(character));
  const padded = [...new Array<number>(context).fill(0), ...ids];
  ids.forEach((id, i) => {
    before.push(padded.slice(i, i + context));
    next.push(id);
  });
}

const device = await openDevice("cpu", { threads: 1 });
const nextSeed = nn.seedsFrom(1);
const X = Tensor.from(device, before, { dtype: "int32" });
const Y = Tensor.from(device, next, { dtype: "int32" });
const network = new nn.Sequential([
  new nn.Embedding(device, characters.length, width, { seed: nextSeed() }),
  new nn.Flatten(),
  new nn.MLP(device, [context * width, hidden, characters.length], {
    activation: "tanh",
    seed: nextSeed(),
  }),
]);
const optimizer = new AdamW(network.parameters(), { lr: 3e-3 });
for (let step = 1; step <= Number(steps); step++) {
  using _scope = device.scope();
  const chosen = uniform(device, [batch], { seed: nextSeed(), high: next.length }).to("int32");
  optimizer.zeroGrad();
  const loss = nn.crossEntropy(network.forward(X.at(chosen)), Y.at(chosen));
  loss.backward();
  optimizer.step();
  if (step % 100 === 0) console.log(`step ${step}: ${(await loss.item()).toFixed(3)} nats`);
}

for (let i = 0; i < 10; i++) {
  const ids = new Array<number>(context).fill(0);
  do {
    using _scope = device.scope();
    const x = Tensor.from(device, [ids.slice(-context)], { dtype: "int32" });
    const chances = noGrad(() => network.forward(x).softmax());
    ids.push(await multinomial(chances, { seed: nextSeed() }).item());
  } while (ids.at(-1) !== 0 && ids.length < 40);
  console.log(ids.map((id) => characters[id]!.trim()).join(""));
}
await device.close();
