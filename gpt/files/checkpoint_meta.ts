/**
 * Checkpoint metadata: the content of `meta_000100.json`. Its last line is the digest of the file
 * without that line. Files without a digest are accepted, whether they are older or were edited by
 * hand.
 *
 * @module
 */

import type { ModelConfig } from "../generate/language_model.ts";
import { checkConfig } from "../model/config.ts";
import type { TrainingState } from "../train/run.ts";

/** Identifies the content of a file. */
export interface FileDigest {
  /** Size in bytes. */
  readonly bytes: number;
  /** SHA-256 in hexadecimal. */
  readonly sha256: string;
}

/** The parts of a checkpoint with files of their own. */
export type CheckpointPart = "model" | "optim" | "tokenizer";

/** The name of a file of a checkpoint. */
export function checkpointFileName(part: CheckpointPart | "meta", step: number): string {
  const extension = part === "model" || part === "optim" ? "safetensors" : "json";
  return `${part}_${`${step}`.padStart(6, "0")}.${extension}`;
}

/** Metadata of a checkpoint. */
export interface CheckpointMeta {
  /** File format. */
  readonly format: "nanodino-checkpoint-1";
  /** Time of saving, in ISO 8601. */
  readonly savedAt: string;
  /** The name of the model's architecture; absent for nanochat's. */
  readonly architecture?: string;
  /** The model's shape, as its architecture describes it. */
  readonly modelConfig: ModelConfig;
  /** Number of parameters; absent from older files of nanochat models. */
  readonly parameters?: number;
  /** The template of the model's conversations, in Jinja; absent where it has nanochat's, or none. */
  readonly chatTemplate?: string;
  /** The user's settings, by flag. */
  readonly settings: Readonly<Record<string, string | number | boolean | null>>;
  /** The state of the run. */
  readonly state: TrainingState;
  /** The length of the run in steps; `null` in files of versions that did not save it. */
  readonly steps: number | null;
  /** The other files; without `optim`, the run cannot be resumed. */
  readonly files: Readonly<Record<"model" | "tokenizer", FileDigest>> & {
    readonly optim?: FileDigest;
  };
}

const FORMAT = "nanodino-checkpoint-1";

/** Computes the size and the digest of a file's content. */
export async function digestOf(bytes: Uint8Array): Promise<FileDigest> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  // `Uint8Array.toHex`, which Node lacks.
  const digits = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0"));
  return { bytes: bytes.length, sha256: digits.join("") };
}

/** Formats metadata as JSON, with its digest in the last line. */
export async function formatMeta(meta: CheckpointMeta): Promise<string> {
  const json = JSON.stringify(meta, null, 2);
  const { sha256 } = await digestOf(new TextEncoder().encode(json));
  return `${json.slice(0, -"\n}".length)},\n  "sha256": "${sha256}"\n}`;
}

/**
 * Parses and validates checkpoint metadata; treats the input as untrusted.
 *
 * @throws {SyntaxError} If it does not match its digest, is not JSON, or a member is missing,
 * unknown or of the wrong type.
 * @throws {RangeError} If no model of that shape can be built.
 *
 * @example
 * ```ts
 * import { parseMeta } from "./checkpoint_meta.ts";
 *
 * let message = "";
 * try {
 *   await parseMeta(new TextEncoder().encode('{"format": "nanodino-checkpoint-9"}'));
 * } catch (error) {
 *   message = (error as Error).message;
 * }
 * if (!message.includes('wanted format "nanodino-checkpoint-1"')) throw new Error(message);
 * ```
 */
export async function parseMeta(bytes: Uint8Array): Promise<CheckpointMeta> {
  const text = decodeText(bytes);
  const isChecked = await checkDigest(text);
  const meta = asObject(parseJson(text), "an object");
  if (meta.format !== FORMAT) throw refused(`format "${FORMAT}"`, meta.format);
  if (meta.sha256 !== undefined && !isChecked) {
    throw refused("sha256 in the last line", "it before");
  }
  const config = asObject(meta.modelConfig, "modelConfig as an object");
  const { architecture, parameters } = meta;
  const files = asObject(meta.files, "files as an object");
  checkNames(files, "files.", ["model", "tokenizer", "optim"]);
  const parsed: CheckpointMeta = {
    format: FORMAT,
    savedAt: asText(meta.savedAt, "savedAt"),
    ...(architecture === undefined ? { modelConfig: parseGPTConfig(config) } : {
      architecture: asText(architecture, "architecture"),
      modelConfig: parseConfig(config),
    }),
    ...(parameters === undefined && architecture === undefined
      ? {}
      : { parameters: asCount(parameters, "parameters") }),
    ...(meta.chatTemplate === undefined
      ? {}
      : { chatTemplate: asText(meta.chatTemplate, "chatTemplate") }),
    settings: parseSettings(asObject(meta.settings, "settings as an object")),
    state: parseState(asObject(meta.state, "state as an object")),
    steps: parseSteps(meta.steps),
    files: {
      model: parseDigest(files.model, "model"),
      tokenizer: parseDigest(files.tokenizer, "tokenizer"),
      ...(files.optim === undefined ? {} : { optim: parseDigest(files.optim, "optim") }),
    },
  };
  checkNames(meta, "", [...Object.keys(parsed), "sha256"]);
  return parsed;
}

type JsonObject = Record<string, unknown>;

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refused("text in UTF-8", `${bytes.length} bytes that are not`);
  }
}

/** Verifies the digest; `false` if there is none. */
async function checkDigest(text: string): Promise<boolean> {
  const [, body, wanted] = /^([^]*),\n {2}"sha256": "([0-9a-f]{64})"\n}$/.exec(text) ?? [];
  if (body === undefined || wanted === undefined) return false;
  const { sha256 } = await digestOf(new TextEncoder().encode(`${body}\n}`));
  if (sha256 !== wanted) throw new SyntaxError(changedMessage(wanted, sha256));
  return true;
}

/**
 * Compares a file with its digest.
 *
 * @throws {Error} If it is another one; the message names it.
 */
export async function checkFile(
  path: string,
  bytes: Uint8Array,
  wanted: FileDigest,
): Promise<void> {
  if (bytes.length !== wanted.bytes) {
    throw new Error(`Cannot read ${path}: wanted ${wanted.bytes} bytes, got ${bytes.length}`);
  }
  const { sha256 } = await digestOf(bytes);
  if (sha256 !== wanted.sha256) {
    throw new Error(`Cannot read ${path}: ${changedMessage(wanted.sha256, sha256)}`);
  }
}

function changedMessage(wanted: string, got: string): string {
  return `wanted the content with digest ${wanted.slice(0, 12)}…, got ${got.slice(0, 12)}…; ` +
    `the file was changed since it was saved`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refused("JSON", `${cause}`.replace(/\s+/g, " "));
  }
}

/** A misspelled name would otherwise leave its member at the default. */
function checkNames(object: JsonObject, where: string, known: readonly string[]): void {
  const unknown = Object.keys(object).find((name) => !known.includes(name));
  if (unknown !== undefined) throw refused(`only ${known.join(", ")}`, `${where}${unknown}`);
}

/** The config of any architecture, which checks the rest when a model is built. */
function parseConfig(config: JsonObject): ModelConfig {
  return {
    ...config,
    vocabSize: asCount(config.vocabSize, "modelConfig.vocabSize"),
    sequenceLen: asCount(config.sequenceLen, "modelConfig.sequenceLen"),
  };
}

function parseGPTConfig(config: JsonObject): ModelConfig {
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
  checkNames(config, "modelConfig.", Object.keys(parsed));
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
  const parsed = {
    step,
    smoothLoss: parseSmoothLoss(state, step),
    seconds: number("seconds"),
    bitsPerByte: numberOrNull("bitsPerByte"),
    lowestBitsPerByte: numberOrNull("lowestBitsPerByte"),
    loader: state.loader,
    scaler: parseScaler(state.scaler),
  };
  checkNames(state, "state.", [...Object.keys(parsed), "lossAverage", "smoothing"]);
  return parsed;
}

/** Older files have an average and the sum of its weights, or the average alone. */
function parseSmoothLoss(state: JsonObject, step: number): number {
  if (state.smoothLoss !== undefined) return asNumber(state.smoothLoss, "state.smoothLoss");
  const { average = state.lossAverage, weight = 1 - 0.9 ** step } = asObject(
    state.smoothing ?? {},
    "state.smoothing as an object",
  );
  if (step === 0) return 0;
  return asNumber(average, "state.lossAverage") / asNumber(weight, "state.smoothing.weight");
}

function parseSteps(value: unknown): number | null {
  // Absent from files that predate it.
  if (value === null || value === undefined) return null;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw refused("steps as a whole number from 0", value);
}

function parseScaler(value: unknown): TrainingState["scaler"] {
  // Absent from files that predate loss scaling.
  if (value === null || value === undefined) return null;
  const scaler = asObject(value, "state.scaler as an object");
  checkNames(scaler, "state.scaler.", ["scale", "growthTracker"]);
  return {
    scale: asNumber(scaler.scale, "state.scaler.scale"),
    growthTracker: asNumber(scaler.growthTracker, "state.scaler.growthTracker"),
  };
}

function parseDigest(value: unknown, part: CheckpointPart): FileDigest {
  const digest = asObject(value, `files.${part} as an object`);
  checkNames(digest, `files.${part}.`, ["bytes", "sha256"]);
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

function asCount(value: unknown, name: string): number {
  const number = asNumber(value, name);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw refused(`${name} as a whole number from 1`, value);
}

function asText(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw refused(`${name} as a text`, value);
}

function refused(wanted: string, got: unknown): SyntaxError {
  const shown = typeof got === "string" ? got : JSON.stringify(got) ?? "nothing";
  return new SyntaxError(`wanted ${wanted}, got ${shown.slice(0, 100)}`);
}
