import { assert, assertEquals } from "@std/assert";
import { gpuTest } from "../testing/gpu.ts";
import { cpuTest, fresh } from "../testing/every_device.ts";
import {
  AdamW,
  clipGradientNorm,
  linearSchedule,
  MuonAdamW,
  type Optimizer,
  type ParameterGroup,
} from "../optim/mod.ts";
import { crossEntropy, type Device, noGrad, openDevice, Tensor } from "../tensor/mod.ts";
import { Embedding } from "./embedding.ts";
import { Linear } from "./linear.ts";
import { MLP } from "./mlp.ts";
import { Module } from "./module.ts";
import { RMSNorm } from "./rms_norm.ts";
import { namedSeed } from "./parameter.ts";
import { SelfAttention } from "./self_attention.ts";

/** Points on two intertwined spirals, and the spiral of each. */
function twoSpirals(pointsPerSpiral: number): { points: number[][]; classes: number[] } {
  const points: number[][] = [];
  const classes: number[] = [];
  for (let i = 0; i < pointsPerSpiral; i++) {
    const turn = 0.5 + 3.5 * i / pointsPerSpiral;
    for (const sign of [1, -1]) {
      const radius = sign * turn / 4;
      points.push([
        radius * Math.cos(Math.PI / 2 * turn * 2),
        radius * Math.sin(Math.PI / 2 * turn * 2),
      ]);
      classes.push(sign === 1 ? 0 : 1);
    }
  }
  return { points, classes };
}

/** A small transformer that predicts the next character. */
class CharacterModel extends Module {
  readonly embedding: Embedding;
  readonly blocks: readonly {
    readonly attentionNorm: RMSNorm;
    readonly attention: SelfAttention;
    readonly mlpNorm: RMSNorm;
    readonly mlp: MLP;
  }[];
  readonly norm: RMSNorm;
  readonly head: Linear;

  constructor(device: Device, vocabulary: number, seed: number) {
    super();
    const width = 32;
    this.embedding = new Embedding(device, vocabulary, width, {
      seed: namedSeed(seed, "embedding"),
    });
    this.blocks = [0, 1].map((i) => ({
      attentionNorm: new RMSNorm(device, width),
      attention: new SelfAttention(device, width, {
        heads: 4,
        keyValueHeads: 2,
        rotary: true,
        bias: false,
        seed: namedSeed(seed, `attention ${i}`),
      }),
      mlpNorm: new RMSNorm(device, width),
      mlp: new MLP(device, [width, 4 * width, width], {
        activation: "reluSquared",
        bias: false,
        seed: namedSeed(seed, `mlp ${i}`),
      }),
    }));
    this.norm = new RMSNorm(device, width);
    this.head = new Linear(device, width, vocabulary, {
      bias: false,
      seed: namedSeed(seed, "head"),
    });
  }

  forward(ids: Tensor): Tensor {
    let x = this.embedding.forward(ids);
    for (const { attentionNorm, attention, mlpNorm, mlp } of this.blocks) {
      x = x.add(attention.forward(attentionNorm.forward(x)));
      x = x.add(mlp.forward(mlpNorm.forward(x)));
    }
    return this.head.forward(this.norm.forward(x));
  }
}

/** Muon for the matrices in the blocks, AdamW for everything else. */
function muonAdamW(model: CharacterModel): MuonAdamW {
  const entries = [...model.parameters()];
  const isMuon = ([name, { shape }]: [string, Tensor]) =>
    name.startsWith("blocks") && shape.length === 2;
  return new MuonAdamW([
    { kind: "muon", parameters: new Map(entries.filter(isMuon)), lr: 0.02 },
    {
      kind: "adamw",
      parameters: new Map(entries.filter((e) => !isMuon(e))),
      lr: 0.02,
      weightDecay: 0,
    },
  ]);
}

const text = "a small boat went out to sea. the sea was calm and the boat was glad. " +
  "at night the wind came up, and the boat came home. ";
const alphabet = [...new Set(text)].sort();

function idsOf(device: Device, from: number, length: number, rows: number): Tensor {
  const ids = Array.from(
    { length: rows },
    (_, row) =>
      Array.from({ length }, (_, i) => alphabet.indexOf(text[(from + 7 * row + i) % text.length]!)),
  );
  return Tensor.from(device, ids, { dtype: "int32" });
}

function characterStep(
  device: Device,
  model: CharacterModel,
  optimizer: Optimizer<ParameterGroup>,
  step: number,
): Tensor {
  const scope = device.scope();
  const [inputs, targets] = [idsOf(device, step, 24, 4), idsOf(device, step + 1, 24, 4)];
  optimizer.zeroGrad();
  const loss = crossEntropy(model.forward(inputs), targets);
  loss.backward();
  clipGradientNorm(model.parameters(), 1);
  optimizer.step();
  const result = loss.detach().keep();
  scope[Symbol.dispose]();
  return result;
}

cpuTest(
  "a small network separates two spirals, which no line does",
  async (device) => {
    const { points, classes } = twoSpirals(60);
    const x = Tensor.from(device, points);
    const targets = Tensor.from(device, classes, { dtype: "int32" });
    const network = new MLP(device, [2, 32, 32, 2], { activation: "tanh", seed: 42 });
    const optimizer = new AdamW(network.parameters(), { lr: 0.02 });
    for (let step = 0; step < 400; step++) {
      using _scope = device.scope();
      optimizer.zeroGrad();
      crossEntropy(network.forward(x), targets).backward();
      optimizer.step();
    }
    const answers = await noGrad(() => network.forward(x).argmax()).data();
    const right = classes.reduce((count, each, i) => count + Number(answers[i] === each), 0);
    assert(right >= 0.97 * classes.length, `${right} of ${classes.length} were right`);
  },
);

fresh.cpuTest(
  "a character model memorizes sentences, generates them, and leaks no memory",
  async (device) => {
    const model = new CharacterModel(device, alphabet.length, 42);
    const optimizer = muonAdamW(model);
    let loss = NaN;
    let live = 0;
    for (let step = 0; step < 150; step++) {
      for (const group of optimizer.groups) {
        group.lr = linearSchedule(step, 150, group.initialLr, 0);
      }
      const last = characterStep(device, model, optimizer, 5 * step);
      if (step === 0) {
        assert(
          await last.item() > 2,
          "the loss begins at about the log of the alphabet",
        );
      }
      if (step === 149) loss = await last.item();
      last.dispose();
      if (step === 3) live = device.live;
    }
    assertEquals(device.live, live);
    assert(loss < 0.5, `the loss is ${loss}`);

    const start = "a small boat went out to";
    let written = start;
    while (written.length < 40) {
      using _scope = device.scope();
      const ids = [...written].slice(-24).map((character) => alphabet.indexOf(character));
      const logits = noGrad(() => model.forward(Tensor.from(device, [ids], { dtype: "int32" })));
      const [next] = await logits.slice(1, -1).argmax().reshape([1]).data();
      written += alphabet[next!];
    }
    assertEquals(written, text.slice(0, 40));
  },
);

gpuTest("a character model trains equally on both devices", async (gpu) => {
  const losses = async (device: Device) => {
    const model = new CharacterModel(device, alphabet.length, 42);
    const optimizer = muonAdamW(model);
    const each: number[] = [];
    for (let step = 0; step < 4; step++) {
      each.push(await characterStep(device, model, optimizer, step).item());
    }
    return each;
  };
  const cpu = await openDevice("cpu", { threads: 2, blas: false });
  const [here, there] = [await losses(gpu), await losses(cpu)];
  await cpu.close();
  here.forEach((loss, i) => assert(Math.abs(loss - there[i]!) < 1e-3, `${here} against ${there}`));
  assert(here[3]! < here[0]!);
});
