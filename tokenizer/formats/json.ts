/** nanodino's own format: one JSON object. @module */
import { showValue } from "../show.ts";
import {
  isTokenId,
  type Merge,
  NORMALIZATION_FORMS,
  type NormalizationForm,
  type Vocabulary,
} from "../vocabulary.ts";
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
/** Versions: what the second one may have besides would give a reader of the first one other ids. */
const [VERSION, VERSION_WITH_MORE] = [1, 2] as const;

/** A tokenizer as JSON. */
export interface TokenizerJson {
  /** Identifies the format. */
  format: "nanodino-tokenizer";
  /** Incremented when older readers can no longer read the object. */
  version: 1 | 2;
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
  /** Whether other programs put `documentStart` before every text. */
  addsStart?: boolean;
  /** The ids that end a text or a turn. */
  ends?: number[];
  /** One more than the largest id of the model, where it has more than there are tokens. */
  size?: number;
  /** In version 2: patterns that split the pieces again. */
  morePatterns?: string[];
  /** In version 2: the form of Unicode that texts are brought into. */
  normalization?: NormalizationForm;
  /** In version 2: ids of tokens that stand for their names in texts, by name. */
  addedTokens?: Record<string, number>;
}

/** Serializes a vocabulary. Special tokens whose names look like integers lose their order. */
export function writeJson(
  vocabulary: Vocabulary & Required<Pick<Vocabulary, "merges">>,
): TokenizerJson {
  const { documentStart, addsStart, ends, size, addedTokens } = vocabulary;
  const { morePatterns = [], normalization } = vocabulary;
  const more = {
    ...morePatterns.length > 0 && { morePatterns: [...morePatterns] },
    ...normalization && { normalization },
    ...addedTokens !== undefined && addedTokens.size > 0 &&
      { addedTokens: Object.fromEntries(addedTokens) },
  };
  return {
    format: FORMAT,
    version: Object.keys(more).length > 0 ? VERSION_WITH_MORE : VERSION,
    pattern: vocabulary.pattern,
    specialTokens: Object.fromEntries(vocabulary.specialTokens),
    tokens: Array.from(vocabulary.tokens, (token) => token === undefined ? null : toBase64(token)),
    merges: vocabulary.merges.map(([left, right]) => [left, right]),
    ...documentStart !== undefined && { documentStart },
    ...addsStart !== undefined && { addsStart },
    ...ends !== undefined && { ends: [...ends] },
    ...size !== undefined && { size },
    ...more,
  };
}

/** Parses a vocabulary from JSON, as text or parsed. @throws {SyntaxError} If it is malformed. */
export function readJson(json: string | TokenizerJson): Vocabulary {
  const data = typeof json === "string" ? parseJson(json, KIND) : json;
  if (!isObject(data)) malformed(KIND, `wanted an object, got ${showValue(data)}`);
  const { format, version, pattern, documentStart, addsStart, size, normalization } = data;
  if (format !== FORMAT) {
    malformed(KIND, `wanted the format ${showValue(FORMAT)}, got ${showValue(format)}`);
  }
  if (version !== VERSION && version !== VERSION_WITH_MORE) {
    malformed(KIND, `wanted version ${VERSION} or ${VERSION_WITH_MORE}, got ${showValue(version)}`);
  }
  if (typeof pattern !== "string") malformed(KIND, `wanted a pattern, got ${showValue(pattern)}`);
  if (!(documentStart === undefined || documentStart === null || isTokenId(documentStart))) {
    malformed(KIND, `wanted an id as documentStart, got ${showValue(documentStart)}`);
  }
  if (addsStart !== undefined && typeof addsStart !== "boolean") {
    malformed(KIND, `wanted true or false as addsStart, got ${showValue(addsStart)}`);
  }
  if (size !== undefined && typeof size !== "number") {
    malformed(KIND, `wanted a number as size, got ${showValue(size)}`);
  }
  const form = NORMALIZATION_FORMS.find((form) => form === normalization);
  if (normalization !== undefined && form === undefined) {
    const wanted = NORMALIZATION_FORMS.join(", ");
    malformed(KIND, `wanted one of ${wanted} as normalization, got ${showValue(normalization)}`);
  }
  return checked({
    pattern,
    specialTokens: readNames(data, "specialTokens", "special token"),
    tokens: listOf(data, "tokens").map(readToken),
    merges: listOf(data, "merges").map(readMerge),
    ...documentStart !== undefined && { documentStart },
    ...addsStart !== undefined && { addsStart },
    ...size !== undefined && { size },
    ...form !== undefined && { normalization: form },
    ..."ends" in data && { ends: listOf(data, "ends").map(readEnd) },
    ..."morePatterns" in data && { morePatterns: listOf(data, "morePatterns").map(readPattern) },
    ..."addedTokens" in data && { addedTokens: readNames(data, "addedTokens", "added token") },
  }, KIND);
}

function readEnd(id: unknown): number {
  return isTokenId(id) ? id : malformed(KIND, `wanted an id as an end, got ${showValue(id)}`);
}

function readPattern(pattern: unknown): string {
  if (typeof pattern === "string") return pattern;
  return malformed(KIND, `wanted a pattern, got ${showValue(pattern)}`);
}

function listOf(data: JsonObject, key: string): unknown[] {
  const list = data[key];
  return Array.isArray(list)
    ? list
    : malformed(KIND, `wanted a list of ${key}, got ${showValue(list)}`);
}

function readNames(data: JsonObject, key: string, kind: string): Map<string, number> {
  const names = data[key];
  if (!isObject(names)) return malformed(KIND, `wanted ${kind}s, got ${showValue(names)}`);
  return new Map(
    Object.entries(names).map(([name, id]) =>
      isTokenId(id)
        ? [name, id]
        : malformed(KIND, `wanted the id of ${kind} ${showValue(name)}, got ${showValue(id)}`)
    ),
  );
}

function readToken(token: unknown, id: number): Uint8Array | undefined {
  if (token === null) return undefined;
  const bytes = typeof token === "string" ? fromBase64(token) : null;
  return bytes ?? malformed(KIND, `wanted token ${id} as base64, got ${showValue(token)}`);
}

function readMerge(merge: unknown, rank: number): Merge {
  if (Array.isArray(merge) && merge.length === 2) {
    const [left, right]: unknown[] = merge;
    if (isTokenId(left) && isTokenId(right)) return [left, right];
  }
  return malformed(KIND, `wanted a pair of ids as merge ${rank}, got ${showValue(merge)}`);
}
