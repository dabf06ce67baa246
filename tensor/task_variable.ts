/**
 * A variable of which each asynchronous task has its own value.
 *
 * Deno, Node and Bun know which task runs: a value set before an `await` is there after it, whatever
 * other tasks did meanwhile. A browser does not tell. There the value holds until the event loop has
 * its turn, and is gone afterwards: no task ever sees the value of another one.
 *
 * @module
 */

/** The part of `AsyncLocalStorage` of `node:async_hooks` that is used. */
interface TaskStorage<T> {
  getStore(): T | undefined;
  enterWith(value: T): void;
}

/** What runtimes for servers know their own modules by. A browser has no such thing. */
interface Runtime {
  readonly process?: {
    getBuiltinModule?(
      name: "node:async_hooks",
    ): { readonly AsyncLocalStorage: new <T>() => TaskStorage<T> } | undefined;
  };
}

let turn = 0;
let isTurnOpen = false;

/**
 * The number of the stretch of synchronous code that runs. It is another one after every `await`.
 *
 * @example
 * ```ts
 * import { currentTurn } from "./task_variable.ts";
 *
 * const before = currentTurn();
 * if (currentTurn() !== before) throw new Error("expected one turn of synchronous code");
 * await null;
 * if (currentTurn() === before) throw new Error("expected another turn");
 * ```
 */
export function currentTurn(): number {
  if (!isTurnOpen) {
    isTurnOpen = true;
    // Queued before any `await` that follows: whoever goes on after one finds the next turn.
    queueMicrotask(() => {
      isTurnOpen = false;
      turn++;
    });
  }
  return turn;
}

/**
 * A variable of which each asynchronous task has its own value.
 *
 * @example
 * ```ts
 * import { TaskVariable } from "./task_variable.ts";
 *
 * const name = new TaskVariable<string>();
 * async function task(own: string): Promise<string | null> {
 *   name.set(own);
 *   await null;
 *   return name.get();
 * }
 * const [a, b] = await Promise.all([task("a"), task("b")]);
 * // In a browser both are null.
 * if (a === "b" || b === "a") throw new Error("expected no task to see the value of the other");
 * ```
 */
export class TaskVariable<T> {
  readonly #storage: TaskStorage<T> | null;
  #value: T | null = null;
  #turn = -1;

  /** Makes a variable without a value. */
  constructor() {
    const { process } = globalThis as Runtime;
    const hooks = process?.getBuiltinModule?.("node:async_hooks");
    this.#storage = hooks === undefined ? null : new hooks.AsyncLocalStorage<T>();
  }

  /** The value that this task has set, or the task that began it. */
  get(): T | null {
    if (this.#storage !== null) return this.#storage.getStore() ?? null;
    return this.#turn === turn ? this.#value : null;
  }

  /** Sets the value of this task. */
  set(value: T): void {
    if (this.#storage !== null) return this.#storage.enterWith(value);
    this.#value = value;
    this.#turn = currentTurn();
  }
}
