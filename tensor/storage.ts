/** Device memory, and what holds references to it. @module */

import type { Allocation, Device } from "./device.ts";

/** Reference-counted device memory that several tensors may view. */
export class Storage {
  /** The device. */
  readonly device: Device;
  /** The memory. */
  readonly allocation: Allocation;
  /**
   * Incremented by in-place changes, so that a gradient detects a saved value that was overwritten.
   */
  version = 0;
  /** The smallest and largest integer, if the host wrote them, for validating ids. */
  integerRange: readonly [number, number] | null = null;
  /** Number of open handles. */
  refCount = 0;
  #derived: HandleOwner | null = null;

  /** For operations: takes ownership of newly allocated memory. */
  constructor(device: Device, allocation: Allocation) {
    this.device = device;
    this.allocation = allocation;
  }

  /**
   * Notes an in-place change: a gradient that saved the old values is an error from now on, and the
   * range of the integers is no longer known.
   */
  noteChange(): void {
    this.version++;
    this.integerRange = null;
  }

  /** Records the range of integers written over the whole memory. */
  noteIntegers(values: Int32Array): void {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    this.integerRange = [low, high];
  }

  /** Drops a reference; the last one frees the memory. */
  release(): void {
    if (--this.refCount > 0) return;
    this.#derived?.releaseAll();
    this.device.free(this.allocation);
  }

  /** Owns what operations derive from this memory and cache; freed with it. */
  get derived(): HandleOwner {
    return this.#derived ??= new HandleOwner();
  }
}

/** Owns handles and frees each at most once: a scope, or the history of a result. */
export class HandleOwner {
  readonly #handles: Handle[] = [];

  /** Takes ownership of a handle. */
  add(handle: Handle): void {
    handle.place = this.#handles.push(handle) - 1;
  }

  /** Gives up ownership of a handle. */
  remove(handle: Handle): void {
    // The last handle moves to the free place.
    const last = this.#handles.pop()!;
    if (last === handle) return;
    this.#handles[handle.place] = last;
    last.place = handle.place;
  }

  /** Releases all of them. */
  releaseAll(): void {
    while (this.#handles.length > 0) this.#handles.pop()!.end("scope");
  }

  /** Leaves all of them to the garbage collector. */
  abandonAll(): void {
    while (this.#handles.length > 0) this.#handles.at(-1)!.moveTo(null);
  }
}

/**
 * The values that the operations that led to a result saved for their gradients.
 *
 * Reference-counted: a result and the operations after it can run backward through an operation;
 * when the last of them is gone, the saved values are freed. So backward works wherever the result
 * still exists, outside of the scope of its temporaries as well. A tensor's finalizer holds its
 * history, so this must not lead back to the tensor: it holds other histories, and views created to
 * be saved.
 */
export class History extends HandleOwner {
  /** Number of results and histories that hold it. */
  refCount = 0;
  readonly #inputs: readonly History[];

  /** Creates the history of a result from those of its inputs. */
  constructor(inputs: readonly History[] = []) {
    super();
    this.#inputs = inputs;
    for (const input of inputs) input.refCount++;
  }

  /** Drops a reference; the last one frees what was saved, here and before. */
  release(): void {
    if (--this.refCount > 0) return;
    // Not recursive: a graph may be deep.
    const unused: History[] = [this];
    for (let history = unused.pop(); history !== undefined; history = unused.pop()) {
      history.releaseAll();
      for (const input of history.#inputs) if (--input.refCount === 0) unused.push(input);
    }
  }
}

/** Why a tensor can no longer be used. */
export type Release = "scope" | "dispose" | "backward" | "zeroGrad";

/** A tensor's reference to a {@linkcode Storage}, which can be released once. */
export class Handle {
  readonly #storage: Storage;
  #owner: HandleOwner | null = null;
  /** The tensor, while the handle has an owner: a finalizer must not hold what it waits for. */
  #tensor: object | null = null;
  #history: History | null = null;
  /** How the storage was released; `null` while it can be used. */
  released: Release | null = null;
  /** Index in the owner's list; only the owner uses it. */
  place = 0;

  /** References `storage` for a tensor, until `owner` releases it or the tensor is garbage. */
  constructor(storage: Storage, owner: HandleOwner | null, tensor: object) {
    storage.refCount++;
    this.#storage = storage;
    this.own(owner, tensor);
  }

  /** References a history until the storage is released. */
  holdHistory(history: History): void {
    history.refCount++;
    this.#history?.release();
    this.#history = history;
  }

  /**
   * Moves the handle to another owner; without one, the storage is released when the tensor is
   * garbage. Owned handles need no finalizer: registering one would only pile them up, because a
   * loop that never pauses lets none of them run.
   */
  moveTo(owner: HandleOwner | null, tensor: object = this.#tensor!): void {
    if (this.released !== null) return;
    this.leave();
    this.own(owner, tensor);
  }

  /** Releases the storage; a second call does nothing. */
  release(how: Release): void {
    if (this.released !== null) return;
    this.leave();
    this.end(how);
  }

  // Not #own and so on: private methods of this kind take a field in each object.
  /** Enters the handle with its owner, or with the finalizer. */
  private own(owner: HandleOwner | null, tensor: object): void {
    this.#owner = owner;
    if (owner !== null) {
      owner.add(this);
      this.#tensor = tensor;
    } else {
      this.#storage.device.scopes.countOutside();
      forgotten.register(tensor, this, this);
    }
  }

  /** Undoes {@linkcode Handle.own}. */
  private leave(): void {
    if (this.#owner !== null) {
      this.#owner.remove(this);
      this.#tensor = null;
    } else {
      this.#storage.device.scopes.outside--;
      forgotten.unregister(this);
    }
  }

  /** Releases the storage and the history of a handle that has left its owner. */
  end(how: Release): void {
    this.released = how;
    this.#storage.release();
    this.#history?.release();
    this.#history = null;
  }
}

/** The last resort: what has no owner and was not disposed of is freed after garbage collection. */
const forgotten: FinalizationRegistry<Handle> = new FinalizationRegistry((handle: Handle) =>
  handle.release("dispose")
);
