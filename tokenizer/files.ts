/**
 * Tokenizers in files. This part of the module needs Deno; all others run in a browser too.
 *
 * @module
 */
import { Tokenizer } from "./tokenizer.ts";

/**
 * Writes a tokenizer to a file in nanodino's own format.
 *
 * It is written beside the file first and then renamed, so what was there before stays whole if
 * something goes wrong.
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
 * Reads a tokenizer from a file that {@linkcode saveTokenizer} wrote.
 *
 * @throws {Deno.errors.NotFound} If there is no such file.
 * @throws {SyntaxError} If the file is damaged or something else.
 */
export async function loadTokenizer(path: string | URL): Promise<Tokenizer> {
  return Tokenizer.fromJSON(await Deno.readTextFile(path));
}
