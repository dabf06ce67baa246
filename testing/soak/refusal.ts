/** Tells a refusal, which says what was wanted, from an error that nobody thought of. @module */

/** An engine's messages for a mistake in a program. */
const UNEXPECTED = [
  /cannot read propert/i,
  /is not a function/,
  /is not iterable/,
  /\[object Object\]/,
  /maximum call stack/i,
  /invalid (array|typed array|string) length/i,
  /array buffer allocation/i,
  /offset is out(side)? of/i,
  /cannot convert|cannot mix/i,
  /assert/i,
];

const MAX_LENGTH = 1000;

/** Throws the error again, with the reason, unless it is a refusal in one line. */
export function checkRefusal(error: unknown): void {
  const unexpected = (reason: string) =>
    new Error(`wanted a refusal in one line, got ${reason}: ${error}`, { cause: error });
  if (!(error instanceof Error)) throw unexpected("no error");
  const { message } = error;
  if (message.trim() === "") throw unexpected("no message");
  if (message.includes("\n")) throw unexpected("several lines");
  if (message.length > MAX_LENGTH) throw unexpected(`${message.length} characters`);
  const found = UNEXPECTED.find((pattern) => pattern.test(message));
  if (found !== undefined) throw unexpected(`the words ${found}`);
}

/** Runs something that may refuse its input. */
export async function mayRefuse(run: () => unknown): Promise<"accepted" | "refused"> {
  try {
    await run();
    return "accepted";
  } catch (error) {
    checkRefusal(error);
    return "refused";
  }
}
