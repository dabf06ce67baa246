/** The `Tokenizer` class. @module */
import { checkOptions, checkTexts, wrongType } from "./checks.ts";
import { Encoder } from "./encode.ts";
import { readJson, type TokenizerJson, writeJson } from "./formats/json.ts";
import { SPLIT_PATTERN } from "./pattern.ts";
import { shorten, showValue } from "./show.ts";
import { SPECIAL_TOKENS } from "./special.ts";
import { learnMerges, WordCounter } from "./train.ts";
import {
  findProblem,
  isTokenId,
  MAX_VOCABULARY_SIZE,
  type Merge,
  startOfDocuments,
  type Vocabulary,
} from "./vocabulary.ts";

const MAX_NAMES_SHOWN = 10;

/** Names of tokens that end a text or a turn: nanochat's, those of ChatML, of Llama 3, GPT-2's. */
const ENDS = [
  "<|assistant_end|>",
  "<|bos|>",
  "<|im_end|>",
  "<|eot_id|>",
  "<|end_of_text|>",
  "<|endoftext|>",
];

/** Options for {@linkcode Tokenizer.train}. */
export interface TrainOptions {
  /** Target size, including special tokens: at least 256 plus their number. */
  vocabSize: number;
  /**
   * Split pattern. nanochat's and those of GPT-2, GPT-4, GPT-4o, Llama 3 and Qwen are the fastest.
   * Others may take 200 steps per character, and have no lookbehinds or backreferences.
   * @default {SPLIT_PATTERN}
   */
  pattern?: string;
  /** Names of the special tokens. @default {SPECIAL_TOKENS} */
  specialTokens?: readonly string[];
}

const MERGES_OPTIONS = { pattern: true, specialTokens: true } as const;
const TRAIN_OPTIONS = { vocabSize: true, ...MERGES_OPTIONS } as const;

/** Options for {@linkcode Tokenizer.encode}. */
export interface EncodeOptions {
  /** Token to put first: the name of a special token, or any id; `null` for none. */
  prepend?: string | number | null;
  /** Token to put last: the name of a special token, or any id. */
  append?: string | number;
  /** Whether names of special tokens in the text become these tokens. @default {"text"} */
  special?: "text" | "recognize";
}

const ENCODE_OPTIONS = { prepend: true, append: true, special: true } as const;

/**
 * A byte-level BPE tokenizer.
 *
 * Text is encoded as UTF-8 and split into pieces by a pattern; merges then join bytes into tokens
 * within each piece. So any text can be encoded, and decoding restores every byte. The ids equal
 * tiktoken's for the same vocabulary.
 *
 * Text never encodes to special tokens, unless that is asked for: `encode("<|bos|>")` gives tokens for
 * its seven characters.
 * A lone surrogate, which UTF-8 cannot represent, is encoded as U+FFFD.
 *
 * @example
 * ```ts
 * import { Tokenizer } from "./tokenizer.ts";
 *
 * const tokenizer = await Tokenizer.train(["low lower lowest"], { vocabSize: 268 });
 * const ids = tokenizer.encode("lower", { prepend: "<|bos|>" });
 * console.log(ids); // [ 259, 257, 101, 114 ]
 * console.log(tokenizer.decode(ids)); // <|bos|>lower
 * ```
 */
export class Tokenizer {
  /** The tokenizer's data, which the file formats read and write. */
  readonly vocabulary: Vocabulary;
  /** One more than the largest id. */
  readonly vocabSize: number;
  #encoder: Encoder;
  #textEncoder = new TextEncoder();
  /** The bytes of every id, including special tokens. */
  #bytes: (Uint8Array | undefined)[];
  #merges: Merge[] | undefined;
  /** Matches the names of added tokens, and of these and the special tokens; `null` if there are none. */
  #addedNames: RegExp | null;
  #allNames: RegExp | null;

  /**
   * Creates a tokenizer from its data.
   *
   * @throws {TypeError} If it is no vocabulary, such as the name of one.
   * @throws {RangeError} If the vocabulary lacks bytes, or assigns an id twice.
   * @throws {SyntaxError} If the split pattern is malformed, or has a lookbehind or a backreference.
   */
  constructor(vocabulary: Vocabulary) {
    if (!Array.isArray(vocabulary?.tokens)) {
      throw wrongType("make a tokenizer", "a vocabulary with a list of tokens", vocabulary);
    }
    const problem = findProblem(vocabulary);
    if (problem !== null) throw new RangeError(`Cannot make a tokenizer: ${problem}`);
    this.vocabulary = vocabulary;
    this.#encoder = new Encoder(vocabulary);
    this.#bytes = vocabulary.tokens.slice();
    const { specialTokens, addedTokens = new Map<string, number>(), size = 0 } = vocabulary;
    for (const named of [specialTokens, addedTokens]) {
      for (const [name, id] of named) this.#bytes[id] = this.#textEncoder.encode(name);
    }
    this.#addedNames = anyOf([...addedTokens.keys()]);
    this.#allNames = anyOf([...addedTokens.keys(), ...specialTokens.keys()]);
    if (size !== 0 && size < this.#bytes.length) {
      throw new RangeError(
        `Cannot make a tokenizer: wanted ids below ${size}, the number that the model has, got ` +
          `${this.#bytes.length - 1}`,
      );
    }
    this.vocabSize = Math.max(size, this.#bytes.length);
  }

  /**
   * Trains a tokenizer.
   *
   * Ids 0 to 255 are the bytes, followed by the merges in the order learned and the special tokens.
   * Only distinct words are kept in memory. If the pairs run out, the vocabulary is smaller than
   * requested.
   *
   * @param texts Documents. Merges never cross from one into the next.
   * @throws {RangeError} If `vocabSize` leaves no room for the bytes and the special tokens, or if
   * a special token is unnamed or repeated, or the pattern takes too many steps.
   * @throws {TypeError} If a document is not a string, if `texts` is one, or if an option is unknown or
   * of the wrong type.
   * @throws {Error} If there is no text.
   * @throws {SyntaxError} If the pattern is malformed, or has a lookbehind or a backreference.
   */
  static async train(
    texts: Iterable<string> | AsyncIterable<string>,
    options: TrainOptions,
  ): Promise<Tokenizer> {
    const what = "train a tokenizer";
    checkTexts(what, texts, true);
    checkOptions(what, options, TRAIN_OPTIONS);
    const { vocabSize, pattern = SPLIT_PATTERN, specialTokens = SPECIAL_TOKENS } = options;
    checkNames(what, specialTokens);
    if (typeof vocabSize !== "number") throw wrongType(what, "a number as vocabSize", vocabSize);
    const smallest = 256 + specialTokens.length;
    if (!isTokenId(vocabSize) || vocabSize < smallest) {
      throw new RangeError(
        `Cannot train a tokenizer: wanted a vocabSize of at least ${smallest} ` +
          `(256 bytes and ${specialTokens.length} special tokens) ` +
          `and below ${MAX_VOCABULARY_SIZE}, got ${vocabSize}`,
      );
    }
    const twice = specialTokens.find((name, i) => specialTokens.indexOf(name) !== i);
    if (twice !== undefined) {
      throw new RangeError(
        `Cannot train a tokenizer: wanted each special token once, got ${showValue(twice)} twice`,
      );
    }
    const counter = new WordCounter(pattern);
    let index = 0;
    for await (const text of texts) {
      if (typeof text !== "string") {
        throw new TypeError(
          `Cannot train a tokenizer: wanted a string as text ${index}, got ${typeof text}`,
        );
      }
      counter.add(text);
      index++;
    }
    if (counter.words.size === 0 && vocabSize > smallest) {
      throw new Error(`Cannot train a tokenizer: wanted text, got ${index} empty texts`);
    }
    const merges = learnMerges(counter.words, counter.counts, vocabSize - smallest);
    return Tokenizer.fromMerges(merges, { pattern, specialTokens });
  }

  /**
   * Makes a tokenizer of merges that were learned before: ids as {@linkcode Tokenizer.train} gives them.
   *
   * @param merges Pairs of ids: merge `i` makes the token 256 + i.
   * @throws {RangeError} If a merge names a token that comes later.
   * @throws {TypeError} If an option is unknown or of the wrong type.
   *
   * @example The text after each merge of its training
   * ```ts
   * import { mergeSteps } from "./train.ts";
   * import { Tokenizer } from "./tokenizer.ts";
   *
   * const lengths = Array.from(
   *   mergeSteps(["so so so"]),
   *   ({ merges }) => Tokenizer.fromMerges(merges).encode("so so so").length,
   * );
   * if (lengths.join() !== "8,5,3") throw new Error(lengths.join());
   * ```
   */
  static fromMerges(
    merges: readonly Readonly<Merge>[],
    options: Omit<TrainOptions, "vocabSize"> = {},
  ): Tokenizer {
    checkOptions("make a tokenizer", options, MERGES_OPTIONS);
    const { pattern = SPLIT_PATTERN, specialTokens = SPECIAL_TOKENS } = options;
    checkNames("make a tokenizer", specialTokens);
    const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
    for (const [i, pair] of merges.entries()) {
      const [left, right] = pair.map((id) => tokens[id]);
      if (left === undefined || right === undefined) {
        throw new RangeError(
          `Cannot make a tokenizer: wanted merge ${i} of two tokens below ${tokens.length}, got ` +
            showValue(pair),
        );
      }
      const joined = new Uint8Array(left.length + right.length);
      joined.set(left);
      joined.set(right, left.length);
      tokens.push(joined);
    }
    return new Tokenizer({
      pattern,
      tokens,
      merges,
      specialTokens: new Map(specialTokens.map((name, i) => [name, tokens.length + i])),
    });
  }

  /**
   * Restores a tokenizer from the result of {@linkcode toJSON}, as an object or as JSON text.
   *
   * @throws {SyntaxError} If it is malformed.
   */
  static fromJSON(json: string | TokenizerJson): Tokenizer {
    return new Tokenizer(readJson(json));
  }

  /** Split pattern, in the dialect of Python and Rust. */
  get pattern(): string {
    return this.vocabulary.pattern;
  }

  /** Ids of the special tokens by name. */
  get specialTokens(): ReadonlyMap<string, number> {
    return this.vocabulary.specialTokens;
  }

  /**
   * The merges, ordered by the tokens they produce. If the vocabulary came without merges, they are
   * reconstructed, without tokens that no pair produces.
   */
  get merges(): Merge[] {
    this.#merges ??= this.vocabulary.merges?.map(([left, right]): Merge => [left, right]) ??
      this.#encoder.findMerges();
    return this.#merges;
  }

  /**
   * The id that starts every document: that of `<|bos|>`, or without it of `<|endoftext|>` or
   * `<|begin_of_text|>`. `null` if nothing does, as with Qwen's.
   */
  get documentStart(): number | null {
    return startOfDocuments(this.vocabulary);
  }

  /** The ids that end a text or a turn, the usual one first. */
  get ends(): readonly number[] {
    const { ends, specialTokens } = this.vocabulary;
    return ends ?? ENDS.map((name) => specialTokens.get(name)).filter((id) => id !== undefined);
  }

  /** {@linkcode documentStart}, where there has to be one. @throws {RangeError} If there is none. */
  get bos(): number {
    return this.documentStart ?? this.special("<|bos|>");
  }

  /** The id of a special token. @throws {RangeError} If there is none of that name. */
  special(name: string): number {
    const id = this.specialTokens.get(name);
    if (id !== undefined) return id;
    const names = [...this.specialTokens.keys()].slice(0, MAX_NAMES_SHOWN).map(shorten);
    if (names.length < this.specialTokens.size) names.push("…");
    throw new RangeError(
      `Cannot find the special token ${showValue(name)}: wanted one of ${
        names.join(" ") || "none at all"
      }`,
    );
  }

  /**
   * Encodes text to ids.
   *
   * @throws {TypeError} If `text` is not a string, `special` is neither, or an option is unknown.
   * @throws {RangeError} If `prepend` or `append` is not a token, or if the split pattern, one from a
   * file perhaps, takes more than 200 steps per character and a million in addition.
   */
  encode(text: string, options: EncodeOptions = {}): number[] {
    if (typeof text !== "string") {
      throw new TypeError(`Cannot encode: wanted a string, got ${typeof text}`);
    }
    checkOptions("encode", options, ENCODE_OPTIONS);
    const { prepend, append, special = "text" } = options;
    const ids = prepend === undefined || prepend === null ? [] : [this.#idOf(prepend)];
    if (special !== "text" && special !== "recognize") {
      throw new TypeError(
        `Cannot encode: wanted special as text or recognize, got ${showValue(special)}`,
      );
    }
    const names = special === "recognize" ? this.#allNames : this.#addedNames;
    let position = 0;
    for (const { index, 0: name } of names === null ? [] : text.matchAll(names)) {
      this.#encodePlain(text.slice(position, index), ids);
      const { specialTokens, addedTokens } = this.vocabulary;
      ids.push(addedTokens?.get(name) ?? specialTokens.get(name)!);
      position = index + name.length;
    }
    this.#encodePlain(position === 0 ? text : text.slice(position), ids);
    if (append !== undefined) ids.push(this.#idOf(append));
    return ids;
  }

  /**
   * Encodes each string, with the same options.
   *
   * @throws {TypeError} If `texts` is one string, or no iterable; besides, as {@linkcode encode}.
   */
  encodeBatch(texts: Iterable<string>, options: EncodeOptions = {}): number[][] {
    checkTexts("encode", texts);
    return Array.from(texts, (text) => this.encode(text, options));
  }

  /**
   * Encodes bytes. Valid UTF-8 gives the ids of the text; an invalid byte is split off like a
   * punctuation mark.
   *
   * @throws {TypeError} If `bytes` is not a Uint8Array.
   */
  encodeBytes(bytes: Uint8Array): number[] {
    if (!(bytes instanceof Uint8Array)) throw wrongType("encode bytes", "a Uint8Array", bytes);
    const { normalization = null } = this.vocabulary;
    const text = normalization === null && this.#addedNames === null ? null : textOf(bytes);
    if (text !== null) return this.encode(text);
    const ids: number[] = [];
    this.#encoder.encode(bytes, undefined, ids);
    return ids;
  }

  /**
   * Decodes ids to text; special tokens become their names, and ids without a token nothing.
   *
   * Invalid UTF-8, such as a character cut off at the end, becomes U+FFFD. To display text as it is
   * generated, pass {@linkcode decodeBytes} of each id to a `TextDecoder` with `{ stream: true }`.
   *
   * @throws {RangeError} If an id is not in the vocabulary.
   * @throws {TypeError} If `ids` is not a list of numbers.
   */
  decode(ids: ArrayLike<number>): string {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.decodeBytes(ids));
  }

  /**
   * Decodes ids to exactly the bytes that were encoded.
   *
   * @throws {RangeError} If an id is not in the vocabulary.
   * @throws {TypeError} If `ids` is not a list of numbers.
   */
  decodeBytes(ids: ArrayLike<number>): Uint8Array<ArrayBuffer> {
    checkIds(ids);
    let length = 0;
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      if (!this.#isId(id)) throw this.#unknownId("decode", id, ` at position ${i}`);
      length += this.#bytes[id]?.length ?? 0;
    }
    const decoded = new Uint8Array(length);
    let at = 0;
    for (let i = 0; i < ids.length; i++) {
      const bytes = this.#bytes[ids[i]!];
      if (bytes === undefined) continue;
      decoded.set(bytes, at);
      at += bytes.length;
    }
    return decoded;
  }

  /**
   * Length of each token in bytes, 0 for special tokens; converts loss per token to bits per byte.
   * Shape [vocabSize].
   */
  tokenBytes(): Int32Array<ArrayBuffer> {
    const { tokens, addedTokens = new Map() } = this.vocabulary;
    const lengths = Int32Array.from({ length: this.vocabSize }, (_, id) => tokens[id]?.length ?? 0);
    for (const id of addedTokens.values()) lengths[id] = this.#bytes[id]!.length;
    return lengths;
  }

  /** The tokenizer as an object for `JSON.stringify`; see {@linkcode fromJSON}. */
  toJSON(): TokenizerJson {
    return writeJson({ ...this.vocabulary, merges: this.merges });
  }

  /** Appends the ids of a text in which no names are looked for. */
  #encodePlain(text: string, ids: number[]): void {
    if (text === "") return;
    const { normalization = null } = this.vocabulary;
    const normal = normalization === null ? text : text.normalize(normalization);
    this.#encoder.encode(this.#textEncoder.encode(normal), normal, ids);
  }

  /** Whether the id has a token, or a row of the model has it and no token. */
  #isId(id: number): boolean {
    // An array finds "97" and [97], too.
    if (typeof id !== "number") return false;
    return this.#bytes[id] !== undefined ||
      this.vocabulary.size !== undefined && Number.isInteger(id) && id >= 0 && id < this.vocabSize;
  }

  #unknownId(what: string, id: unknown, place = ""): Error {
    const wanted = `wanted an id of the vocabulary of ${this.vocabSize}`;
    const message = `Cannot ${what}: ${wanted}, got ${showValue(id)}${place}`;
    return typeof id === "number" ? new RangeError(message) : new TypeError(message);
  }

  #idOf(token: string | number): number {
    if (typeof token === "string") return this.special(token);
    if (this.#isId(token)) return token;
    throw this.#unknownId("encode", token);
  }
}

/** Checks that names of special tokens are a list of strings. */
function checkNames(what: string, names: readonly string[]): void {
  if (Array.isArray(names) && names.every((name) => typeof name === "string")) return;
  throw wrongType(what, "a list of names as specialTokens", names);
}

/** Checks that ids are a list: those of a tensor, which is none, have to be read first. */
function checkIds(ids: ArrayLike<number>): void {
  if (typeof ids === "object" && typeof ids?.length === "number") return;
  const { data } = Object(ids);
  const hint = typeof data === "function" ? ". Its ids are read by await tensor.data()" : "";
  throw new TypeError(`Cannot decode: wanted a list of token ids, got ${showValue(ids)}${hint}`);
}

/** Matches any of the names, of those that begin alike the longest; `null` if there are none. */
function anyOf(names: readonly string[]): RegExp | null {
  if (names.length === 0) return null;
  const longestFirst = names.toSorted((a, b) => b.length - a.length);
  return new RegExp(longestFirst.map(escaped).join("|"), "g");
}

/** Text as a pattern that matches it: `RegExp.escape`, which Node 22 lacks. */
function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** The text that bytes encode; `null` if they are not valid UTF-8. */
function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
