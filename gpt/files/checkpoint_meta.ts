/**
 * The description of a checkpoint: what `meta_000100.json` says.
 *
 * @module
 */

import { checkConfig, type GPTConfig } from "../model/config.ts";
import type { TrainingState } from "../train/run.ts";

/** Tells that a file is the one that it should be. */
export interface FileDigest {
  /** The size in bytes. */
  readonly bytes: number;
  /** The SHA-256 digest, in hexadecimal. */
  readonly sha256: string;
}

/** The parts of a checkpoint that have a file of their own. */
export type CheckpointPart = "model" | "optim" | "tokenizer";

/** What is known of a checkpoint before its other files are read. */
export interface CheckpointMeta {
  /** Says what the file is. */
  readonly format: "nanodino-checkpoint-1";
  /** When it was saved, in ISO 8601. */
  readonly savedAt: string;
  /** The shape of the model. */
  readonly modelConfig: GPTConfig;
  /** What the user asked for, by the names of the flags. */
  readonly settings: Readonly<Record<string, string | number | boolean | null>>;
  /** Where the run was. */
  readonly state: TrainingState;
  /** The other files; without `optim` the run cannot be resumed. */
  readonly files: Readonly<Record<"model" | "tokenizer", FileDigest>> & {
    readonly optim?: FileDigest;
  };
}

const FORMAT = "nanodino-checkpoint-1";

/**
 * Reads the description of a checkpoint, and believes nothing that it has not checked.
 *
 * @param text The content of the file.
 * @throws {SyntaxError} If it is not JSON, or something in it is missing or not what it should be.
 * @throws {RangeError} If no model of that shape can be built.
 *
 * @example
 * ```ts
 * import { parseMeta } from "./checkpoint_meta.ts";
 *
 * let message = "";
 * try {
 *   parseMeta('{"format": "nanodino-checkpoint-9"}');
 * } catch (error) {
 *   message = (error as Error).message;
 * }
 * if (!message.includes('wanted format "nanodino-checkpoint-1"')) throw new Error(message);
 * ```
 */
export function parseMeta(text: string): CheckpointMeta {
  const meta = asObject(parseJson(text), "an object");
  if (meta.format !== FORMAT) throw refused(`format "${FORMAT}"`, meta.format);
  const modelConfig = parseConfig(asObject(meta.modelConfig, "modelConfig as an object"));
  const files = asObject(meta.files, "files as an object");
  return {
    format: FORMAT,
    savedAt: asText(meta.savedAt, "savedAt"),
    modelConfig,
    settings: parseSettings(asObject(meta.settings, "settings as an object")),
    state: parseState(asObject(meta.state, "state as an object")),
    files: {
      model: parseDigest(files.model, "model"),
      tokenizer: parseDigest(files.tokenizer, "tokenizer"),
      ...(files.optim === undefined ? {} : { optim: parseDigest(files.optim, "optim") }),
    },
  };
}

type JsonObject = Record<string, unknown>;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refused("JSON", `${text.length} characters that are not`);
  }
}

function parseConfig(config: JsonObject): GPTConfig {
  const number = (name: string) => asNumber(config[name], `modelConfig.${name}`);
  const parsed = {
    sequenceLen: number("sequenceLen"),
    vocabSize: number("vocabSize"),
    nLayer: number("nLayer"),
    nHead: number("nHead"),
    nKvHead: number("nKvHead"),
    nEmbd: number("nEmbd"),
    windowPattern: asText(config.windowPattern, "modelConfig.windowPattern"),
  };
  checkConfig(parsed);
  return parsed;
}

function parseSettings(settings: JsonObject): CheckpointMeta["settings"] {
  const entries = Object.entries(settings).map(([name, value]) => {
    if (value === null) return [name, null] as const;
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      return [name, value] as const;
    }
    throw refused(`settings.${name} as a single value`, value);
  });
  return Object.fromEntries(entries);
}

function parseState(state: JsonObject): TrainingState {
  const number = (name: string) => asNumber(state[name], `state.${name}`);
  const numberOrNull = (name: string) => state[name] === null ? null : number(name);
  const step = number("step");
  if (!Number.isSafeInteger(step) || step < 0) {
    throw refused("state.step as a whole number from 0", step);
  }
  return {
    step,
    lossAverage: number("lossAverage"),
    seconds: number("seconds"),
    bitsPerByte: numberOrNull("bitsPerByte"),
    lowestBitsPerByte: numberOrNull("lowestBitsPerByte"),
    loader: state.loader,
    scaler: parseScaler(state.scaler),
  };
}

function parseScaler(value: unknown): TrainingState["scaler"] {
  // Absent from what was saved before losses could be scaled.
  if (value === null || value === undefined) return null;
  const scaler = asObject(value, "state.scaler as an object");
  return {
    scale: asNumber(scaler.scale, "state.scaler.scale"),
    growthTracker: asNumber(scaler.growthTracker, "state.scaler.growthTracker"),
  };
}

function parseDigest(value: unknown, part: CheckpointPart): FileDigest {
  const digest = asObject(value, `files.${part} as an object`);
  return {
    bytes: asNumber(digest.bytes, `files.${part}.bytes`),
    sha256: asText(digest.sha256, `files.${part}.sha256`),
  };
}

function asObject(value: unknown, wanted: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw refused(wanted, value);
}

function asNumber(value: unknown, name: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw refused(`${name} as a number`, value);
}

function asText(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw refused(`${name} as a text`, value);
}

function refused(wanted: string, got: unknown): SyntaxError {
  const shown = typeof got === "string" ? got : JSON.stringify(got) ?? "nothing";
  return new SyntaxError(`wanted ${wanted}, got ${shown.slice(0, 60)}`);
}
