/**
 * Third-party packages of this module. Deno downloads what a literal `import("…")` names as soon as
 * it loads the file; the specifiers are constants, so that each package waits until it is needed.
 *
 * @module
 */

const RANKS = "npm:js-tiktoken@1.0.21/ranks";

/** A vocabulary as js-tiktoken packs it: lines of a first rank and tokens of consecutive ranks. */
export interface PackedRanks {
  /** Tokens in base64. */
  readonly bpe_ranks: string;
  readonly special_tokens: Readonly<Record<string, number>>;
}

/** Loads a published vocabulary: https://github.com/dqbd/tiktoken (MIT). */
export async function importRanks(name: string): Promise<PackedRanks> {
  const { default: ranks } = await import(`${RANKS}/${name}`);
  return ranks;
}
