/** Tokenizers in files. Only this file of the module needs Deno. @module */
import { Tokenizer } from "./tokenizer.ts";

/**
 * Saves a tokenizer in nanodino's own format.
 *
 * Writes a temporary file and renames it, so an error leaves an earlier file intact.
 *
 * @throws {Deno.errors.NotFound} If the folder does not exist.
 *
 * @example
 * ```ts
 * import { Tokenizer } from "./tokenizer.ts";
 * import { loadTokenizer, saveTokenizer } from "./files.ts";
 *
 * const path = await Deno.makeTempFile();
 * await saveTokenizer(path, await Tokenizer.train(["a rose is a rose"], { vocabSize: 270 }));
 * console.log((await loadTokenizer(path)).vocabSize); // 270
 * await Deno.remove(path);
 * ```
 */
export async function saveTokenizer(path: string | URL, tokenizer: Tokenizer): Promise<void> {
  const suffix = `.${crypto.randomUUID()}.tmp`;
  const temporary = typeof path === "string" ? path + suffix : new URL(path.href + suffix);
  try {
    await Deno.writeTextFile(temporary, JSON.stringify(tokenizer));
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

/**
 * Loads a tokenizer saved by {@linkcode saveTokenizer}.
 *
 * @throws {Deno.errors.NotFound} If there is no such file.
 * @throws {SyntaxError} If the file is damaged or has another format.
 */
export async function loadTokenizer(path: string | URL): Promise<Tokenizer> {
  return Tokenizer.fromJSON(await Deno.readTextFile(path));
}
