/**
 * Data sets by name: nanochat's, and those in this project's packages.
 *
 * Each is pinned, so that everybody gets the same data: data sets of the hub to a commit, npm
 * packages to a version, the CORE bundle to its digest. The commits and the digest come from other
 * projects that have published them, several for each; the hub itself was not asked.
 *
 * Sizes are approximate and those of the compressed files. Licenses are the ones that the pages of
 * the data sets state; read these before you publish what you trained.
 *
 * @module
 */

import { SOTU_PACKAGE, WORDNET_PACKAGE } from "../deps.ts";

/** The use of a data set. */
export type DataKind = "text" | "conversations" | "questions" | "examinations";

/** A data set with a name. */
export interface CatalogEntry {
  /** The use. */
  readonly kind: DataKind;
  /** A description in a few words. */
  readonly about: string;
  /** The addresses, by part: `all` for text, the splits of other data. */
  readonly parts: Readonly<Record<string, string>>;
  /** Approximate size of all its files in bytes. */
  readonly bytes: number;
  /** The license, by its SPDX identifier if it has one. */
  readonly license: string;
  /** The SHA-256 digest of its file, if no commit or version pins it. */
  readonly sha256?: string;
  /** Number of files to get by default, besides the last one. @default {all} */
  readonly files?: number;
  /** The columns, or fields, of its rows. */
  readonly columns: readonly string[];
}

/** The splits of a data set, by the names of their files. */
function splits(
  repository: string,
  folder: string,
  names: readonly string[],
  commit: string,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    names.map((split) => [split, `hf:${repository}/${folder}/${split}-*.parquet@${commit}`]),
  );
}

/** The commit of a repository that two names are taken from. */
const ARC = "210d026faf9955653af8916fad021475a3f00453";

/** The name of a data set. */
export type DataName =
  | "climbmix"
  | "tinystories"
  | "sotu"
  | "wordnet"
  | "smoltalk"
  | "mmlu"
  | "gsm8k"
  | "arc-easy"
  | "arc-challenge"
  | "humaneval"
  | "core";

/** The data sets that have a name. */
export const catalog: Readonly<Record<DataName, CatalogEntry>> = {
  climbmix: {
    kind: "text",
    about: "nanochat's pretraining text: 6,543 shards of the web, well mixed",
    parts: {
      all: "hf:karpathy/climbmix-400b-shuffle/*.parquet@915333b4f8b8684f39aeaafea600fea6f43fb703",
    },
    bytes: 6543 * 1e8,
    // As nanochat's runs/runcpu.sh.
    files: 8,
    license: "CC-BY-NC-4.0",
    columns: ["text"],
  },
  tinystories: {
    kind: "text",
    about: "short stories in the words of small children",
    parts: {
      all: "hf:roneneldan/TinyStories/data/*.parquet@f54c09fd23315a6f9c86f9dc80f725de7d8f9c64",
    },
    bytes: 1e9,
    license: "CDLA-Sharing-1.0",
    columns: ["text"],
  },
  sotu: {
    kind: "text",
    about: "State of the Union addresses, 1790 to 2021",
    parts: { all: `${SOTU_PACKAGE}/data/*.json` },
    bytes: 1e7,
    license: "Apache-2.0, data in the public domain",
    columns: ["text"],
  },
  wordnet: {
    kind: "text",
    about: "definitions of words",
    parts: { all: `${WORDNET_PACKAGE}/dict/data.*` },
    bytes: 3.4e7,
    license: "WordNet-3.0",
    columns: ["text"],
  },
  smoltalk: {
    kind: "conversations",
    about: "460,000 conversations, and 24,000 to measure with",
    parts: splits(
      "HuggingFaceTB/smol-smoltalk",
      "data",
      ["train", "test"],
      "f73fe857d519ff6ac5af2ea67c4d3834da7b8bcc",
    ),
    bytes: 1e9,
    license: "Apache-2.0",
    columns: ["messages"],
  },
  mmlu: {
    kind: "questions",
    about: "multiple choice from 57 subjects",
    parts: splits(
      "cais/mmlu",
      "all",
      ["auxiliary_train", "test"],
      "c30699e8356da336a370243923dbaf21066bb9fe",
    ),
    bytes: 5.1e7,
    license: "MIT",
    columns: ["question", "choices", "answer", "subject"],
  },
  gsm8k: {
    kind: "questions",
    about: "problems of grade-school arithmetic",
    parts: splits(
      "openai/gsm8k",
      "main",
      ["train", "test"],
      "740312add88f781978c0658806c59bc2815b9866",
    ),
    bytes: 2.7e6,
    license: "MIT",
    columns: ["question", "answer"],
  },
  "arc-easy": {
    kind: "questions",
    about: "multiple choice from lessons of science",
    parts: splits("allenai/ai2_arc", "ARC-Easy", ["train", "test"], ARC),
    bytes: 7e5,
    license: "CC-BY-SA-4.0",
    columns: ["question", "choices", "answerKey"],
  },
  "arc-challenge": {
    kind: "questions",
    about: "the harder ones of them",
    parts: splits("allenai/ai2_arc", "ARC-Challenge", ["train", "test"], ARC),
    bytes: 4e5,
    license: "CC-BY-SA-4.0",
    columns: ["question", "choices", "answerKey"],
  },
  humaneval: {
    kind: "questions",
    about: "programs to write in Python",
    parts: splits(
      "openai/openai_humaneval",
      "openai_humaneval",
      ["test"],
      "7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544",
    ),
    bytes: 8.4e4,
    license: "MIT",
    columns: ["prompt", "canonical_solution", "test", "entry_point"],
  },
  core: {
    kind: "examinations",
    about: "the 22 tasks of the CORE metric",
    parts: { all: "https://karpathy-public.s3.us-west-2.amazonaws.com/eval_bundle.zip" },
    sha256: "90a7c19e28ee7a52b4f6e1f87658deb9fde7f63deba2379045bdb1fe9ea5d200",
    bytes: 2.5e7,
    license: "those of its tasks",
    columns: [],
  },
};

/** Whether a word is the name of a data set. */
export function isDataName(word: string): word is DataName {
  return Object.hasOwn(catalog, word);
}

/**
 * The addresses of a name, or an address itself.
 *
 * @param part Only this part, such as `test`.
 *
 * @example
 * ```ts
 * import { addressesOf } from "./catalog.ts";
 *
 * const [address] = addressesOf("gsm8k", "test");
 * if (!address?.startsWith("hf:openai/gsm8k/main/test-*.parquet@")) throw new Error(address);
 * ```
 */
export function addressesOf(place: string, part?: string): string[] {
  if (!isDataName(place)) return [place];
  return Object.entries(catalog[place].parts)
    .flatMap(([name, address]) => part === undefined || name === part ? [address] : []);
}
