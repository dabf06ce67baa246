/** A reference for generation. */

import { RangeError } from "../../tensor/errors.ts";
import { noGrad, Tensor } from "../../tensor/mod.ts";
import type { LanguageModel } from "../generate/language_model.ts";
import {
  checkSampled,
  checkSampling,
  sampleTokens,
  type SamplingOptions,
} from "../generate/sampling.ts";

/**
 * Generates without a cache: every token runs the model on the whole sequence. Slow and simple.
 *
 * @throws {RangeError} As `Engine.generate`.
 */
export async function* generateWithoutCache(
  model: LanguageModel,
  tokens: readonly number[],
  options: SamplingOptions & { readonly maxTokens: number },
): AsyncGenerator<number, void, void> {
  checkSampling(options);
  if (tokens.length === 0) {
    throw new RangeError("Cannot generate: wanted a prompt, got no tokens");
  }
  const text = [...tokens];
  for (let step = 0; step < options.maxTokens; step++) {
    const next = noGrad(() => {
      using scope = model.device.scope();
      const ids = Tensor.from(model.device, [text], { dtype: "int32" });
      const last = model.forward(ids).slice(1, text.length - 1).squeeze(1);
      return scope.keep(sampleTokens(last, step, options));
    });
    const sampled = Array.from(await next.data());
    next.dispose();
    checkSampled(sampled);
    const [token] = sampled;
    text.push(token!);
    yield token!;
  }
}
