/** Scopes: what was made inside is freed at the end, unless it is kept. @module */

import type { Allocation, Device } from "./device.ts";

/**
 * Device memory that several tensors may view. It goes back to the device with its last user.
 */
export class Storage {
  /** Where the memory is. */
  readonly device: Device;
  /** The memory. */
  readonly allocation: Allocation;
  /** Counts changes in place, so that a gradient notices when what it saved was overwritten. */
  version = 0;
  #users = 0;

  /** For operations: takes charge of memory that was just allocated. */
  constructor(device: Device, allocation: Allocation) {
    this.device = device;
    this.allocation = allocation;
  }

  /** The smallest and largest integer in it, where the host wrote them: so that ids can be checked. */
  integerRange: readonly [number, number] | null = null;

  /** How many handles are open on it. */
  get users(): number {
    return this.#users;
  }

  /** Remembers the range of integers that were written over the whole. */
  noteIntegers(values: Int32Array): void {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    this.integerRange = [low, high];
  }

  /** Adds a user. */
  retain(): void {
    this.#users++;
  }

  /** Takes a user away; the last one frees the memory. */
  release(): void {
    if (--this.#users === 0) this.device.free(this.allocation);
  }
}

/** What a user of a {@linkcode Storage} has in hand: it can be given back once. */
export class Handle {
  #storage: Storage | null;
  #scope: Scope | null;
  #isWatched = false;
  /** The place in the list of the scope, which alone uses it. */
  place = 0;

  /** Takes hold of `storage`, until the end of `scope` if there is one. */
  constructor(storage: Storage, scope: Scope | null) {
    storage.retain();
    this.#storage = storage;
    this.#scope = scope;
    scope?.add(this);
  }

  /** Whether the storage can still be used through this handle. */
  get isOpen(): boolean {
    return this.#storage !== null;
  }

  /** Puts the handle under another scope, or under none, so that it outlives its own. */
  moveTo(scope: Scope | null): void {
    this.#scope?.remove(this);
    this.#scope = scope;
    scope?.add(this);
  }

  /**
   * Gives the storage back when `owner` is garbage: for what is under no scope.
   *
   * A scope gives back itself what it holds. Watching that as well would only heap up finalizers that
   * find nothing to do, since a loop that never pauses lets none of them run.
   */
  releaseWith(owner: object): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    forgotten.register(owner, this, this);
  }

  /** Gives the storage back; a second call does nothing. */
  release(): void {
    if (this.#isWatched) forgotten.unregister(this);
    this.moveTo(null);
    const storage = this.#storage;
    this.#storage = null;
    storage?.release();
  }
}

/** The last net: what is neither in a scope nor disposed of is freed after garbage collection. */
const forgotten: FinalizationRegistry<Handle> = new FinalizationRegistry((handle: Handle) =>
  handle.release()
);

/** The open scopes of one device, the innermost last. */
export class ScopeStack {
  readonly #open: Scope[] = [];
  #current: Scope | null = null;

  /** The innermost open scope. */
  get current(): Scope | null {
    return this.#current;
  }

  /** Opens a scope inside the current one. */
  open(): Scope {
    const scope: Scope = new Scope(this.#current, () => {
      const i = this.#open.lastIndexOf(scope);
      if (i >= 0) this.#open.splice(i, 1);
      this.#current = this.#open.at(-1) ?? null;
    });
    this.#open.push(scope);
    this.#current = scope;
    return scope;
  }
}

/**
 * Frees the tensors made while it is open, at its end.
 *
 * Open one with `using scope = device.scope()`. Parameters, their gradients and the state of an
 * optimiser outlive it, and so does a tensor on which `tensor.keep()` was called.
 */
export class Scope implements Disposable {
  readonly #handles: Handle[] = [];
  readonly #close: () => void;
  readonly #parent: Scope | null;
  /** The scope around all others when this one was opened: that of the whole step. */
  readonly outermost: Scope;

  /**
   * For devices: users open scopes with `device.scope()`.
   *
   * @param parent The scope around this one.
   * @param close Called when the scope ends.
   */
  constructor(parent: Scope | null, close: () => void) {
    this.#parent = parent;
    this.outermost = parent?.outermost ?? this;
    this.#close = close;
  }

  /** Puts a handle under this scope. */
  add(handle: Handle): void {
    handle.place = this.#handles.push(handle) - 1;
  }

  /** Takes a handle from under this scope. */
  remove(handle: Handle): void {
    // The last one moves to the place that becomes free.
    const last = this.#handles.pop()!;
    if (last === handle) return;
    this.#handles[handle.place] = last;
    last.place = handle.place;
  }

  /**
   * Passes a tensor on to the scope around this one, as a function passes on its result.
   *
   * @returns The same tensor.
   */
  keep<T extends { moveTo(scope: Scope | null): void }>(tensor: T): T {
    tensor.moveTo(this.#parent);
    return tensor;
  }

  /** Ends the scope: frees everything that was not kept. */
  [Symbol.dispose](): void {
    this.#close();
    // Each takes itself from the list.
    while (this.#handles.length > 0) this.#handles.at(-1)!.release();
  }
}
