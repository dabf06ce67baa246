/**
 * Models from elsewhere: GPT-2, the Llama family (Llama, SmolLM2, Qwen2, Qwen3) and nanochat's
 * architecture of 2025, behind the interfaces of `gpt`, so that everything in `gpt`, `chat` and
 * `serve` works with them; and opening and exporting files of other programs.
 *
 * @module
 */

export { architectures } from "./architectures.ts";
export type { ModelCard } from "./card.ts";
export { CausalLM, type ModelOptions, type ModelSizes } from "./causal_lm.ts";
export {
  type ExportedFile,
  exportFormats,
  type ExportOptions,
  exportPretrained,
  exportTypes,
} from "./export.ts";
export { GPT2, gpt2, type GPT2Config } from "./gpt2.ts";
export { Llama, llama, type LlamaConfig, type RopeScaling } from "./llama.ts";
export { llamaLike } from "./llama_for_depth.ts";
export { Nanochat2025, nanochat2025, type Nanochat2025Config } from "./nanochat_2025.ts";
export { openPretrained, type Pretrained } from "./open.ts";
export type { OpenPretrainedOptions } from "./weights.ts";
