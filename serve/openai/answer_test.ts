import { assert, assertEquals } from "@std/assert";
import { FoldedText } from "../../chat/internals.ts";
import type { MessagePart } from "../../tokenizer/mod.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { Answer } from "./answer.ts";

const tokenizer = await Tokenizer.train([], { vocabSize: 265 });

/** An answer with two calls of a tool, a byte a token. */
const tokens = [
  ...tokenizer.encode("It is "),
  ...call("17*23", "391"),
  ...tokenizer.encode("391, and "),
  ...call("2", "2"),
];
const text = "It is [17*23 = 391] 391, and [2 = 2]";

function call(python: string, output: string): number[] {
  const part = (name: string, text: string) => [
    tokenizer.special(`<|${name}_start|>`),
    ...tokenizer.encode(text),
    tokenizer.special(`<|${name}_end|>`),
  ];
  return [...part("python", python), ...part("output", output)];
}

/** The answer before a stop: in one text, in parts, and in the pieces that were sent. */
function answerBefore(stop: readonly string[]) {
  const answer = new Answer(tokenizer, stop);
  const deltas = tokens.flatMap((token) =>
    answer.isStopped ? [] : answer.add({ token, isSampled: true }) ?? []
  );
  const last = answer.end();
  if (last !== null) deltas.push(last);
  return {
    text: deltas.map(({ text }) => text).join(""),
    parts: answer.parts,
    sent: deltas.map(({ text, parts }) => ({ text, parts })),
  };
}

/** Parts in one text; one that ends with a call has no bracket after it. */
function fold(parts: readonly MessagePart[]): string {
  const folded = new FoldedText();
  return parts.map((part) => folded.add(part)).join("");
}

Deno.test("a stop ends the parts of an answer where it ends the text", () => {
  const cases: [stop: string, text: string, parts: MessagePart[]][] = [
    ["s", "It i", [{ type: "text", text: "It i" }]],
    ["[", "It is ", [{ type: "text", text: "It is " }]],
    ["17", "It is [", [{ type: "text", text: "It is " }]],
    ["39", "It is [17*23 = ", [{ type: "text", text: "It is " }, {
      type: "python",
      text: "17*23",
    }]],
    ["3 = 3", "It is [17*2", [{ type: "text", text: "It is " }, { type: "python", text: "17*2" }]],
  ];
  for (const [stop, text, parts] of cases) {
    const got = answerBefore([stop]);
    assertEquals([got.text, got.parts], [text, parts], stop);
  }
});

Deno.test("parts are sent with the text that they stand for, whatever stops it", () => {
  assertEquals(answerBefore([]).text, text);
  for (let from = 0; from < text.length; from++) {
    for (let to = from + 1; to <= text.length; to++) {
      // The second one is never completed, but holds text back.
      const stop = [text.slice(from, to), `${text.slice(0, 9)}?`, "is [17*23 = 4"];
      const got = answerBefore(stop);
      assertEquals(got.text, text.slice(0, text.indexOf(stop[0]!)), stop[0]);
      const sent: MessagePart[] = [];
      let said = "";
      for (const delta of got.sent) {
        said += delta.text;
        sent.push(...delta.parts);
        const folded = fold(sent);
        assert(said.startsWith(folded), `${said} | ${folded}`);
        // Brackets alone are no parts.
        assert(/^[\[\] =]{0,3}$/.test(said.slice(folded.length)), `${said} | ${folded}`);
      }
      assertEquals(fold(got.parts), fold(sent));
    }
  }
});
