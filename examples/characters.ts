/**
 * An LSTM learns to continue a text, character by character. Source: Karpathy, "The Unreasonable
 * Effectiveness of Recurrent Neural Networks" (2015).
 *
 *     deno run -A examples/characters.ts TEXT_FILE
 *
 * One more argument: the number of steps.
 */

import * as nn from "../nn/mod.ts";
import { AdamW, clipGradientNorm } from "../optim/mod.ts";
import { multinomial, noGrad, openDevice, Tensor, uniformArray } from "../tensor/mod.ts";

const [file = "text.txt", steps = "1000"] = Deno.args;
const [batch, length, width] = [16, 64, 128];
const text = [...await Deno.readTextFile(file)];
const characters = [...new Set(text)].sort();
const idOf = new Map(characters.map((character, id) => [character, id]));
const ids = Int32Array.from(text, (character) => idOf.get(character)!);

const device = await openDevice();
const embedding = new nn.Embedding(device, characters.length, width, { seed: 1 });
const lstm = new nn.LSTM(device, width, width, { seed: 2 });
const head = new nn.Linear(device, width, characters.length, { seed: 3 });
const parameters = [embedding, lstm, head].flatMap((layer) => [...layer.parameters().values()]);
const optimizer = new AdamW(parameters, { lr: 3e-3 });

/** Logits of the next characters, and the states after the last. */
function forward(ids: Tensor, state?: nn.LSTMState): [logits: Tensor, state: nn.LSTMState] {
  const { output, ...next } = lstm.forward(embedding.forward(ids), state);
  return [head.forward(output), next];
}

for (let step = 1; step <= Number(steps); step++) {
  using _scope = device.scope();
  const starts = uniformArray(step, batch, 0, ids.length - length).map(Math.floor);
  const windows = Array.from(starts, (start) => ids.subarray(start, start + length + 1));
  const rows = Tensor.from(device, windows);
  optimizer.zeroGrad();
  const [logits] = forward(rows.slice(1, 0, length));
  const loss = nn.crossEntropy(logits, rows.slice(1, 1));
  loss.backward();
  clipGradientNorm(parameters, 1);
  optimizer.step();
  if (step % 100 === 0) console.log(`step ${step}: ${(await loss.item()).toFixed(3)} nats`);
}

{
  using _scope = device.scope();
  let state: nn.LSTMState | undefined;
  let logits: Tensor;
  let id = ids[0]!;
  for (let i = 0; i < 300; i++) {
    await Deno.stdout.write(new TextEncoder().encode(characters[id]));
    const x = Tensor.from(device, Int32Array.of(id), { shape: [1, 1] });
    [logits, state] = noGrad(() => forward(x, state));
    id = await multinomial(logits.reshape([-1]).softmax(), { seed: i }).item();
  }
}
await device.close();
