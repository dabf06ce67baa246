/**
 * The tokenizer itself.
 *
 * @module
 */
import { Encoder } from "./encode.ts";
import { readJson, type TokenizerJson, writeJson } from "./formats/json.ts";
import { SPLIT_PATTERN } from "./pattern.ts";
import { SPECIAL_TOKENS } from "./special.ts";
import { learnMerges, WordCounter } from "./train.ts";
import {
  findProblem,
  isTokenId,
  MAX_VOCABULARY_SIZE,
  type Merge,
  type Vocabulary,
} from "./vocabulary.ts";

/** What {@linkcode Tokenizer.train} is told. */
export interface TrainOptions {
  /** The size to reach, special tokens included: at least 256 and one for each of those. */
  vocabSize: number;
  /** What cuts text into words that merges stay within; by default nanochat's. */
  pattern?: string;
  /** The names of the special tokens; by default nanochat's. */
  specialTokens?: readonly string[];
}

/** What {@linkcode Tokenizer.encode} puts around a text. */
export interface EncodeOptions {
  /** A special token's name, or any id, to put first. */
  prepend?: string | number;
  /** A special token's name, or any id, to put last. */
  append?: string | number;
}

/**
 * A byte-level BPE tokenizer.
 *
 * Text becomes UTF-8, a pattern cuts it into pieces, and within each piece the merges join bytes
 * into tokens. So any text can be encoded, and every byte comes back. The ids are those that
 * tiktoken gives for the same vocabulary.
 *
 * Special tokens never come out of text: `encode("<|bos|>")` gives the tokens of seven letters and
 * signs. Half a surrogate pair, which UTF-8 has no bytes for, is encoded as U+FFFD.
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
  /** What the tokenizer consists of. The file formats read and write it. */
  readonly vocabulary: Vocabulary;
  /** One more than the largest id. */
  readonly vocabSize: number;
  #encoder: Encoder;
  #textEncoder = new TextEncoder();
  /** The bytes of every id, special tokens included. */
  #bytes: (Uint8Array | undefined)[];
  #merges: Merge[] | undefined;

  /**
   * Makes a tokenizer from its data.
   *
   * @throws {RangeError} If the vocabulary lacks bytes, or gives an id twice.
   * @throws {SyntaxError} If the split pattern is malformed.
   */
  constructor(vocabulary: Vocabulary) {
    const problem = findProblem(vocabulary);
    if (problem !== null) throw new RangeError(`Cannot make a tokenizer: ${problem}`);
    this.vocabulary = vocabulary;
    this.#encoder = new Encoder(vocabulary);
    this.#bytes = vocabulary.tokens.slice();
    for (const [name, id] of vocabulary.specialTokens) {
      this.#bytes[id] = this.#textEncoder.encode(name);
    }
    this.vocabSize = this.#bytes.length;
  }

  /**
   * Learns a vocabulary from texts.
   *
   * Ids 0 to 255 are the bytes, then follow the merges in the order in which they were found, then
   * the special tokens. Only the distinct words are kept in memory. Where the texts run out of
   * pairs to merge, the vocabulary is smaller than asked for.
   *
   * @param texts Documents. No merge reaches from one into the next.
   * @throws {RangeError} If `vocabSize` leaves no room for the bytes and the special tokens, or if
   * a special token has no name or comes twice.
   * @throws {TypeError} If a text is not a string, or if `texts` is one.
   * @throws {Error} If there is no text at all.
   * @throws {SyntaxError} If the pattern is malformed.
   */
  static async train(
    texts: Iterable<string> | AsyncIterable<string>,
    { vocabSize, pattern = SPLIT_PATTERN, specialTokens = SPECIAL_TOKENS }: TrainOptions,
  ): Promise<Tokenizer> {
    const smallest = 256 + specialTokens.length;
    if (!isTokenId(vocabSize) || vocabSize < smallest) {
      throw new RangeError(
        `Cannot train a tokenizer: wanted a vocabSize of at least ${smallest} ` +
          `(256 bytes and ${specialTokens.length} special tokens) ` +
          `and below ${MAX_VOCABULARY_SIZE}, got ${vocabSize}`,
      );
    }
    if (typeof texts === "string") {
      throw new TypeError("Cannot train a tokenizer: wanted an iterable of texts, got one string");
    }
    const twice = specialTokens.find((name, i) => specialTokens.indexOf(name) !== i);
    if (twice !== undefined) {
      throw new RangeError(
        `Cannot train a tokenizer: wanted each special token once, got ${
          JSON.stringify(twice)
        } twice`,
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
    const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
    for (const [left, right] of merges) {
      const joined = new Uint8Array(tokens[left]!.length + tokens[right]!.length);
      joined.set(tokens[left]!);
      joined.set(tokens[right]!, tokens[left]!.length);
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
   * Makes a tokenizer from what {@linkcode toJSON} gave, as an object or as JSON text.
   *
   * @throws {SyntaxError} If that is not what it is.
   */
  static fromJSON(json: string | TokenizerJson): Tokenizer {
    return new Tokenizer(readJson(json));
  }

  /** The split pattern, in the dialect of Python and Rust. */
  get pattern(): string {
    return this.vocabulary.pattern;
  }

  /** The ids of the special tokens by name. */
  get specialTokens(): ReadonlyMap<string, number> {
    return this.vocabulary.specialTokens;
  }

  /**
   * The pairs that encoding joins, in the order of the tokens that they make. For a vocabulary
   * that came without them they are found out; a token that no pair leads to is left out then.
   */
  get merges(): Merge[] {
    this.#merges ??= this.vocabulary.merges?.map(([left, right]): Merge => [left, right]) ??
      this.#encoder.findMerges();
    return this.#merges;
  }

  /** The id of the token that begins every document: `<|bos|>`, or `<|endoftext|>` without it. */
  get bos(): number {
    return this.specialTokens.get("<|bos|>") ?? this.specialTokens.get("<|endoftext|>") ??
      this.special("<|bos|>");
  }

  /**
   * The id of a special token.
   *
   * @throws {RangeError} If there is none of that name.
   */
  special(name: string): number {
    const id = this.specialTokens.get(name);
    if (id !== undefined) return id;
    throw new RangeError(
      `Cannot find the special token ${JSON.stringify(name)}: wanted one of ${
        [...this.specialTokens.keys()].join(" ") || "none at all"
      }`,
    );
  }

  /**
   * Turns text into ids.
   *
   * @throws {TypeError} If `text` is not a string.
   * @throws {RangeError} If `prepend` or `append` is no token.
   */
  encode(text: string, options: EncodeOptions = {}): number[] {
    if (typeof text !== "string") {
      throw new TypeError(`Cannot encode: wanted a string, got ${typeof text}`);
    }
    const { prepend, append } = options;
    const ids = prepend === undefined ? [] : [this.#idOf(prepend)];
    this.#encoder.encode(this.#textEncoder.encode(text), text, ids);
    if (append !== undefined) ids.push(this.#idOf(append));
    return ids;
  }

  /** Turns each text into ids, with the same token put before or after each. */
  encodeBatch(texts: Iterable<string>, options: EncodeOptions = {}): number[][] {
    return Array.from(texts, (text) => this.encode(text, options));
  }

  /**
   * Turns bytes into ids. For valid UTF-8 they are those of the text; a byte that is not valid is
   * split off as if it were a punctuation mark.
   */
  encodeBytes(bytes: Uint8Array): number[] {
    const ids: number[] = [];
    this.#encoder.encode(bytes, undefined, ids);
    return ids;
  }

  /**
   * Turns ids back into text; special tokens come out as their names.
   *
   * What is not valid UTF-8 comes out as U+FFFD, as when the ids end within a character. To show
   * text while it is being generated, give {@linkcode decodeBytes} of each id to a `TextDecoder`
   * with `{ stream: true }`.
   *
   * @throws {RangeError} If an id is not in the vocabulary.
   */
  decode(ids: ArrayLike<number>): string {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.decodeBytes(ids));
  }

  /**
   * Turns ids back into bytes: exactly those that were encoded.
   *
   * @throws {RangeError} If an id is not in the vocabulary.
   */
  decodeBytes(ids: ArrayLike<number>): Uint8Array<ArrayBuffer> {
    let length = 0;
    for (let i = 0; i < ids.length; i++) {
      const bytes = this.#bytes[ids[i]!];
      if (bytes === undefined) {
        throw new RangeError(
          `Cannot decode: wanted an id of the vocabulary of ${this.vocabSize}, ` +
            `got ${ids[i]} at position ${i}`,
        );
      }
      length += bytes.length;
    }
    const decoded = new Uint8Array(length);
    let at = 0;
    for (let i = 0; i < ids.length; i++) {
      const bytes = this.#bytes[ids[i]!]!;
      decoded.set(bytes, at);
      at += bytes.length;
    }
    return decoded;
  }

  /**
   * How many bytes of text each id stands for, 0 for special tokens: what turns a loss per token
   * into bits per byte. Shape [vocabSize].
   */
  tokenBytes(): Int32Array<ArrayBuffer> {
    return Int32Array.from(
      { length: this.vocabSize },
      (_, id) => this.vocabulary.tokens[id]?.length ?? 0,
    );
  }

  /** The tokenizer as an object for `JSON.stringify`; see {@linkcode fromJSON}. */
  toJSON(): TokenizerJson {
    return writeJson({ ...this.vocabulary, merges: this.merges });
  }

  #idOf(token: string | number): number {
    if (typeof token === "string") return this.special(token);
    if (this.#bytes[token] !== undefined) return token;
    throw new RangeError(
      `Cannot encode: wanted an id of the vocabulary of ${this.vocabSize}, got ${token}`,
    );
  }
}
