/** Scopes: what was made inside is freed at the end, unless it is kept. @module */

import { HandleOwner } from "./storage.ts";
import { currentTurn, TaskVariable } from "./task_variable.ts";

/** So many tensors under no scope are no parameters: a loop leaves them behind. */
const MANY_TENSORS = 10_000;
/** So many are worth a word when memory runs out where no scope is open. */
const SOME_TENSORS = 100;

/** The open scopes of one device, and how many tensors are under none. */
export class Scopes {
  /** How many tensors are under no scope: they wait for `dispose`, or for the garbage collector. */
  outside = 0;
  readonly #name: string;
  #trail: TaskVariable<Trail> | null = null;
  /** The innermost of the scopes that end before the running function returns. */
  #brief: BriefScope | null = null;
  #hasWarned = false;

  /** Begins without a scope. `name` names the device in warnings. */
  constructor(name: string) {
    this.#name = name;
  }

  /** The innermost open scope of the running task. */
  get current(): Scope | null {
    return this.#brief ?? this.#goOn()?.scope ?? null;
  }

  /** Opens a scope inside the current one, for the running task. */
  open(): Scope {
    // Within a brief one there is no `await`.
    if (this.#brief !== null) return this.openBriefly();
    this.#trail ??= new TaskVariable();
    const scope = new TaskScope(this.#trail, inOpenScope(this.#trail.get()));
    this.#trail.set(new Trail(scope, currentTurn()));
    return scope;
  }

  /**
   * Opens a scope inside the current one that ends before the function that opens it returns, with no
   * `await` between. For operations: it is cheaper.
   */
  openBriefly(): Scope {
    const before = this.#brief;
    return this.#brief = new BriefScope(this.current, () => this.#brief = before);
  }

  /** The trail of the running task in the scope where it is. */
  #goOn(): Trail | null {
    const trail = inOpenScope(this.#trail?.get() ?? null);
    if (trail === null || trail.turn === currentTurn()) return trail;
    const next = trail.next();
    this.#trail!.set(next);
    return next;
  }

  /** Counts a tensor that is under no scope, and warns where there are too many. */
  countOutside(): void {
    if (++this.outside < MANY_TENSORS || this.#hasWarned) return;
    this.#hasWarned = true;
    console.warn(`nanodino: ${this.#advice}`);
  }

  /** What ends a message that memory has run out: advice where tensors outside of scopes may be why. */
  get advice(): string {
    return this.outside >= MANY_TENSORS || this.outside >= SOME_TENSORS && this.current === null
      ? `. ${this.#advice}`
      : "";
  }

  get #advice(): string {
    return `${this.outside} tensors of the ${this.#name} device are under no scope, and wait for the ` +
      "garbage collector. If a loop makes them, open a scope in each round: " +
      "`using _ = device.scope()`.";
  }
}

/**
 * Frees the tensors that are made while it is open, at its end.
 *
 * Open one with `using _ = device.scope()`. Parameters, their gradients and the state of an optimizer
 * outlive it, and so does a tensor on which `tensor.keep()` was called.
 *
 * A scope belongs to the task that opened it. It may last over an `await`: other tasks that use the
 * device meanwhile, with scopes of their own or without, lose nothing when it ends.
 *
 * - In Deno, Node and Bun it takes in what its task makes before and after each `await`.
 * - A browser does not say which task goes on after an `await`. What is made then is under no scope: it
 *   is freed later, by the garbage collector. Open another scope after the `await`. And let each task
 *   open one: what goes on without, in the very instant in which another task opens one, is taken for that.
 * - A task that was begun inside a scope without waiting for it is inside as well, unless it opens a scope
 *   of its own. A scope in which several tasks have gone on frees nothing at its end, but leaves all it
 *   holds to the garbage collector.
 *
 * @example Two tasks on one device
 * ```ts
 * import { openDevice, Tensor } from "./mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * async function task(value: number): Promise<number> {
 *   using _ = device.scope();
 *   const x = Tensor.full(device, [2], value);
 *   await new Promise((resolve) => setTimeout(resolve, value));
 *   return await x.sum().item();
 * }
 * const sums = await Promise.all([task(5), task(3)]);
 * if (sums.join() !== "10,6") throw new Error(`expected 10 and 6, got ${sums}`);
 * await device.close();
 * ```
 */
export abstract class Scope extends HandleOwner implements Disposable {
  /**
   * Passes a tensor on to the scope around this one, as a function passes on its result.
   *
   * @returns The same tensor.
   */
  keep<T extends { moveTo(scope: Scope | null): void }>(tensor: T): T {
    tensor.moveTo(this.around());
    return tensor;
  }

  /** The open scope around this one, if there is one. */
  protected abstract around(): Scope | null;

  /** Ends the scope: frees everything that was not kept. */
  abstract [Symbol.dispose](): void;
}

/** A scope that ends before the function that opened it returns. */
class BriefScope extends Scope {
  readonly #around: Scope | null;
  readonly #close: () => void;

  constructor(around: Scope | null, close: () => void) {
    super();
    this.#around = around;
    this.#close = close;
  }

  protected override around(): Scope | null {
    return this.#around;
  }

  override [Symbol.dispose](): void {
    this.#close();
    this.releaseAll();
  }
}

/** A scope of a task. */
class TaskScope extends Scope {
  isOpen = true;
  /** Whether more than one task has gone on in it. */
  isShared = false;
  /** The trail that was made last. */
  last: Trail | null = null;
  /** Where its task goes on when it has ended. */
  outer: Trail | null;
  readonly #trail: TaskVariable<Trail>;

  constructor(trail: TaskVariable<Trail>, outer: Trail | null) {
    super();
    this.#trail = trail;
    this.outer = outer;
  }

  /** The trail of the running task here; `null` if it is not in this scope. */
  #ownTrail(): Trail | null {
    let trail = this.#trail.get();
    while (trail !== null && trail.scope !== this) trail = trail.scope.outer;
    return trail;
  }

  protected override around(): Scope | null {
    // Without a trail it is not known whether the scope around is of the same task.
    const outer = this.#ownTrail() && inOpenScope(this.outer);
    if (outer === null) return null;
    // Another task that is in there will show with a trail that is not the last one.
    this.outer = outer.next();
    return outer.scope;
  }

  override [Symbol.dispose](): void {
    if (!this.isOpen) return;
    const trail = this.#ownTrail();
    this.isOpen = false;
    if (this.isShared || trail !== null && trail !== this.last) this.abandonAll();
    else this.releaseAll();
  }
}

/**
 * How far a task has come in a scope: another one in each turn.
 *
 * A task begins with the trail of the one that began it. So two may have the same: that which opened the
 * scope, and another that its caller began while it waited. Whichever goes on second shows with a trail
 * that is not the last one.
 */
class Trail {
  readonly scope: TaskScope;
  readonly turn: number;

  constructor(scope: TaskScope, turn: number) {
    this.scope = scope;
    this.turn = turn;
    scope.last = this;
  }

  /** The trail of the same task in the present turn. */
  next(): Trail {
    if (this.scope.last !== this) this.scope.isShared = true;
    return new Trail(this.scope, currentTurn());
  }
}

/** The trail in the innermost scope of these that is still open. */
function inOpenScope(trail: Trail | null): Trail | null {
  while (trail !== null && !trail.scope.isOpen) trail = trail.scope.outer;
  return trail;
}
