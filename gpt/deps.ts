/**
 * Third-party packages of this module.
 *
 * Deno downloads what a literal `import("…")` names as soon as it loads the file. The specifiers are
 * constants instead, so each package is downloaded when the path that needs it runs, and only then.
 *
 * @module
 */

const RANKS = "npm:js-tiktoken@1.0.21/ranks";

/** A vocabulary as js-tiktoken packs it: each line has a first rank, then tokens of consecutive ranks. */
export interface PackedRanks {
  /** The tokens, as base64. */
  readonly bpe_ranks: string;
  /** The ids of the special tokens. */
  readonly special_tokens: Readonly<Record<string, number>>;
}

/** Loads a published vocabulary: https://github.com/dqbd/tiktoken (MIT). */
export async function importRanks(name: string): Promise<PackedRanks> {
  const { default: ranks } = await import(`${RANKS}/${name}`);
  return ranks;
}
