/** Hugging Face's `tokenizer.json`, for byte-level BPE tokenizers. @module */
import { ByteTable } from "../byte_table.ts";
import { Encoder } from "../encode.ts";
import { withRoom } from "../growable.ts";
import { DIGIT_PATTERN, GPT2_PATTERN, KNOWN_PATTERNS, NUMBER_PATTERN } from "../pattern.ts";
import { showValue } from "../show.ts";
import {
  isTokenId,
  type Merge,
  NORMALIZATION_FORMS,
  type NormalizationForm,
  startOfDocuments,
  type Vocabulary,
} from "../vocabulary.ts";
import { checked, isObject, type JsonObject, malformed, parseJson } from "./parse.ts";

const KIND = "tokenizer.json";

/**
 * The character that the file uses for each byte: the byte itself if it is printable, otherwise the
 * next one from U+0100 on (introduced by GPT-2).
 */
const BYTE_CHARACTERS: readonly string[] = byteCharacters();
/** The byte of each UTF-16 unit, or −1. */
const CHARACTER_BYTES = new Int16Array(0x10000).fill(-1);
for (const [byte, character] of BYTE_CHARACTERS.entries()) {
  CHARACTER_BYTES[character.charCodeAt(0)] = byte;
}

/** The separator of the tokens of a merge, which stands for no byte. */
const SPACE = 0x20;

function byteCharacters(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const visible = byte >= 0x21 && byte <= 0x7e || byte >= 0xa1 && byte !== 0xad;
    return String.fromCharCode(visible ? byte : next++);
  });
}

/**
 * Serializes a vocabulary as `tokenizer.json`.
 *
 * Lists every pair that merges into a token, and sets `ignore_merges`, so that Hugging Face's
 * libraries give the same ids as {@linkcode Encoder}.
 *
 * @example
 * ```ts
 * import { Tokenizer } from "../tokenizer.ts";
 * import { readHuggingFace, writeHuggingFace } from "./hugging_face.ts";
 *
 * const tokenizer = await Tokenizer.train(["to be or not to be"], { vocabSize: 270 });
 * const text = writeHuggingFace(tokenizer.vocabulary);
 * console.log(new Tokenizer(readHuggingFace(text)).vocabSize); // 270
 * ```
 */
export function writeHuggingFace(vocabulary: Vocabulary): string {
  const names = vocabulary.tokens.map((token) => token && toCharacters(token));
  const vocab = new Map<string, number>();
  for (const [id, name] of names.entries()) {
    if (name !== undefined && !vocab.has(name)) vocab.set(name, id);
  }
  const merges = new Encoder(vocabulary).allMerges();
  const { normalization = null, morePatterns = [] } = vocabulary;
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [
      ...addedTokens(vocabulary.specialTokens, true),
      ...addedTokens(vocabulary.addedTokens ?? new Map(), false),
    ].sort((a, b) => a.id - b.id),
    normalizer: normalization === null ? null : { type: normalization },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        ...[vocabulary.pattern, ...morePatterns].map((pattern) => ({
          type: "Split",
          pattern: { Regex: pattern },
          behavior: "Isolated",
          invert: false,
        })),
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: vocabulary.addsStart === true ? templateOf(vocabulary) : null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: true,
      vocab: Object.fromEntries(vocab),
      merges: merges.map(([left, right]) => [names[left], names[right]]),
    },
  });
}

function addedTokens(
  tokens: ReadonlyMap<string, number>,
  special: boolean,
): ({ readonly id: number } & Record<string, unknown>)[] {
  return Array.from(tokens, ([content, id]) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special,
  }));
}

/** The post-processor that prepends the beginning-of-document token; `null` without such a token. */
function templateOf(vocabulary: Vocabulary): object | null {
  const id = startOfDocuments(vocabulary);
  const start = [...vocabulary.specialTokens].find((token) => token[1] === id)?.[0];
  if (start === undefined) return null;
  const token = { SpecialToken: { id: start, type_id: 0 } };
  const text = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  return {
    type: "TemplateProcessing",
    single: [token, text("A", 0)],
    pair: [token, text("A", 0), text("B", 1)],
    special_tokens: { [start]: { id: start, ids: [id], tokens: [start] } },
  };
}

/**
 * Parses a vocabulary from `tokenizer.json`.
 *
 * @throws {SyntaxError} If the text is malformed or describes another kind of tokenizer: not BPE,
 * not byte-level, with another normalizer than a form of Unicode, or with merges out of id order.
 */
export function readHuggingFace(text: string): Vocabulary {
  const data = parseJson(text, KIND);
  if (!isObject(data)) malformed(KIND, `wanted an object, got ${showValue(data)}`);
  const { model, added_tokens: added = [] } = data;
  if (!isObject(model) || model["type"] !== "BPE") {
    malformed(
      KIND,
      `wanted a model of type "BPE", got ${showValue(isObject(model) ? model["type"] : model)}`,
    );
  }
  checkModel(model);
  if (!Array.isArray(added)) {
    malformed(KIND, `wanted a list of added tokens, got ${showValue(added)}`);
  }
  const all = added.map(readAddedToken);
  const named = (isSpecial: boolean) =>
    new Map(
      all.filter((token) => token.isSpecial === isSpecial).map(({ content, id }) => [content, id]),
    );
  const [specialTokens, addedTokens] = [named(true), named(false)];
  const allNamed = new Map(all.map(({ content, id }) => [content, id]));
  const table = readVocab(model["vocab"], allNamed);
  const [pattern, ...morePatterns] = readPatterns(data["pre_tokenizer"]);
  const normalization = readNormalizer(data["normalizer"]);
  const start = readStart(data["post_processor"]);
  return checked({
    pattern: pattern!,
    ...morePatterns.length > 0 && { morePatterns },
    ...normalization !== null && { normalization },
    tokens: table.tokens,
    specialTokens,
    ...addedTokens.size > 0 && { addedTokens },
    merges: readMerges(model["merges"], table),
    ...start !== null && { documentStart: start, addsStart: true },
  }, KIND);
}

/** Refuses what would give other ids. */
function checkModel(model: JsonObject): void {
  const wanted = {
    dropout: [null, 0],
    continuing_subword_prefix: [null, ""],
    end_of_word_suffix: [null, ""],
    byte_fallback: [false],
  };
  for (const [name, values] of Object.entries(wanted)) {
    const value = model[name];
    if (value === undefined || (values as unknown[]).includes(value)) continue;
    malformed(
      KIND,
      `wanted a byte-level model with ${name} ${showValue(values[0])}, got ${showValue(value)}`,
    );
  }
}

interface AddedToken {
  readonly content: string;
  readonly id: number;
  readonly isSpecial: boolean;
}

function readAddedToken(token: unknown): AddedToken {
  if (isObject(token)) {
    const { content, id, special } = token;
    const option = ["single_word", "lstrip", "rstrip"].find((name) => token[name] === true);
    if (option !== undefined) {
      malformed(KIND, `wanted added tokens without ${option}, got ${showValue(token)}`);
    }
    if (typeof content === "string" && isTokenId(id)) {
      return { content, id, isSpecial: special !== false };
    }
  }
  return malformed(KIND, `wanted an added token with content and id, got ${showValue(token)}`);
}

/** The tokens, and their bytes in a table: strings would take a second for 128,000 tokens. */
interface TokenTable {
  readonly tokens: Uint8Array[];
  readonly pieces: ByteTable;
  /** The id of each piece. */
  readonly ids: Int32Array;
}

function readVocab(vocab: unknown, named: ReadonlyMap<string, number>): TokenTable {
  if (!isObject(vocab)) return malformed(KIND, `wanted a vocab, got ${showValue(vocab)}`);
  // Not Object.entries, which takes five times as long.
  const names = Object.keys(vocab);
  const pieces = new ByteTable(names.length);
  const ids = new Int32Array(names.length);
  const scratch = new ByteNames();
  let size = 0;
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    const id = vocab[name];
    if (!isTokenId(id)) {
      malformed(KIND, `wanted the id of token ${showValue(name)}, got ${showValue(id)}`);
    }
    if (named.get(name) === id) continue;
    scratch.length = 0;
    const end = scratch.put(name);
    if (end < name.length) scratch.refuse(name, end);
    ids[pieces.add(scratch.bytes, 0, end)] = id;
    size = Math.max(size, id + 1);
  }
  // Not in the order of the pieces into an empty list, which becomes a hash table if ids are far apart.
  const tokens = new Array<Uint8Array>(size);
  for (let piece = 0; piece < pieces.size; piece++) {
    const id = ids[piece]!;
    if (tokens[id] !== undefined) malformed(KIND, `wanted each id once, got ${id} twice`);
    const [start, end] = [pieces.starts[piece]!, pieces.starts[piece + 1]!];
    tokens[id] = new Uint8Array(pieces.pool.buffer, start, end - start);
  }
  return { tokens, pieces, ids };
}

/** If several pairs produce the same token, the first wins. */
function readMerges(merges: unknown, { pieces, ids }: TokenTable): Merge[] {
  if (!Array.isArray(merges)) return malformed(KIND, `wanted merges, got ${showValue(merges)}`);
  const read: Merge[] = [];
  const scratch = new ByteNames();
  let last = -1;
  let whole = 0;
  for (const merge of merges as unknown[]) {
    const middle = putPair(merge, scratch);
    const { bytes, length: end } = scratch;
    // Most make the same token as the merge before, or the next one.
    if (!pieces.equals(whole, bytes, 0, end)) {
      whole = pieces.equals(whole + 1, bytes, 0, end) ? whole + 1 : pieces.find(bytes, 0, end);
    }
    const joined = ids[whole] ?? -1;
    // Other pairs of the same token are not looked up: encoding finds all of them by itself.
    if (joined === last && whole >= 0) continue;
    const first = pieces.find(bytes, 0, middle);
    const second = pieces.find(bytes, middle, end);
    if (first < 0 || second < 0 || whole < 0) {
      return malformed(KIND, `wanted a merge of tokens into a token, got ${showValue(merge)}`);
    }
    if (joined < last) {
      malformed(KIND, `wanted merges in the order of their ids, got ${joined} after ${last}`);
    }
    read.push([ids[first]!, ids[second]!]);
    last = joined;
  }
  return read;
}

/** Puts the bytes of a merge's two tokens; returns where the second begins. */
function putPair(merge: unknown, scratch: ByteNames): number {
  scratch.length = 0;
  if (typeof merge === "string") {
    const space = scratch.put(merge);
    const middle = scratch.length;
    if (space < merge.length && scratch.put(merge, space + 1) === merge.length) return middle;
  } else if (Array.isArray(merge) && merge.length === 2) {
    const [left, right]: unknown[] = merge;
    if (typeof left === "string" && typeof right === "string") {
      const leftEnd = scratch.put(left);
      const middle = scratch.length;
      const rightEnd = scratch.put(right);
      if (leftEnd < left.length) scratch.refuse(left, leftEnd);
      if (rightEnd < right.length) scratch.refuse(right, rightEnd);
      return middle;
    }
  }
  return malformed(KIND, `wanted a merge of two tokens, got ${showValue(merge)}`);
}

/** The bytes of names, for which it keeps one buffer. */
class ByteNames {
  bytes = new Uint8Array(1 << 8);
  length = 0;

  /** Appends the bytes of a name from `start` up to a space, or to its end; returns where that is. */
  put(name: string, start = 0): number {
    const bytes = this.bytes = withRoom(this.bytes, this.length + name.length, Uint8Array);
    let length = this.length;
    let i = start;
    for (; i < name.length; i++) {
      const unit = name.charCodeAt(i);
      if (unit === SPACE) break;
      const byte = CHARACTER_BYTES[unit]!;
      if (byte < 0) this.refuse(name, i);
      bytes[length++] = byte;
    }
    this.length = length;
    return i;
  }

  /** Refuses a name for the character at `index`. */
  refuse(name: string, index: number): never {
    const character = String.fromCodePoint(name.codePointAt(index)!);
    const shown = `token ${showValue(name)}, got ${showValue(character)}`;
    return malformed(KIND, `wanted byte-level characters in ${shown}`);
  }
}

function readNormalizer(normalizer: unknown): NormalizationForm | null {
  if (normalizer === null || normalizer === undefined) return null;
  const type = isObject(normalizer) ? normalizer["type"] : normalizer;
  const form = NORMALIZATION_FORMS.find((form) => form === type);
  if (form !== undefined) return form;
  return malformed(
    KIND,
    `wanted no normalizer, or ${NORMALIZATION_FORMS.join(", ")}, got ${showValue(normalizer)}`,
  );
}

/** The patterns of all steps; the last step turns text into bytes. */
function readPatterns(preTokenizer: unknown): string[] {
  const isSequence = isObject(preTokenizer) && preTokenizer["type"] === "Sequence";
  const given = isSequence ? preTokenizer["pretokenizers"] : [preTokenizer];
  const steps: unknown[] = Array.isArray(given) ? given : [];
  const bytes = steps.at(-1);
  const patterns = steps.slice(0, -1).map(patternOf);
  if (isObject(bytes) && bytes["type"] === "ByteLevel" && bytes["add_prefix_space"] !== true) {
    if (bytes["use_regex"] !== false) patterns.push(GPT2_PATTERN);
    const found = patterns.filter((pattern) => pattern !== null);
    if (found.length === patterns.length && found.length > 0) return found;
  }
  return malformed(
    KIND,
    `wanted a pre_tokenizer that splits by patterns into bytes, got ${showValue(preTokenizer)}`,
  );
}

/** The pattern by which a step splits; `null` if it does something else. */
function patternOf(step: unknown): string | null {
  if (!isObject(step)) return null;
  const { type, pattern, behavior, invert, individual_digits: single } = step;
  if (type === "Digits") return single === true ? DIGIT_PATTERN : NUMBER_PATTERN;
  if (type !== "Split" || !isObject(pattern) || typeof pattern["Regex"] !== "string") return null;
  const expression = pattern["Regex"];
  if (behavior === "Isolated") return expression;
  // Inverted, it removes what does not match. The patterns that are known match everything.
  const isWhole = KNOWN_PATTERNS.has(expression);
  return behavior === "Removed" && invert === true && isWhole ? expression : null;
}

/** The id that is put before every text; `null` for none. */
function readStart(postProcessor: unknown): number | null {
  if (!isObject(postProcessor)) return null;
  const { type, processors, single, special_tokens: tokens } = postProcessor;
  if (type === "Sequence" && Array.isArray(processors)) {
    return processors.map(readStart).find((id) => id !== null) ?? null;
  }
  const first: unknown = type === "TemplateProcessing" && Array.isArray(single) ? single[0] : null;
  if (!isObject(first) || !isObject(first["SpecialToken"]) || !isObject(tokens)) return null;
  const token = tokens[`${first["SpecialToken"]["id"]}`];
  const ids = isObject(token) ? token["ids"] : null;
  const id: unknown = Array.isArray(ids) ? ids[0] : null;
  return isTokenId(id) ? id : null;
}

function toCharacters(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += BYTE_CHARACTERS[byte]!;
  return text;
}
