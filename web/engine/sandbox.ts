/// <reference lib="dom" />
/**
 * The reader's update rule, run where it can do no harm: in a worker of its own, out of which everything
 * that reaches the network, a store or the page is taken before the rule is there. It is stopped when it
 * does not come to an end.
 *
 * The page's policy forbids `eval`; the worker is made of text, and so is the rule.
 *
 * @module
 */

/** The names that a rule may use besides `w`, `g`, `m`, `v`, `t` and `lr`. */
export const RULE_FUNCTIONS = ["sqrt", "abs", "sign", "min", "max"] as const;

/** The milliseconds that a step may take, and that all of them may; before them the worker has to start. */
const STEP_PATIENCE = 1000, ALL_PATIENCE = 5000, START_PATIENCE = 20_000;

/** The input of the rule at a step: the weights, and their gradients. */
interface RuleStep {
  readonly weights: readonly number[];
  readonly gradients: readonly number[];
  /** From 1 on. */
  readonly t: number;
  readonly lr: number;
}

/** The answer of the worker: that it is there, new weights, or an error. */
type RuleAnswer =
  | { readonly isReady: true }
  | { readonly weights: readonly number[] }
  | { readonly error: string };

/** The part of a worker's scope that the rule needs, and the rule, which is appended to it. */
interface RuleScope {
  postMessage(answer: RuleAnswer): void;
  rule(...values: readonly unknown[]): unknown;
}

/** A rule that cannot be used: the message is for who wrote it. */
export class RuleError extends Error {
  override readonly name = "RuleError";
}

/**
 * Runs in the worker before the rule: keeps what it needs to hear and to answer, and takes all else away.
 * Its text is sent, so it may use nothing from outside of itself.
 */
function lockDown(): void {
  const scope = globalThis as typeof globalThis & RuleScope;
  const post = scope.postMessage.bind(scope);
  const { ownKeys, getPrototypeOf, deleteProperty } = Reflect;
  const { sqrt, abs, sign, min, max } = Math;
  const { isFinite } = Number, { isArray } = Array;
  const text = String;
  /** The numbers that the rule keeps between its steps, for each weight. */
  const memory: [number, number][] = [];
  scope.addEventListener("message", (event) => {
    const { weights, gradients, t, lr } = (event as MessageEvent<RuleStep>).data;
    try {
      const next: number[] = [];
      for (let i = 0; i < weights.length; i++) {
        const [m, v] = memory[i] ?? [0, 0];
        const told = scope.rule(weights[i], gradients[i], m, v, t, lr, sqrt, abs, sign, min, max);
        const [w, newM, newV] = isArray(told) ? told : [told];
        for (const [name, value] of [["w", w], ["m", newM], ["v", newV]]) {
          if (typeof value !== "number") {
            post({ error: `${name} is no number: ${typeof value}` });
            return;
          }
          if (!isFinite(value)) {
            post({ error: `${name} is ${value} at step ${t}` });
            return;
          }
        }
        next[i] = w;
        memory[i] = [newM, newV];
      }
      post({ weights: next });
    } catch (error) {
      post({ error: error instanceof Error ? error.message : text(error) });
    }
  });
  // Syntax reaches functions and arrays without a name: what makes more of them goes, too.
  const literals = [
    [],
    "",
    0,
    0n,
    true,
    /x/,
    {},
    () => {},
    async () => {},
    function* () {},
    async function* () {},
    Promise.resolve(),
    scope.Symbol(),
  ];
  for (const literal of literals) {
    for (let one = getPrototypeOf(Object(literal)); one !== null; one = getPrototypeOf(one)) {
      for (const name of ["constructor", "repeat", "padStart", "padEnd", "fill"]) {
        deleteProperty(one, name);
      }
    }
  }
  const kept = ["Math", "Number", "Error", "NaN", "Infinity", "undefined"];
  for (let one: object | null = scope; one !== null; one = getPrototypeOf(one)) {
    // Plain objects are without names of the browser.
    if (getPrototypeOf(one) === null) break;
    for (const name of ownKeys(one)) if (!kept.includes(name as string)) deleteProperty(one, name);
  }
  // Before the rule is read: from here on time counts.
  post({ isReady: true });
}

/** The text of the worker. */
function sourceOf(rule: string): string {
  const names = ["w", "g", "m", "v", "t", "lr", ...RULE_FUNCTIONS].join(", ");
  return `(${lockDown})();\nvar rule = function (${names}) { "use strict";\n${rule}\n;` +
    "return [w, m, v]; };";
}

/** A rule that is ready to be applied. */
export interface Rule {
  /** New weights. @throws {RuleError} If the rule throws, gives no numbers, or does not come to an end. */
  step(step: RuleStep): Promise<readonly number[]>;
  /** Ends its worker. */
  close(): void;
}

/**
 * Makes a rule of a line of JavaScript, which sets `w` by the gradient `g`, the step `t`, the learning rate
 * `lr` and two numbers that it may keep, `m` and `v`.
 *
 * @param words What is said of a rule that goes on for ever, and of one that wants to load code.
 * @throws {RuleError} If it is no JavaScript.
 */
export async function makeRule(
  rule: string,
  words: { readonly endless: string; readonly imports: string },
): Promise<Rule> {
  if (/\bimport\b/.test(rule)) throw new RuleError(words.imports);
  const address = URL.createObjectURL(new Blob([sourceOf(rule)]));
  const worker = new Worker(address);
  URL.revokeObjectURL(address);

  /** Sends a step, if there is one, and waits for an answer; without one in time the worker ends. */
  const ask = (step: RuleStep | null, patience: number) =>
    new Promise<RuleAnswer>((resolve, reject) => {
      const fail = (message: string) => {
        worker.terminate();
        reject(new RuleError(message));
      };
      const timer = setTimeout(() => fail(words.endless), patience);
      worker.onerror = (event) => {
        event.preventDefault();
        clearTimeout(timer);
        fail(event.message.replace(/^Uncaught /, ""));
      };
      worker.onmessage = ({ data }: MessageEvent<RuleAnswer>) => {
        clearTimeout(timer);
        if ("error" in data) fail(data.error);
        else resolve(data);
      };
      if (step !== null) worker.postMessage(step);
    });

  await ask(null, START_PATIENCE);
  const end = performance.now() + ALL_PATIENCE;
  return {
    step: async (step) => {
      const left = Math.min(STEP_PATIENCE, end - performance.now());
      const answer = await ask(step, Math.max(0, left));
      return "weights" in answer ? answer.weights : step.weights;
    },
    close: () => worker.terminate(),
  };
}
