import { assertEquals, assertRejects } from "@std/assert";
import { readRecords } from "./records.ts";

const number = (value: unknown) => {
  if (typeof value === "number") return value;
  throw new TypeError(`wanted a number, got ${typeof value}`);
};

async function write(content: string | Uint8Array): Promise<string> {
  const path = await Deno.makeTempFile({ suffix: ".jsonl" });
  await Deno.writeFile(
    path,
    typeof content === "string" ? new TextEncoder().encode(content) : content,
  );
  return path;
}

Deno.test("each line is an item, with any line ends, a byte order mark and empty lines", async () => {
  const path = await write("\uFEFF1\r\n\r\n  \n2\n3");
  assertEquals(await readRecords(path, "numbers", number), [1, 2, 3]);
});

Deno.test("faults of a file or one of its lines are named", async () => {
  const cases: [string | Uint8Array, string][] = [
    ["", ": wanted numbers, got none"],
    ["\n \n", ": wanted numbers, got none"],
    ["1\n{", ', line 2: wanted JSON, got "{"'],
    ['1\n\n"x"', ", line 3: wanted a number, got string"],
    [Uint8Array.of(0x31, 0x0a, 0xff, 0xfe), ": wanted text in UTF-8, got other bytes"],
  ];
  for (const [content, message] of cases) {
    const path = await write(content);
    await assertRejects(
      () => readRecords(path, "numbers", number),
      Error,
      `Cannot read ${path}${message}`,
    );
  }
  await assertRejects(
    () => readRecords("no/such.jsonl", "numbers", number),
    Error,
    "Cannot read no/such.jsonl: there is no such file or folder",
  );
});
