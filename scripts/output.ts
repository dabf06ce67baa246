/** Output that does not fail if nobody reads it, so that a run outlives its terminal. */

let isMuted = false;

/** Stops writing all but errors, as only one of several ranks prints. */
export function mute(): void {
  isMuted = true;
}

/** Writes text to standard output, without a line break. */
export function write(text: string): void {
  if (!isMuted) writeTo(Deno.stdout, text);
}

export function print(line: string): void {
  write(`${line}\n`);
}

export function printError(line: string): void {
  writeError(`${line}\n`);
}

/**
 * Prints a line beside the output of a command, which may be a text or JSON: on the error output, and
 * by one rank only.
 */
export function printNote(line: string): void {
  if (!isMuted) printError(line);
}

/** Writes text to the error output, without a line break. */
export function writeError(text: string): void {
  writeTo(Deno.stderr, text);
}

/**
 * Streams a prompt and its continuation.
 *
 * @param pieces The continuation. If it fails before the first piece, nothing is written.
 */
export async function writeContinuation(
  prompt: string,
  pieces: AsyncIterable<string>,
): Promise<string> {
  let text = "";
  const add = (piece: string) => {
    write(piece);
    text += piece;
  };
  for await (const piece of pieces) add(text === "" ? prompt + piece : piece);
  add(text === "" ? `${prompt}\n\n` : "\n\n");
  return text.slice(0, -"\n\n".length);
}

const USUAL_COLUMNS = 80;

/** The width of the terminal; 80 columns if it was closed or does not know its size. */
export function columns(): number {
  try {
    return Deno.consoleSize().columns || USUAL_COLUMNS;
  } catch {
    return USUAL_COLUMNS;
  }
}

function writeTo(output: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let written = 0; written < bytes.length;) {
      written += output.writeSync(bytes.subarray(written));
    }
  } catch {
    // The terminal was closed, or the reader of the pipe has ended.
  }
}
