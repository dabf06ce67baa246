/**
 * A variable with a separate value in each asynchronous task.
 *
 * Deno, Node and Bun track the current task: a value set before an `await` is there after it,
 * whatever other tasks did meanwhile. Browsers do not. There a value lasts until the next turn of
 * the event loop: no task ever sees another one's value.
 *
 * @module
 */

interface TaskStorage<T> {
  getStore(): T | undefined;
  enterWith(value: T): void;
}

interface Runtime {
  readonly process?: {
    getBuiltinModule?(
      name: "node:async_hooks",
    ): { readonly AsyncLocalStorage: new <T>() => TaskStorage<T> } | undefined;
  };
}

let turn = 0;
let isTurnOpen = false;

/** The number of the current stretch of synchronous code, which changes after every `await`. */
export function currentTurn(): number {
  if (!isTurnOpen) {
    isTurnOpen = true;
    // Queued before any later `await`: code after one finds the next turn.
    queueMicrotask(() => {
      isTurnOpen = false;
      turn++;
    });
  }
  return turn;
}

/**
 * A variable with a separate value in each asynchronous task.
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

  constructor() {
    const { process } = globalThis as Runtime;
    const hooks = process?.getBuiltinModule?.("node:async_hooks");
    this.#storage = hooks === undefined ? null : new hooks.AsyncLocalStorage<T>();
  }

  get(): T | null {
    if (this.#storage !== null) return this.#storage.getStore() ?? null;
    return this.#turn === turn ? this.#value : null;
  }

  set(value: T): void {
    if (this.#storage !== null) return this.#storage.enterWith(value);
    this.#value = value;
    this.#turn = currentTurn();
  }
}
