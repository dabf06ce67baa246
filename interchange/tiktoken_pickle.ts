/**
 * The tokenizer of a nanochat folder: `tokenizer.pkl`, a pickled `tiktoken.Encoding`.
 *
 * @module
 */

import { type Buildable, PickleWriter, unpickle } from "./pickle.ts";
import { checkSource, malformed, type Source } from "./source.ts";

/** The fields of a `tiktoken.Encoding`. */
export interface TiktokenEncoding {
  /** The name. */
  readonly name: string;
  /** The pattern that splits a text. */
  readonly pattern: string;
  /** The bytes of each token, by rank. */
  readonly tokens: readonly Uint8Array<ArrayBuffer>[];
  /** Ids of the special tokens, by name. */
  readonly special: ReadonlyMap<string, number>;
}

/** No tokenizer is larger. */
const MAX_BYTES = 2 ** 28;

/** The only class that a pickle may name; BUILD sets its state. */
class Encoding implements Buildable {
  state: unknown;
  build(state: unknown): void {
    this.state = state;
  }
}

/**
 * Reads a `tokenizer.pkl`.
 *
 * @throws {SyntaxError} If it is malformed, or holds anything else.
 * @throws {TypeError} If `source` is no source, such as a path.
 */
export async function readTiktokenPickle(source: Source): Promise<TiktokenEncoding> {
  checkSource(source);
  const refuse = (wanted: string, got: string) => malformed(source.name, wanted, got);
  if (source.size > MAX_BYTES) throw refuse(`at most ${MAX_BYTES} bytes`, `${source.size}`);
  const encoding = unpickle(await source.read(0, source.size), {
    name: source.name,
    globals: new Map([["tiktoken.core.Encoding", () => new Encoding()]]),
  });
  const state = encoding instanceof Encoding ? encoding.state : undefined;
  if (!(state instanceof Map)) throw refuse("a tiktoken.Encoding", "something else");
  const [name, pattern, ranks, special] = ["name", "pat_str", "mergeable_ranks", "special_tokens"]
    .map((key) => state.get(key));
  if (typeof pattern !== "string") throw refuse("an Encoding with a pat_str", "one without");
  if (!(ranks instanceof Map)) throw refuse("an Encoding with mergeable_ranks", "one without");
  const tokens: Uint8Array<ArrayBuffer>[] = [];
  for (const [bytes, rank] of ranks) {
    if (
      !(bytes instanceof Uint8Array) || !Number.isSafeInteger(rank) ||
      !(rank >= 0 && rank < ranks.size)
    ) {
      throw refuse(`ranks of tokens from 0 to ${ranks.size - 1}`, `${rank}`);
    }
    tokens[rank] = Uint8Array.from(bytes);
  }
  if (Object.keys(tokens).length !== ranks.size) throw refuse("each rank once", "one twice");
  const names = special instanceof Map ? [...special] : [];
  const wrong = names.find(([token, id]) => typeof token !== "string" || !Number.isSafeInteger(id));
  if (wrong !== undefined) throw refuse("special tokens with ids", String(wrong[1]));
  return { name: String(name), pattern, tokens, special: new Map(names as [string, number][]) };
}

/** Writes a `tokenizer.pkl` that tiktoken unpickles. */
export function writeTiktokenPickle(encoding: TiktokenEncoding): Uint8Array<ArrayBuffer> {
  const { name, pattern, tokens, special } = encoding;
  const pickle = new PickleWriter().global("tiktoken.core", "Encoding").op(")").op("\x81");
  pickle.op("}").op("(").text("name").text(name).text("pat_str").text(pattern);
  pickle.text("mergeable_ranks").op("}").op("(");
  for (const [rank, bytes] of tokens.entries()) pickle.bytes(bytes).integer(rank);
  pickle.op("u").text("special_tokens").op("}").op("(");
  for (const [token, id] of special) pickle.text(token).integer(id);
  return pickle.op("u").op("u").op("b").finish();
}
