/// <reference lib="dom" />
/** Handing the reader a file. @module */

/** Downloads a file under a name. */
export function download(name: string, file: Blob): void {
  const address = URL.createObjectURL(file);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
