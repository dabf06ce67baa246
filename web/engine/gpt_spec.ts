/** What a run of section 10 is: its text, its model, how it is trained. @module */

/** The texts that are made by rule. */
export const textTasks = ["sort", "reverse", "add", "parentheses", "names"] as const;
/** The name of a text; `own` is the reader's. */
export type TextTask = typeof textTasks[number] | "own";

export interface GptSpec {
  readonly task: TextTask;
  /** The reader's text, for the task `own`. */
  readonly own: string;
  /** Tokens that are merged from bytes; 0 for a token a byte. */
  readonly merges: number;
  readonly depth: number;
  /** Width of the residual stream. */
  readonly width: number;
  /** Attention heads of each layer. */
  readonly heads: number;
  /** Context length, in tokens. */
  readonly context: number;
  readonly seed: number;
  /** What updates the parameters: nanochat's mix of Muon and AdamW, or one of the others alone. */
  readonly optimizer: "muon" | "adamw" | "sgd";
  /** The learning rate, as a multiple of one that works. */
  readonly rate: number;
  /** How the learning rate changes over the run. */
  readonly schedule: "trapezoid" | "cosine" | "constant";
  /** The number of steps. */
  readonly steps: number;
}

/** The largest numbers that the page lets a reader choose. */
export const MOST = { merges: 512, depth: 4, width: 128, context: 128, seed: 20, steps: 2000 };

type Check = readonly [wanted: string, isFine: (value: unknown) => boolean];

const oneOf = (...words: readonly unknown[]): Check => [
  `one of ${words.join(", ")}`,
  (value) => words.includes(value),
];

const whole = (least: number, most: number): Check => [
  `a whole number from ${least} to ${most}`,
  (value) => Number.isInteger(value) && Number(value) >= least && Number(value) <= most,
];

const checks: Readonly<Record<Exclude<keyof GptSpec, "own">, Check>> = {
  task: oneOf(...textTasks, "own"),
  merges: whole(0, MOST.merges),
  depth: whole(1, MOST.depth),
  width: whole(1, MOST.width),
  heads: whole(1, MOST.width),
  context: whole(1, MOST.context),
  seed: whole(0, MOST.seed),
  optimizer: oneOf("muon", "adamw", "sgd"),
  rate: ["a number above 0", (value) => typeof value === "number" && value > 0],
  schedule: oneOf("trapezoid", "cosine", "constant"),
  steps: whole(1, MOST.steps),
};

/**
 * The run that a checkpoint belongs to, by the settings in it.
 *
 * @param own The reader's text, which is not in them.
 * @throws {Error} If they are not those of a run that the page can start.
 */
export function specOf(settings: Readonly<Record<string, unknown>>, own: string): GptSpec {
  for (const [name, [wanted, isFine]] of Object.entries(checks)) {
    if (isFine(settings[name])) continue;
    throw new Error(
      `Cannot go on with this model: wanted ${wanted} as "${name}", got ` +
        `${JSON.stringify(settings[name]) ?? "none"}; start another run`,
    );
  }
  return { ...settings, own } as GptSpec;
}
