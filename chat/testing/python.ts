/** Tests that run Python. */

import { tmpdir } from "node:os";
import { importPyodide } from "../deps.ts";
import { Python, type PythonOptions } from "../tools/python.ts";
import { openSnapshot } from "../tools/snapshot.ts";

const isThere = await importPyodide().then(() => true, () => false);

let shared: Promise<Python> | undefined;

/**
 * Python for all tests of a process, with which it ends. Its limit of time is one that no program of theirs
 * reaches.
 */
export function sharedPython(): Promise<Python> {
  return shared ??= openTestPython({ seconds: 60 });
}

/** The folder of a snapshot that all tests share, which saves each the seconds to make one. */
const folder = `${tmpdir()}/nanodino-test-python`;

/** Opens Python with the shared snapshot. */
export function openTestPython(options: PythonOptions = {}): Promise<Python> {
  return Python.open({ folder, ...options });
}

/** Puts the shared snapshot into a folder, for a process that opens Python with it. */
export async function copySnapshot(to: string): Promise<void> {
  await openSnapshot(await importPyodide(), folder);
  await Deno.mkdir(to, { recursive: true });
  await Deno.copyFile(`${folder}/pyodide.snapshot`, `${to}/pyodide.snapshot`);
}

/** A test that is ignored where Pyodide cannot be downloaded, and says so. */
export function pythonTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: isThere ? name : `${name} (ignored: npm:pyodide cannot be downloaded)`,
    ignore: !isThere,
    // A shared process starts in one test and ends in another.
    sanitizeOps: false,
    sanitizeResources: false,
    fn,
  });
}
