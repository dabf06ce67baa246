/** A model small enough for tests, and a server of it. @module */

import { type Device, GPT, openDevice } from "../../gpt/mod.ts";
import { uniformArray } from "../../tensor/mod.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { serve, type ServeOptions } from "../mod.ts";

const text = "I have a rose, and you have a rose. How many roses are there? There are two roses. ";

/**
 * A model with made-up weights, whose texts do not end at temperature 0. They are random, so that the
 * logits of tokens differ by far more than what rounding makes of them beside other sequences.
 */
export async function openTinyModel(
  sequenceLen = 256,
): Promise<{ readonly model: GPT; readonly tokenizer: Tokenizer; readonly device: Device }> {
  const tokenizer = await Tokenizer.train([text.repeat(4)], { vocabSize: 300 });
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const shape = { sequenceLen, nLayer: 2, nHead: 2, nKvHead: 1, nEmbd: 32, windowPattern: "L" };
  const model = new GPT({ ...shape, vocabSize: tokenizer.vocabSize }, device, { seed: 3 });
  // A fresh model predicts all tokens alike: its projections are zeros, and its head nearly so.
  for (const [name, parameter] of model.parameters()) {
    if (!/c_proj|lm_head|smear_lambda/.test(name)) continue;
    const values = uniformArray(name.length, parameter.size, -0.7, 0.7);
    // The special tokens, which end a text, come last: their logits are 0, and others larger.
    if (name === "lm_head.weight") values.fill(0, tokenizer.special("<|bos|>") * shape.nEmbd);
    parameter.assign(values);
  }
  return { model, tokenizer, device };
}

/** Runs a test against a server of the tiny model, and stops it. */
export async function withServer(
  options: Partial<ServeOptions>,
  body: (server: {
    readonly url: string;
    readonly tokenizer: Tokenizer;
    stop(): Promise<void>;
    post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
  }) => Promise<void>,
): Promise<void> {
  const { model, tokenizer, device } = await openTinyModel();
  const server = await serve(model, tokenizer, { name: "tiny", port: 0, ...options });
  const post = (path: string, body: unknown, init: RequestInit = {}) =>
    fetch(`${server.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      ...init,
    });
  try {
    await body({ url: server.url, tokenizer, post, stop: server.stop });
  } finally {
    await server.stop();
    await device.close();
  }
}
