/**
 * A policy learns to balance a pole on a cart, by REINFORCE. Sources: Williams (1992); the task is that of
 * Barto, Sutton and Anderson (1983).
 *
 *     deno run -A examples/cart_pole.ts
 *
 * One more argument: the number of episodes.
 */

import * as nn from "../nn/mod.ts";
import { AdamW } from "../optim/mod.ts";
import { gather, noGrad, openDevice, Tensor, uniformArray } from "../tensor/mod.ts";

type State = readonly [place: number, speed: number, angle: number, spin: number];

/** The state 20 ms later, with a push of 10 N to the left (0) or right (1): 1 kg, a pole of 1 m, 100 g. */
function move([place, speed, angle, spin]: State, action: number): State {
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const push = ((action === 1 ? 10 : -10) + 0.05 * spin ** 2 * sine) / 1.1;
  const turn = (9.8 * sine - cosine * push) / (0.5 * (4 / 3 - 0.1 * cosine ** 2 / 1.1));
  const drive = push - 0.05 * turn * cosine / 1.1;
  return [place + 0.02 * speed, speed + 0.02 * drive, angle + 0.02 * spin, spin + 0.02 * turn];
}

const [episodes = "200"] = Deno.args;
const device = await openDevice("cpu", { threads: 1 });
const policy = new nn.MLP(device, [4, 64, 2], { seed: 1 });
const optimizer = new AdamW(policy.parameters(), { lr: 1e-2, weightDecay: 0 });
let average = 0;
for (let episode = 1; episode <= Number(episodes); episode++) {
  using _scope = device.scope();
  const [place = 0, speed = 0, angle = 0, spin = 0] = uniformArray(episode, 4, -0.05, 0.05);
  let state: State = [place, speed, angle, spin];
  const chances = uniformArray(1_000_000 + episode, 500);
  const states: State[] = [];
  const actions: number[] = [];
  while (states.length < 500 && Math.abs(state[0]) < 2.4 && Math.abs(state[2]) < 0.21) {
    const now = Tensor.from(device, [state]);
    const [left] = await noGrad(() => policy.forward(now).softmax()).data();
    states.push(state);
    actions.push(chances[actions.length]! < left! ? 0 : 1);
    state = move(state, actions.at(-1)!);
  }
  const returns: number[] = [];
  for (let i = states.length - 1; i >= 0; i--) returns[i] = 1 + 0.99 * (returns[i + 1] ?? 0);
  const gains = Tensor.from(device, returns);
  const advantages = gains.sub(gains.mean()).div(gains.std().add(1e-8)).detach();
  const choices = Tensor.from(device, actions.map((action) => [action]), { dtype: "int32" });
  const logs = gather(policy.forward(Tensor.from(device, states)).logSoftmax(), 1, choices);
  optimizer.zeroGrad();
  logs.squeeze(1).mul(advantages).sum().neg().backward();
  optimizer.step();
  average += (states.length - average) / Math.min(episode, 20);
  if (episode % 20 === 0) {
    console.log(`episode ${episode}: balanced for ${average.toFixed(0)} steps`);
  }
}
await device.close();
