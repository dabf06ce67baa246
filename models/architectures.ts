/**
 * The architectures of this module, without the code that opens files of other programs. @module
 */

import type { Architecture } from "../gpt/browser.ts";
import { gpt2 } from "./gpt2.ts";
import { llama } from "./llama.ts";
import { nanochat2025 } from "./nanochat_2025.ts";

/** The architectures of this module, for `openCheckpoint`. */
export const architectures: readonly Architecture[] = [gpt2, llama, nanochat2025];
