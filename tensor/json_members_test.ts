import { assertEquals, assertThrows } from "@std/assert";
import { membersOf } from "./json_members.ts";

/** The object that the members make. */
function parse(text: string): unknown {
  return Object.fromEntries(
    Array.from(membersOf(text), ([name, value]) => [name, JSON.parse(value)]),
  );
}

/** Random JSON, with names and texts that look like the punctuation around them. */
function randomJson(random: () => number, depth: number): unknown {
  const texts = ["", "a", '"', "\\", '\\"', "{", "}]", ",", ":", "\n", "é☃", "__proto__"];
  const text = () => texts[Math.floor(random() * texts.length)]!;
  const kind = random();
  if (depth > 0 && kind < 0.3) {
    return Array.from({ length: 3 }, () => randomJson(random, depth - 1));
  }
  if (depth > 0 && kind < 0.6) {
    return Object.fromEntries(
      Array.from({ length: 3 }, () => [text() + text(), randomJson(random, depth - 1)]),
    );
  }
  return kind < 0.8 ? text() + text() : [null, true, false, -1.5e10][Math.floor(random() * 4)];
}

function generator(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

Deno.test("the members of an object are those that JSON.parse finds, however it is laid out", () => {
  const random = generator(1);
  for (let i = 0; i < 2000; i++) {
    const object = { first: randomJson(random, 4), "": randomJson(random, 4) };
    for (const space of [undefined, 1, "\t", "\r\n "]) {
      const text = JSON.stringify(object, null, space);
      assertEquals(parse(` ${text}\n`), JSON.parse(text));
    }
  }
  assertEquals(parse("{}"), {});
  assertEquals(parse(" { } "), {});
});

Deno.test("what JSON.parse refuses is refused, with any character left out, doubled or replaced", () => {
  const text = '{ "a\\"b": [1, {"c": "}"}], "d": {"e": [null]}, "f": -2 }';
  const accepts = (read: (text: string) => unknown, text: string) => {
    try {
      read(text);
      return true;
    } catch (error) {
      if (error instanceof SyntaxError) return false;
      throw error;
    }
  };
  for (let i = 0; i < text.length; i++) {
    for (const middle of ["", text[i]!.repeat(2), ...'"\\{}[]:, x']) {
      const changed = text.slice(0, i) + middle + text.slice(i + 1);
      assertEquals(accepts(parse, changed), accepts(JSON.parse, changed), changed);
    }
  }
});

Deno.test("a name that stands twice and a value that is too deep are refused", () => {
  assertThrows(() => parse('{"a":1,"\\u0061":2}'), SyntaxError, 'every name once, got "a" twice');
  const nested = (depth: number) => `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  parse(nested(16));
  assertThrows(() => parse(nested(17)), SyntaxError, "at most 16 levels");
});
