/** Hugging Face's `tokenizer.json`, for byte-level BPE tokenizers. @module */
import { Encoder } from "../encode.ts";
import { GPT2_PATTERN } from "../pattern.ts";
import { show } from "../show.ts";
import { isTokenId, type Merge, type Vocabulary } from "../vocabulary.ts";
import { checked, isObject, type JsonObject, malformed, parseJson } from "./parse.ts";

const KIND = "tokenizer.json";

/**
 * The character that the file uses for each byte: the byte itself if it is printable, otherwise the
 * next one from U+0100 on (introduced by GPT-2).
 */
const BYTE_CHARACTERS: readonly string[] = byteCharacters();
const CHARACTER_BYTES: ReadonlyMap<string, number> = new Map(
  BYTE_CHARACTERS.map((character, byte) => [character, byte]),
);

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
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: Array.from(vocabulary.specialTokens, ([content, id]) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: { Regex: vocabulary.pattern },
          behavior: "Isolated",
          invert: false,
        },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: null,
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

/**
 * Parses a vocabulary from `tokenizer.json`.
 *
 * @throws {SyntaxError} If the text is malformed or describes another kind of tokenizer: not BPE,
 * not byte-level, with a normalizer, or with merges out of id order.
 */
export function readHuggingFace(text: string): Vocabulary {
  const data = parseJson(text, KIND);
  if (!isObject(data)) malformed(KIND, `wanted an object, got ${show(data)}`);
  const { model, normalizer = null, added_tokens: added = [] } = data;
  if (!isObject(model) || model["type"] !== "BPE") {
    malformed(
      KIND,
      `wanted a model of type "BPE", got ${show(isObject(model) ? model["type"] : model)}`,
    );
  }
  if (normalizer !== null) malformed(KIND, `wanted no normalizer, got ${show(normalizer)}`);
  if (!Array.isArray(added)) malformed(KIND, `wanted a list of added tokens, got ${show(added)}`);
  const specialTokens = new Map(added.map(readAddedToken));
  const { tokens, ids } = readVocab(model["vocab"], specialTokens);
  return checked({
    pattern: readPattern(data["pre_tokenizer"]),
    tokens,
    specialTokens,
    merges: readMerges(model["merges"], ids),
  }, KIND);
}

function readAddedToken(token: unknown): [string, number] {
  if (isObject(token)) {
    const { content, id } = token;
    if (typeof content === "string" && isTokenId(id)) return [content, id];
  }
  return malformed(KIND, `wanted an added token with content and id, got ${show(token)}`);
}

function readVocab(
  vocab: unknown,
  specialTokens: ReadonlyMap<string, number>,
): { tokens: Uint8Array[]; ids: Map<string, number> } {
  if (!isObject(vocab)) return malformed(KIND, `wanted a vocab, got ${show(vocab)}`);
  const tokens: Uint8Array[] = [];
  const ids = new Map<string, number>();
  for (const [name, id] of Object.entries(vocab)) {
    if (!isTokenId(id)) malformed(KIND, `wanted the id of token ${show(name)}, got ${show(id)}`);
    if (specialTokens.get(name) === id) continue;
    if (tokens[id] !== undefined) malformed(KIND, `wanted each id once, got ${id} twice`);
    tokens[id] = toBytes(name);
    ids.set(name, id);
  }
  return { tokens, ids };
}

/** If several pairs produce the same token, the first wins. */
function readMerges(merges: unknown, ids: ReadonlyMap<string, number>): Merge[] {
  if (!Array.isArray(merges)) return malformed(KIND, `wanted merges, got ${show(merges)}`);
  const read: Merge[] = [];
  let last = -1;
  for (const merge of merges) {
    const [left, right, ...rest]: unknown[] = Array.isArray(merge)
      ? merge
      : String(merge).split(" ");
    if (typeof left !== "string" || typeof right !== "string" || rest.length > 0) {
      malformed(KIND, `wanted a merge of two tokens, got ${show(merge)}`);
    }
    const pair = [ids.get(left), ids.get(right), ids.get(left + right)];
    const [first, second, joined] = pair;
    if (first === undefined || second === undefined || joined === undefined) {
      return malformed(KIND, `wanted a merge of tokens into a token, got ${show(merge)}`);
    }
    if (joined < last) {
      malformed(KIND, `wanted merges in the order of their ids, got ${joined} after ${last}`);
    }
    if (joined > last) read.push([first, second]);
    last = joined;
  }
  return read;
}

function readPattern(preTokenizer: unknown): string {
  const steps = isObject(preTokenizer) && preTokenizer["type"] === "Sequence"
    ? preTokenizer["pretokenizers"]
    : [preTokenizer];
  const [first, second, ...rest]: unknown[] = Array.isArray(steps) ? steps : [];
  if (
    rest.length === 0 && isByteLevel(first) && second === undefined && first["use_regex"] !== false
  ) {
    return GPT2_PATTERN;
  }
  if (
    rest.length === 0 && isObject(first) && first["type"] === "Split" &&
    first["behavior"] === "Isolated" && first["invert"] !== true && isObject(first["pattern"]) &&
    typeof first["pattern"]["Regex"] === "string" &&
    isByteLevel(second) && second["use_regex"] === false
  ) {
    return first["pattern"]["Regex"];
  }
  return malformed(
    KIND,
    `wanted a pre_tokenizer that splits by a pattern into bytes, got ${show(preTokenizer)}`,
  );
}

function isByteLevel(step: unknown): step is JsonObject {
  return isObject(step) && step["type"] === "ByteLevel" && step["add_prefix_space"] !== true;
}

function toCharacters(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += BYTE_CHARACTERS[byte]!;
  return text;
}

function toBytes(name: string): Uint8Array {
  return Uint8Array.from(
    name,
    (character) =>
      CHARACTER_BYTES.get(character) ??
        malformed(
          KIND,
          `wanted byte-level characters in token ${show(name)}, got ${show(character)}`,
        ),
  );
}
