/** Mistakes with models that are not type-checked: each is told in words, not by the engine. */

import * as gpt from "../gpt/mod.ts";
import type { Device } from "../tensor/mod.ts";
import { HINT, type Mistake, testMistakes, type Untyped } from "./mistakes.ts";

const GPT: Untyped = gpt.GPT;
const Engine: Untyped = gpt.Engine;

const config = {
  sequenceLen: 16,
  vocabSize: 64,
  nLayer: 1,
  nHead: 1,
  nKvHead: 1,
  nEmbd: 32,
  windowPattern: "L",
};
const configNames = "sequenceLen, vocabSize, nLayer, nHead, nKvHead, nEmbd, windowPattern";
const makeModel = (device: Device): Untyped => new GPT(config, device, { seed: 1 });
const tokenizer = { special: () => null, encode: () => [], decode: () => "" };
const generate = (device: Device, options: Untyped) =>
  new Engine(makeModel(device), tokenizer).generateBatch([1], options);

testMistakes("models name what is missing or misspelled", [
  [
    ({ device }) => new GPT(config, device, { sead: 3 }),
    TypeError,
    "Cannot build a GPT: wanted options named seed, computeDtype, got sead",
  ],
  [
    ({ device }) => new GPT({ ...config, nLayers: 4 }, device),
    TypeError,
    `Cannot build a GPT: wanted options named ${configNames}, got nLayers. Did you mean nLayer?`,
  ],
  [
    ({ device }) => new GPT(device, config),
    TypeError,
    `Cannot build a GPT: wanted options named ${configNames}, got a device`,
  ],
  [
    ({ device }) => new GPT({ ...config, windowPattern: undefined }, device),
    RangeError,
    "Cannot build a GPT: wanted windowPattern to be made of S and L, got undefined",
  ],
  [
    () => new GPT(config, { seed: 1 }),
    TypeError,
    "Cannot build a GPT: wanted a device after the config, as openDevice returns it, got { seed }",
  ],
  [
    ({ device }) => makeModel(device).optimizer({ weight_decay: 1 }),
    TypeError,
    "Cannot make an optimizer: wanted options named unembeddingLr, embeddingLr, matrixLr, " +
    "weightDecay, scalarLr, got weight_decay. Did you mean weightDecay?",
  ],
]);

testMistakes("a model's forward pass names what is no tensor and what is misspelled", [
  [
    ({ device }) => makeModel(device).forward([[1, 2, 3]]),
    TypeError,
    `Cannot run the model: wanted a tensor of ids, got an array. ${HINT}`,
  ],
  [
    ({ device, x }) => makeModel(device).forward(x.to("int32"), [[1, 2, 3]]),
    TypeError,
    `Cannot run the model: wanted a tensor of targets, got an array. ${HINT}`,
  ],
  [
    ({ device, x }) => makeModel(device).forward(x.to("int32"), { lastOnly: true }),
    TypeError,
    "Cannot run the model: wanted a tensor of targets, got { lastOnly }",
  ],
  [
    ({ device, x }) => {
      const ids = x.to("int32");
      return makeModel(device).forward(ids, ids, { lossReduction: "sum" });
    },
    TypeError,
    "Cannot run the model: wanted options named reduction, cache, lastOnly, watch, got " +
    "lossReduction. Did you mean reduction?",
  ],
]);

testMistakes("options of generation that are misspelled are named", [
  ...([
    ["temprature", "temperature"],
    ["topk", "topK"],
    ["max_tokens", "maxTokens"],
    ["numSamples", "samples"],
    ["read", "readEvery"],
    ["kvCache", "cache"],
    ["seeds", "seed"],
  ] as const).map(([name, similar]): Mistake => [
    ({ device }) => generate(device, { [name]: 0 }),
    TypeError,
    "Cannot generate: wanted options named temperature, topK, topP, frequencyPenalty, " +
    `presencePenalty, seed, samples, maxTokens, readEvery, cache, got ${name}. Did you mean ${similar}?`,
  ]),
  [
    ({ device }) => generate(device, { samples: 0 }),
    RangeError,
    "Cannot generate: wanted samples from 1 up, got 0",
  ],
  [
    ({ device }) => generate(device, { topK: -1 }),
    RangeError,
    "Cannot sample: wanted a topK from 0 up (0: all tokens), got -1",
  ],
]);
