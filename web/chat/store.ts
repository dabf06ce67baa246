/// <reference lib="dom" />
/** Values that the browser keeps, by name. @module */

/** Pages that were opened from a disk share what the browser keeps: each says what is its own. */
const OWN = document.querySelector<HTMLMetaElement>("meta[name=store]")?.content ?? "";

/** For all tabs and for good, or for one tab until that is closed. */
export type Keeper = "localStorage" | "sessionStorage";

/** The name under which the browser has a value of this page. */
const storedName = (name: string): string => `nanodino${OWN} ${name}`;

/** A value; `null`, where there is none or it cannot be read. */
export function readStore<T>(name: string, keeper: Keeper = "localStorage"): T | null {
  try {
    return JSON.parse(globalThis[keeper].getItem(storedName(name)) ?? "null");
  } catch {
    return null;
  }
}

/** Keeps a value. Returns whether the browser has room. */
export function writeStore(
  name: string,
  value: unknown,
  keeper: Keeper = "localStorage",
): boolean {
  try {
    globalThis[keeper].setItem(storedName(name), JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** Removes a value. */
export function removeStore(name: string): void {
  try {
    localStorage.removeItem(storedName(name));
  } catch {
    // A browser that keeps nothing has nothing to remove.
  }
}

/** The names of all values that are kept for good. */
export function storedNames(): string[] {
  const beginning = storedName("");
  try {
    return Object.keys(localStorage).filter((name) => name.startsWith(beginning))
      .map((name) => name.slice(beginning.length));
  } catch {
    return [];
  }
}

/** Tells the name of each value that another tab changes or removes. */
export function onStore(tell: (name: string) => void): void {
  const beginning = storedName("");
  addEventListener("storage", (event) => {
    const { key } = event as StorageEvent;
    if (key?.startsWith(beginning)) tell(key.slice(beginning.length));
  });
}
