/// <reference lib="dom" />
/**
 * What stays in the browser between visits: values by name, in IndexedDB.
 *
 * @module
 */

let database: Promise<IDBDatabase> | null = null;

function settled<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function kept(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  if (database === null) {
    const request = indexedDB.open("nanodino", 1);
    request.onupgradeneeded = () => void request.result.createObjectStore("kept");
    database = settled(request);
  }
  return (await database).transaction("kept", mode).objectStore("kept");
}

/** Keeps a value, in place of an earlier one of its name. */
export async function keep(name: string, value: unknown): Promise<void> {
  await settled((await kept("readwrite")).put(value, name));
}

/** Finds the value that was kept; `undefined` without any, or where the browser keeps nothing. */
export async function recall<Value>(name: string): Promise<Value | undefined> {
  return await kept("readonly").then((store) => settled(store.get(name))).catch(() => undefined);
}

/** Removes a value. */
export async function forget(name: string): Promise<void> {
  await settled((await kept("readwrite")).delete(name));
}
