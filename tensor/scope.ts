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
  #derived: HandleOwner | null = null;

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
    if (--this.#users > 0) return;
    this.#derived?.releaseAll();
    this.device.free(this.allocation);
  }

  /** Frees, together with this memory, what an operation works out from it to use again. */
  get derived(): HandleOwner {
    return this.#derived ??= new HandleOwner();
  }
}

/** What frees handles, each at most once: a scope at its end, or the history of a result. */
export class HandleOwner {
  readonly #handles: Handle[] = [];

  /** Puts a handle under this owner. */
  add(handle: Handle): void {
    handle.place = this.#handles.push(handle) - 1;
  }

  /** Takes a handle from under this owner. */
  remove(handle: Handle): void {
    // The last one moves to the place that becomes free.
    const last = this.#handles.pop()!;
    if (last === handle) return;
    this.#handles[handle.place] = last;
    last.place = handle.place;
  }

  /** Frees all of them. */
  releaseAll(): void {
    // Each takes itself from the list.
    while (this.#handles.length > 0) this.#handles.at(-1)!.release();
  }
}

/**
 * What the operations that led to a result saved for their gradients.
 *
 * It is counted who can still run backward through an operation: its result, and the operations after
 * it. When the last of them is gone, so is what was saved. So a function may open a scope for its
 * temporaries and pass on its result, and backward works wherever the result still is.
 *
 * A history knows handles and no tensors: the finalizer of a tensor holds the tensor's history, which
 * must not hold the tensor.
 */
export class History extends HandleOwner {
  #users = 0;
  readonly #inputs: readonly History[];

  /** Begins the history of a result, from those of what went into it. */
  constructor(inputs: readonly History[] = []) {
    super();
    this.#inputs = inputs;
    for (const input of inputs) input.retain();
  }

  /** Adds a user. */
  retain(): void {
    this.#users++;
  }

  /** Takes a user away; the last one frees what was saved, here and before. */
  release(): void {
    if (--this.#users > 0) return;
    // A loop and not a recursion: a graph may be deep.
    const unused: History[] = [this];
    for (let history = unused.pop(); history !== undefined; history = unused.pop()) {
      history.releaseAll();
      for (const input of history.#inputs) if (--input.#users === 0) unused.push(input);
    }
  }
}

/** What a user of a {@linkcode Storage} has in hand: it can be given back once. */
export class Handle {
  #storage: Storage | null;
  #owner: HandleOwner | null;
  #history: History | null = null;
  #isWatched = false;
  /** The place in the list of the owner, which alone uses it. */
  place = 0;

  /** Takes hold of `storage`, until `owner` frees it if there is one. */
  constructor(storage: Storage, owner: HandleOwner | null) {
    storage.retain();
    this.#storage = storage;
    this.#owner = owner;
    owner?.add(this);
  }

  /** Whether the storage can still be used through this handle. */
  get isOpen(): boolean {
    return this.#storage !== null;
  }

  /** What backward needs that begins here. */
  get history(): History | null {
    return this.#history;
  }

  /** Holds on to a history for as long as this handle is open. */
  holdHistory(history: History): void {
    history.retain();
    this.#history?.release();
    this.#history = history;
  }

  /** Puts the handle under another owner, or under none, so that it outlives its own. */
  moveTo(owner: HandleOwner | null): void {
    this.#owner?.remove(this);
    this.#owner = owner;
    owner?.add(this);
  }

  /**
   * Gives the storage back when `tensor` is garbage: for what is under no owner.
   *
   * A scope gives back itself what it holds. Watching that as well would only heap up finalizers that
   * find nothing to do, since a loop that never pauses lets none of them run.
   */
  releaseWith(tensor: object): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    forgotten.register(tensor, this, this);
  }

  /** Gives the storage back; a second call does nothing. */
  release(): void {
    if (this.#isWatched) forgotten.unregister(this);
    this.moveTo(null);
    const [storage, history] = [this.#storage, this.#history];
    this.#storage = this.#history = null;
    storage?.release();
    history?.release();
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
export class Scope extends HandleOwner implements Disposable {
  readonly #close: () => void;
  readonly #parent: Scope | null;

  /**
   * For devices: users open scopes with `device.scope()`.
   *
   * @param parent The scope around this one.
   * @param close Called when the scope ends.
   */
  constructor(parent: Scope | null, close: () => void) {
    super();
    this.#parent = parent;
    this.#close = close;
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
    this.releaseAll();
  }
}
