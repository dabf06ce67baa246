import { assertEquals } from "@std/assert";
import { cutPieces } from "./pieces.ts";
import { encodeTexts } from "./token_stream.ts";

const encoder = {
  encode: (text: string) => [...new TextEncoder().encode(text)],
  bos: 256,
  vocabSize: 257,
};

Deno.test("pieces of any capacity start with BOS, fit, and restore every document", () => {
  const texts = ["a", "bc", "defg", "hijklmnopqrs", "tuvwxyz0123456789"];
  const stream = encodeTexts(texts, encoder, "letters");
  for (let capacity = 2; capacity < 20; capacity++) {
    const pieces = cutPieces(stream, encoder.bos, capacity, "cut");
    const found: string[] = [];
    for (let i = 0; i < pieces.count; i++) {
      const [bos, ...ids] = pieces.copy(i);
      assertEquals(bos, encoder.bos);
      assertEquals(pieces.length(i), ids.length + 1);
      assertEquals(ids.length < capacity && ids.length > 0, true);
      const text = String.fromCharCode(...ids);
      if (pieces.isFirst(i)) found.push(text);
      else {
        // All pieces of a document but the last fill a row.
        assertEquals(pieces.length(i - 1), capacity);
        found.push(found.pop() + text);
      }
    }
    assertEquals(found, texts);
  }
});

Deno.test("documents to be cropped stay whole", () => {
  const stream = encodeTexts(["ab", "cdefghij"], encoder, "letters");
  const pieces = cutPieces(stream, encoder.bos, 4, "crop");
  assertEquals([0, 1].map((i) => pieces.copy(i)), [
    Uint16Array.of(256, 97, 98),
    Uint16Array.of(256, 99, 100, 101, 102, 103, 104, 105, 106),
  ]);
  assertEquals(pieces.count, 2);
});

Deno.test("without BOS a piece starts with the token before those that it predicts", () => {
  const texts = ["abc", "d", "efghijkl"];
  const stream = encodeTexts(texts, { ...encoder, bos: null }, "letters");
  const textsOf = (long: "cut" | "crop") => {
    const pieces = cutPieces(stream, null, 4, long);
    return Array.from({ length: pieces.count }, (_, i) => [
      String.fromCharCode(...pieces.copy(i)),
      pieces.isFirst(i),
    ]);
  };
  assertEquals(textsOf("cut"), [["abc", true], ["efgh", true], ["hijk", false], ["kl", false]]);
  assertEquals(textsOf("crop"), [["abc", true], ["efghijkl", true]]);
});
