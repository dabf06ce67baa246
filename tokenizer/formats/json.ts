/** nanodino's own format: one JSON object. @module */
import { show } from "../show.ts";
import { isTokenId, type Merge, type Vocabulary } from "../vocabulary.ts";
import {
  checked,
  fromBase64,
  isObject,
  type JsonObject,
  malformed,
  parseJson,
  toBase64,
} from "./parse.ts";

const KIND = "the tokenizer";
const FORMAT = "nanodino-tokenizer";
const VERSION = 1;

/** A tokenizer as JSON. */
export interface TokenizerJson {
  /** Identifies the format. */
  format: "nanodino-tokenizer";
  /** Incremented when older readers can no longer read the object. */
  version: 1;
  /** Split pattern, in the dialect of Python and Rust. */
  pattern: string;
  /** Ids of the special tokens by name. */
  specialTokens: Record<string, number>;
  /** The bytes of each ordinary token by id, as base64; `null` for an unused id. */
  tokens: (string | null)[];
  /** The merges, ordered by the tokens they produce. */
  merges: Merge[];
  /** The id that starts every document, `null` for none; by default that of `<|bos|>` or alike. */
  documentStart?: number | null;
}

/** Serializes a vocabulary. Special tokens whose names look like integers lose their order. */
export function writeJson(
  vocabulary: Vocabulary & Required<Pick<Vocabulary, "merges">>,
): TokenizerJson {
  const { documentStart } = vocabulary;
  return {
    format: FORMAT,
    version: VERSION,
    pattern: vocabulary.pattern,
    specialTokens: Object.fromEntries(vocabulary.specialTokens),
    tokens: Array.from(vocabulary.tokens, (token) => token === undefined ? null : toBase64(token)),
    merges: vocabulary.merges.map(([left, right]) => [left, right]),
    ...documentStart !== undefined && { documentStart },
  };
}

/** Parses a vocabulary from JSON, as text or parsed. @throws {SyntaxError} If it is malformed. */
export function readJson(json: string | TokenizerJson): Vocabulary {
  const data = typeof json === "string" ? parseJson(json, KIND) : json;
  if (!isObject(data)) malformed(KIND, `wanted an object, got ${show(data)}`);
  const { format, version, pattern, documentStart } = data;
  if (format !== FORMAT) malformed(KIND, `wanted the format ${show(FORMAT)}, got ${show(format)}`);
  if (version !== VERSION) malformed(KIND, `wanted version ${VERSION}, got ${show(version)}`);
  if (typeof pattern !== "string") malformed(KIND, `wanted a pattern, got ${show(pattern)}`);
  if (!(documentStart === undefined || documentStart === null || isTokenId(documentStart))) {
    malformed(KIND, `wanted an id as documentStart, got ${show(documentStart)}`);
  }
  return checked({
    pattern,
    specialTokens: readSpecialTokens(data),
    tokens: listOf(data, "tokens").map(readToken),
    merges: listOf(data, "merges").map(readMerge),
    ...documentStart !== undefined && { documentStart },
  }, KIND);
}

function listOf(data: JsonObject, key: string): unknown[] {
  const list = data[key];
  return Array.isArray(list) ? list : malformed(KIND, `wanted a list of ${key}, got ${show(list)}`);
}

function readSpecialTokens({ specialTokens }: JsonObject): Map<string, number> {
  if (!isObject(specialTokens)) {
    return malformed(KIND, `wanted special tokens, got ${show(specialTokens)}`);
  }
  return new Map(
    Object.entries(specialTokens).map(([name, id]) =>
      isTokenId(id)
        ? [name, id]
        : malformed(KIND, `wanted the id of special token ${show(name)}, got ${show(id)}`)
    ),
  );
}

function readToken(token: unknown, id: number): Uint8Array | undefined {
  if (token === null) return undefined;
  const bytes = typeof token === "string" ? fromBase64(token) : null;
  return bytes ?? malformed(KIND, `wanted token ${id} as base64, got ${show(token)}`);
}

function readMerge(merge: unknown, rank: number): Merge {
  if (Array.isArray(merge) && merge.length === 2) {
    const [left, right]: unknown[] = merge;
    if (isTokenId(left) && isTokenId(right)) return [left, right];
  }
  return malformed(KIND, `wanted a pair of ids as merge ${rank}, got ${show(merge)}`);
}
