/** The file with a snapshot of Python's memory. @module */

import { writeFileAtomically } from "../../gpt/internals.ts";
import { imports } from "./interpreter.ts";
import { makeSnapshot } from "./interpreter_process.ts";

/** The length of a SHA-256 digest in bytes. */
const DIGEST_LENGTH = 32;

/**
 * Reads the snapshot from a folder. Creates it there if it is missing, damaged, or of another
 * version.
 *
 * @param pyodide The package that the snapshot is of.
 * @throws {Error} If it cannot be made or written.
 */
export async function openSnapshot(
  pyodide: { readonly folder: URL; readonly version: string },
  folder: string,
): Promise<Uint8Array> {
  const path = `${folder}/pyodide.snapshot`;
  // The file begins with a digest of what the snapshot is made of, and of the snapshot.
  const source = new TextEncoder().encode(`${pyodide.version}\n${imports}`);
  const stored = await readIfPresent(path);
  const snapshot = stored.subarray(DIGEST_LENGTH);
  const digest = await computeDigest(source, snapshot);
  if (digest.every((byte, i) => byte === stored[i])) return snapshot;
  const made = await makeSnapshot(pyodide.folder);
  await Deno.mkdir(folder, { recursive: true });
  await writeFileAtomically(path, join(await computeDigest(source, made), made));
  return made;
}

async function readIfPresent(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array();
    throw error;
  }
}

async function computeDigest(source: Uint8Array, snapshot: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", join(source, snapshot)));
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
