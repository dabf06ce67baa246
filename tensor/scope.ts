/**
 * Scopes: tensors created inside are freed at the end, unless kept.
 *
 * A tensor that is created asks which scope it belongs to. While code runs without `await`, that is
 * the scope that was opened last. After an `await` it is not: other tasks may have run, and opened or
 * ended scopes of their own. These are the three cases, from simple to hard.
 *
 * **1. Synchronous.** Operations open a scope for their intermediate results with `openSync`. It ends
 * before the function returns, so a variable with the innermost one is enough:
 *
 *     y = softmax(x)            openSync ─ max, exp, sum ─ keep(y) ─ end: frees max, exp, sum
 *
 * **2. A task with `await`.** `using _ = device.scope()` may span one. Each stretch of code between two
 * awaits is a *turn*. A task finds its scope again through an `AsyncLocalStorage`, whose value follows
 * the task through its awaits. The value is a *trail*: the scope, and the turn in which the task was
 * last seen in it. For two tasks A and B on one device:
 *
 *     turn      1               2               3            4
 *     A         open a, x       (awaits)        y: in a      end a: frees x, y
 *     B                         open b, z       (awaits)     …
 *     latest trail of a:  (a,1)                 (a,3)
 *
 * In turn 3 the storage gives A its trail (a,1). That is from another turn, so A leaves a new one,
 * (a,3), which becomes the latest of a. `y` belongs to a, although B opened b in between.
 *
 * **3. A task that is started and not awaited.** It inherits the trail of the task that started it, so
 * two tasks have the same one. The first of them that continues leaves a new trail; the second shows up
 * with one that is not the latest any more, which tells that the scope is shared:
 *
 *     turn      1                       2                 3
 *     A         open a, start C         x: leaves (a,2)
 *     C         inherits (a,1)                            y: has (a,1), the latest is (a,2): shared
 *
 * A shared scope frees nothing at its end, since C may still use what A made; the garbage collector
 * does it later. A generator is a part of the task that calls `next`: what it creates belongs to that
 * task's scope.
 *
 * A browser has no `AsyncLocalStorage`. There a trail is forgotten at the end of its turn, so case 2
 * becomes: what is created after an `await` is in no scope.
 *
 * @module
 */

import { HandleOwner } from "./storage.ts";

/** This many tensors outside of scopes are not parameters: a loop leaves them behind. */
const MANY_TENSORS = 10_000;
/** Minimum number of tensors outside of scopes for advice when memory runs out. */
const SOME_TENSORS = 100;

/** The open scopes of one device, and the number of tensors outside of them. */
export class Scopes {
  /** Number of tensors outside of scopes: they wait for `dispose` or the garbage collector. */
  outside = 0;
  readonly #name: string;
  #trails: Trails | null = null;
  /** The innermost scope that ends before the current function returns. */
  #sync: Scope | null = null;
  #hasWarned = false;

  /** Without any scope. @param name The device's name in warnings. */
  constructor(name: string) {
    this.#name = name;
  }

  /** The innermost open scope of the current task. */
  get current(): Scope | null {
    if (this.#sync !== null || this.#trails === null) return this.#sync;
    const trail = this.#trails.getStore();
    // The usual case: every tensor asks.
    if (trail?.scope.isOpen && trail.turn === currentTurn()) return trail.scope;
    return this.#advance(trail)?.scope ?? null;
  }

  /** Opens a scope inside the current one, for the current task. */
  open(): Scope {
    // There is no `await` within a synchronous scope.
    if (this.#sync !== null) return this.openSync();
    this.#trails ??= makeTrails();
    const scope = new TaskScope(this.#trails, inOpenScope(this.#trails.getStore()));
    this.#trails.enterWith(new Trail(scope));
    return scope;
  }

  /**
   * Opens a scope that ends before its function returns, without an `await` in between: cheaper,
   * for operations.
   */
  openSync(): Scope {
    const before = this.#sync;
    return this.#sync = new SyncScope(this.current, () => this.#sync = before);
  }

  /** Gives the current task a trail for this turn, in its innermost open scope. */
  #advance(last: Trail | undefined): Trail | undefined {
    const trail = inOpenScope(last);
    if (trail === undefined || trail.turn === currentTurn()) return trail;
    const next = trail.next();
    this.#trails!.enterWith(next);
    return next;
  }

  /** Counts a tensor outside of scopes, and warns if there are too many. */
  countOutside(): void {
    if (++this.outside < MANY_TENSORS || this.#hasWarned) return;
    this.#hasWarned = true;
    console.warn(`nanodino: ${this.#advice}`);
  }

  /** The end of an out-of-memory message: advice if tensors outside of scopes may be the cause. */
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
 * Frees the tensors created while it is open, at its end.
 *
 * Open one with `using _ = device.scope()`. Parameters, their gradients, optimizer state, and
 * tensors on which `tensor.keep()` was called outlive it.
 *
 * A scope belongs to the task that opened it. It may span an `await`: other tasks on the same
 * device, with or without scopes, lose nothing when it ends.
 *
 * - In Deno, Node and Bun it contains what its task creates before and after each `await`.
 * - A browser does not tell which task continues after an `await`. Tensors created then are outside
 *   of scopes and are freed later, by the garbage collector. Open another scope after the `await`,
 *   and let each task open one: a task without a scope that continues in the instant in which
 *   another opens one is mistaken for that task.
 * - A task started inside a scope without being awaited is inside as well, unless it opens a scope
 *   of its own. A scope shared by several tasks frees nothing at its end, and leaves all it holds
 *   to the garbage collector.
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
  /** Moves a tensor to the enclosing scope, as a function returns its result. */
  keep<T extends { moveTo(scope: Scope | null): void }>(tensor: T): T {
    tensor.moveTo(this.around());
    return tensor;
  }

  /** The enclosing open scope, if there is one. */
  protected abstract around(): Scope | null;

  /** Ends the scope: frees everything that was not kept. */
  abstract [Symbol.dispose](): void;
}

class SyncScope extends Scope {
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

class TaskScope extends Scope {
  isOpen = true;
  isShared = false;
  last: Trail | undefined;
  /** Where its task continues after it ends. */
  outer: Trail | undefined;
  readonly #trails: Trails;

  constructor(trails: Trails, outer: Trail | undefined) {
    super();
    this.#trails = trails;
    this.outer = outer;
  }

  /** The current task's trail here, if it is in this scope. */
  #ownTrail(): Trail | undefined {
    let trail = this.#trails.getStore();
    while (trail !== undefined && trail.scope !== this) trail = trail.scope.outer;
    return trail;
  }

  protected override around(): Scope | null {
    // Without a trail, the enclosing scope may belong to another task.
    const outer = this.#ownTrail() && inOpenScope(this.outer);
    if (outer === undefined) return null;
    // Another task in there will show up with a trail that is not the latest.
    this.outer = outer.next();
    return outer.scope;
  }

  override [Symbol.dispose](): void {
    if (!this.isOpen) return;
    const trail = this.#ownTrail();
    this.isOpen = false;
    if (this.isShared || trail !== undefined && trail !== this.last) this.abandonAll();
    else this.releaseAll();
  }
}

/**
 * A task's progress in a scope: a new one per turn.
 *
 * A task starts with the trail of the one that started it. So two may share a trail: the task that
 * opened the scope, and one that its caller started while waiting. Whichever continues second shows
 * up with a trail that is not the latest.
 */
class Trail {
  readonly scope: TaskScope;
  readonly turn = currentTurn();

  constructor(scope: TaskScope) {
    this.scope = scope;
    scope.last = this;
  }

  next(): Trail {
    if (this.scope.last !== this) this.scope.isShared = true;
    return new Trail(this.scope);
  }
}

/** The trail in the innermost of these scopes that is still open. */
function inOpenScope(trail: Trail | undefined): Trail | undefined {
  while (trail !== undefined && !trail.scope.isOpen) trail = trail.scope.outer;
  return trail;
}

/** The trail of each asynchronous task. */
interface Trails {
  getStore(): Trail | undefined;
  enterWith(trail: Trail): void;
}

/**
 * Deno, Node and Bun track the current task: a trail set before an `await` is there after it,
 * whatever other tasks did meanwhile. Browsers do not. There a trail lasts until the next turn of
 * the event loop: no task ever sees another one's.
 */
function makeTrails(): Trails {
  const hooks: { readonly AsyncLocalStorage: new () => Trails } | undefined = Reflect
    .get(globalThis, "process")?.getBuiltinModule?.("node:async_hooks");
  if (hooks !== undefined) return new hooks.AsyncLocalStorage();
  let last: Trail | undefined;
  return {
    getStore: () => last?.turn === turn ? last : undefined,
    enterWith: (trail) => last = trail,
  };
}

let turn = 0;
let isTurnOpen = false;

/** The number of the current stretch of synchronous code, which changes after every `await`. */
function currentTurn(): number {
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
