/// <reference lib="dom" />
/** Classic scripts, the only files that a page which was opened from a disk may load. @module */

/** Loads and runs a script. @throws {Error} If it is not there. */
export function loadScript(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = path;
    element.onload = () => resolve();
    element.onerror = () => reject(new Error(`Cannot load a part of the page: wanted ${path}`));
    document.head.append(element);
  });
}
