/** Scopes: what was made inside is freed at the end, unless it is kept. @module */

import type { Allocation, Device } from "./device.ts";

/**
 * Device memory that several tensors may view. It goes back to the device with its last user.
 */
export class Storage {
  readonly device: Device;
  readonly allocation: Allocation;
  /** Counts changes in place, so that a gradient notices when what it saved was overwritten. */
  version = 0;
  #users = 0;

  constructor(device: Device, allocation: Allocation) {
    this.device = device;
    this.allocation = allocation;
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

  /** Takes the handle out of its scope, so that it outlives it. */
  keep(): void {
    this.#scope?.remove(this);
    this.#scope = null;
  }

  /** Gives the storage back; a second call does nothing. */
  release(): void {
    this.keep();
    const storage = this.#storage;
    this.#storage = null;
    storage?.release();
  }
}

/** The last net: what is neither in a scope nor disposed of is freed after garbage collection. */
export const forgotten: FinalizationRegistry<Handle> = new FinalizationRegistry((handle: Handle) =>
  handle.release()
);

/** The open scopes of one device, the innermost last. */
export class ScopeStack {
  readonly #open: Scope[] = [];

  /** The innermost open scope. */
  get current(): Scope | null {
    return this.#open.at(-1) ?? null;
  }

  /** Opens a scope inside the current one. */
  open(): Scope {
    const scope: Scope = new Scope(() => {
      const i = this.#open.lastIndexOf(scope);
      if (i >= 0) this.#open.splice(i, 1);
    });
    this.#open.push(scope);
    return scope;
  }
}

/**
 * Frees the tensors made while it is open, at its end.
 *
 * Open one with `using scope = device.scope()`. Parameters, their gradients and the state of an
 * optimiser outlive it, and so does a tensor on which `keep()` was called.
 */
export class Scope implements Disposable {
  readonly #handles = new Set<Handle>();
  readonly #close: () => void;

  /** @param close Called once, when the scope ends. */
  constructor(close: () => void) {
    this.#close = close;
  }

  /** Puts a handle under this scope. */
  add(handle: Handle): void {
    this.#handles.add(handle);
  }

  /** Takes a handle from under this scope. */
  remove(handle: Handle): void {
    this.#handles.delete(handle);
  }

  /** Ends the scope: frees everything that was not kept. */
  [Symbol.dispose](): void {
    this.#close();
    for (const handle of this.#handles) handle.release();
  }
}
