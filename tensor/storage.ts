/** Memory on a device, and who holds it. @module */

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

  /** Frees all of them. Each takes itself from the list. */
  releaseAll(): void {
    while (this.#handles.length > 0) this.#handles.at(-1)!.release("scope");
  }

  /** Leaves all of them to the garbage collector. */
  abandonAll(): void {
    while (this.#handles.length > 0) this.#handles.at(-1)!.moveTo(null);
  }
}

/**
 * What the operations that led to a result saved for their gradients.
 *
 * It is counted who can still run backward through an operation: its result, and the operations after
 * it. When the last of them is gone, so is what was saved. So a function may open a scope for its
 * temporaries and pass on its result, and backward works wherever the result still is.
 *
 * The finalizer of a tensor holds the tensor's history. So a history must not lead back to the tensor:
 * it holds other histories, and views that were made to be saved.
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

/** Why a tensor cannot be used any more. */
export type Release = "scope" | "dispose" | "backward" | "zeroGrad";

/** What a tensor holds of a {@linkcode Storage}: it can be given back once. */
export class Handle {
  #storage: Storage | null;
  #owner: HandleOwner | null = null;
  /** The tensor, while it has an owner: a finalizer must not hold what it waits for. */
  #tensor: object | null = null;
  #history: History | null = null;
  #isWatched = false;
  #release: Release | null = null;
  /** The place in the list of the owner, which alone uses it. */
  place = 0;

  /** Takes hold of `storage` for a tensor, until `owner` frees it or the tensor is garbage. */
  constructor(storage: Storage, owner: HandleOwner | null, tensor: object) {
    storage.retain();
    this.#storage = storage;
    this.moveTo(owner, tensor);
  }

  /** How the storage was given back; `null` while it can be used. */
  get released(): Release | null {
    return this.#release;
  }

  /** What backward needs of the operations that led here. */
  get history(): History | null {
    return this.#history;
  }

  /** Holds on to a history until the storage is given back. */
  holdHistory(history: History): void {
    history.retain();
    this.#history?.release();
    this.#history = history;
  }

  /**
   * Puts the handle under another owner. Under none, the storage is given back when the tensor is garbage.
   *
   * An owner gives back itself what it holds. Watching that as well would only heap up finalizers that
   * find nothing to do, since a loop that never pauses lets none of them run.
   */
  moveTo(owner: HandleOwner | null, tensor: object | null = this.#tensor): void {
    if (this.#storage === null) return;
    this.#leave();
    this.#owner = owner;
    if (owner !== null) {
      owner.add(this);
      this.#tensor = tensor;
    } else if (tensor !== null) {
      this.#isWatched = true;
      this.#storage.device.scopes.countOutside();
      forgotten.register(tensor, this, this);
    }
  }

  /** Gives the storage back; a second call does nothing. */
  release(how: Release): void {
    const [storage, history] = [this.#storage, this.#history];
    if (storage === null) return;
    this.#leave();
    this.#release = how;
    this.#storage = this.#history = null;
    storage.release();
    history?.release();
  }

  #leave(): void {
    this.#owner?.remove(this);
    this.#owner = this.#tensor = null;
    if (!this.#isWatched) return;
    this.#isWatched = false;
    this.#storage!.device.scopes.outside--;
    forgotten.unregister(this);
  }
}

/** The last net: what has no owner and was not disposed of is freed after garbage collection. */
const forgotten: FinalizationRegistry<Handle> = new FinalizationRegistry((handle: Handle) =>
  handle.release("dispose")
);
