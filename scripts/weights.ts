/** The memory of a model's weights, in words. */

import type { TrainableModel } from "../gpt/browser.ts";
import { weightsOf } from "../gpt/browser_internals.ts";
import { bytes } from "./format.ts";

/** `150 MB in q8`, or in several types */
export function describeWeights(model: TrainableModel): string {
  const weights = weightsOf(model);
  return `${bytes(weights.bytes)} in ${weights.types.join(" and ")}`;
}
