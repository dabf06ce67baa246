/** The settings of a run of the page's GPT: its text, its model, its training. @module */

/** The synthetic texts. */
export const textTasks = ["sort", "reverse", "add", "parentheses", "names", "animals"] as const;
/** The name of a text: stories and the reader's own come with the run, the others are made by it. */
export type TextTask = typeof textTasks[number] | "stories" | "own";

/** The values of each choice. */
const choices = {
  task: [...textTasks, "stories", "own"],
  /** The optimizer: nanochat's mix of Muon and AdamW, or one of the others alone. */
  optimizer: ["muon", "adamw", "sgd"],
  /** How the learning rate changes over the run. */
  schedule: ["trapezoid", "cosine", "constant"],
} as const;

/** The whole numbers, and the range of each. */
export const RANGES = {
  /** Tokens that are merged from bytes; 0 for a token a byte. */
  merges: [0, 512],
  depth: [1, 4],
  /** Width of the residual stream. */
  width: [1, 256],
  /** Attention heads of each layer. */
  heads: [1, 128],
  /** Context length, in tokens. */
  context: [1, 256],
  seed: [0, 20],
  /** The number of steps. */
  steps: [1, 2000],
} as const;

/** A run. */
export type GptSpec =
  & { readonly [Name in keyof typeof choices]: typeof choices[Name][number] }
  & { readonly [Name in keyof typeof RANGES]: number }
  & {
    /** The text of the tasks `stories` and `own`. */
    readonly own: string;
    /** The learning rate, as a multiple of one that works. */
    readonly rate: number;
  };

/**
 * The run that reads: a GPT of the page on facts about animals and sums. With other seeds it may take a
 * third more steps until its fine-tuned model copies every number into the calculator.
 */
export const readingSpec: GptSpec = {
  task: "animals",
  own: "",
  merges: 256,
  depth: 2,
  width: 64,
  heads: 2,
  context: 64,
  optimizer: "muon",
  rate: 1,
  schedule: "trapezoid",
  seed: 2,
  steps: 400,
};

/**
 * The run that a checkpoint belongs to, by the settings in it.
 *
 * @param own The text of `stories` or `own`, which is not in them.
 * @throws {Error} If they are not those of a run that the page can start.
 */
export function specOf(settings: Readonly<Record<string, unknown>>, own: string): GptSpec {
  const check = (name: string, wanted: string, isFine: (value: unknown) => boolean) => {
    const value = settings[name];
    if (isFine(value)) return;
    throw new Error(
      `Cannot go on with this model: wanted ${wanted} as "${name}", got ` +
        `${JSON.stringify(value) ?? "none"}; start another run`,
    );
  };
  for (const [name, words] of Object.entries<readonly unknown[]>(choices)) {
    check(name, `one of ${words.join(", ")}`, (value) => words.includes(value));
  }
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const isFine = (value: unknown) =>
      Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
    check(name, `a whole number from ${least} to ${most}`, isFine);
  }
  check("rate", "a number above 0", (value) => typeof value === "number" && value > 0);
  return { ...settings, own } as GptSpec;
}
