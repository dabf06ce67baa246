/** Text that stays on its line. @module */

/** Writes a text to the standard output as it is, without a line break after it. */
export function write(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}
