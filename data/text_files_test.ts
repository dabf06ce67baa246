import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { findFiles } from "./files.ts";
import { openSource } from "./open_source.ts";
import { texts } from "./source.ts";
import { textFiles, type TextFilesOptions } from "./text_files.ts";

async function withFiles(
  files: Record<string, string | Uint8Array<ArrayBuffer>>,
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      await Deno.mkdir(`${folder}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function readBoth(
  place: string,
  options: TextFilesOptions = {},
): Promise<[string[], string[]]> {
  const source = textFiles(place, options);
  return [
    await Array.fromAsync(texts(await source.open("train"))),
    await Array.fromAsync(texts(await source.open("validation"))),
  ];
}

const lines = Array.from({ length: 100 }, (_, i) => `line ${i}: ${"é".repeat(i % 17)}`);

Deno.test("files are found by name, folder and glob, in the same order on every machine", async () => {
  const files = {
    "b.txt": "b",
    "a/Z.md": "z",
    "a/é.txt": "é",
    "a/deep/x.jsonl": "{}",
    ".hidden/y.txt": "y",
    "c.png": "c",
  };
  await withFiles(files, async (folder) => {
    const find = async (place: string): Promise<string> =>
      (await findFiles(place, [".txt", ".md", ".jsonl"])).map(({ name }) => name).join(" ");
    assertEquals(await find(folder), "a/Z.md a/deep/x.jsonl a/é.txt b.txt");
    assertEquals(await find(`${folder}/`), "a/Z.md a/deep/x.jsonl a/é.txt b.txt");
    assertEquals(await find(`${folder}/b.txt`), "b.txt");
    assertEquals(await find(`${folder}/*.txt`), "b.txt");
    assertEquals(await find(`${folder}/**/*.txt`), "a/é.txt b.txt");
    assertEquals(await find(`${folder}/a/*.{md,txt}`), "Z.md é.txt");
    assertEquals(await find(`${folder}/{a,b}*`), "b.txt");
    assertEquals(await find(`${folder}/*/*/*.jsonl`), "a/deep/x.jsonl");
    assertEquals(await find(`${folder}/a/{deep/x.jsonl,Z.md}`), "Z.md deep/x.jsonl");
    await Deno.symlink(folder, `${folder}/a/loop`);
    await Deno.symlink(`${folder}/b.txt`, `${folder}/linked.txt`);
    await Deno.symlink(`${folder}/nowhere`, `${folder}/dangling.txt`);
    assertEquals(await find(folder), "a/Z.md a/deep/x.jsonl a/é.txt b.txt linked.txt");
  });
});

Deno.test("a glob matches as in a shell", async () => {
  const folder = await Deno.makeTempDir();
  const names = [
    "a.txt",
    "aXtxt",
    "a+(b).txt",
    "x.csv",
    "é.md",
    "b.md",
    "d.md",
    "a/a.txt",
    "a/b/c.md",
  ];
  await Deno.mkdir(`${folder}/a/b`, { recursive: true });
  for (const name of names) await Deno.writeTextFile(`${folder}/${name}`, name);
  const cases: [glob: string, matches: string[]][] = [
    ["*.txt", ["a+(b).txt", "a.txt"]],
    ["**/*.txt", ["a+(b).txt", "a.txt", "a/a.txt"]],
    ["a/**", ["a/a.txt", "a/b/c.md"]],
    ["?.md", ["b.md", "d.md", "é.md"]],
    ["[a-c].md", ["b.md"]],
    ["[!a-c].md", ["d.md", "é.md"]],
    ["?.{md,csv}", ["b.md", "d.md", "x.csv", "é.md"]],
    ["a+(b)*", ["a+(b).txt"]],
  ];
  for (const [glob, matches] of cases) {
    const found = await findFiles(`${folder}/${glob}`, [".txt", ".md", ".csv", "txt"]);
    const cut = glob.startsWith("a/") ? "a/" : "";
    assertEquals(found.map(({ name }) => cut + name), matches, glob);
  }
  for (const glob of ["[ab", "{a,b"]) {
    await assertRejects(() => findFiles(`${folder}/${glob}`, [".txt"]), Error, "got nothing there");
  }
});

Deno.test("a single text file is split at a line end, and nothing is lost or duplicated", async () => {
  const text = lines.join("\n");
  await withFiles({ "book.txt": text }, async (folder) => {
    for (const validationFraction of [0.001, 0.05, 0.5]) {
      for (const chunkBytes of [7, 64, 1000, 2 ** 20]) {
        const [train, validation] = await readBoth(folder, { validationFraction, chunkBytes });
        assertEquals(train.join("") + validation.join(""), text);
        assert(train.at(-1)?.endsWith("\n"), "divided at a line's end");
        const share = new TextEncoder().encode(validation.join("")).length /
          new TextEncoder().encode(text).length;
        assert(share >= validationFraction && share < validationFraction + 0.03, `share ${share}`);
      }
    }
  });
});

Deno.test("text without lines is split at spaces, and text without spaces between characters", async () => {
  for (const text of [lines.join(" "), "é€😀".repeat(200)]) {
    await withFiles({ "book.md": text }, async (folder) => {
      for (const chunkBytes of [11, 100, 2 ** 20]) {
        const [train, validation] = await readBoth(folder, { chunkBytes });
        assertEquals(train.join("") + validation.join(""), text);
        if (text.includes(" ")) {
          assert(train.every((part) => part.endsWith(" ")), "divided at a space");
        }
      }
    });
  }
});

Deno.test("no text file of many is in both splits", async () => {
  const files = Object.fromEntries(
    lines.map((line, i) => [`${String(i).padStart(3, "0")}.txt`, line]),
  );
  await withFiles(files, async (folder) => {
    const [train, validation] = await readBoth(folder);
    assertEquals([...train, ...validation], lines);
    assert(validation.length >= 3 && validation.length <= 10, `${validation.length} files`);
  });
});

Deno.test("each line of a jsonl file is a document, whatever the chunk size", async () => {
  const rows = lines.map((text, i) => JSON.stringify({ id: i, text }));
  await withFiles({
    "a.jsonl": rows.slice(0, 60).join("\r\n"),
    "b.jsonl": `${rows.slice(60).join("\n\n")}\n`,
  }, async (folder) => {
    for (const chunkBytes of [5, 50, 300, 2 ** 20]) {
      const [train, validation] = await readBoth(folder, { chunkBytes });
      assertEquals([...train, ...validation], lines);
      assert(validation.length >= 3 && validation.length <= 8, `${validation.length} lines`);
    }
    assertEquals(
      (await readBoth(folder, { field: "text" }))[0].length,
      (await readBoth(folder))[0].length,
    );
  });
});

Deno.test("the last line is validation even if there are only two", async () => {
  await withFiles(
    { "a.jsonl": '{"text":"one"}\n{"text":"a longer second line"}\n' },
    async (folder) => {
      assertEquals(await readBoth(folder), [["one"], ["a longer second line"]]);
    },
  );
});

Deno.test("a mark of byte order, Windows' line ends, and lines without text are no documents", async () => {
  const lines = ['{"text":"a"}', '{"text":null}', "", '{"text":""}', '{"text":"b"}'];
  const last = '{"text":"the last line is validation"}';
  await withFiles({ "a.jsonl": `\ufeff${[...lines, last].join("\r\n")}\r\n` }, async (folder) => {
    assertEquals(await readBoth(folder), [["a", "b"], ["the last line is validation"]]);
  });
});

Deno.test("a malformed line is an error with the file and the line number", async () => {
  const good = '{"text":"a good line"}\n';
  const cases: [string, typeof SyntaxError | typeof TypeError, string][] = [
    ['{"text": "open', SyntaxError, 'wanted a JSON object with a "text" field, got {"text": "open'],
    ["[1]", SyntaxError, 'wanted a JSON object with a "text" field, got a list'],
    ["null", SyntaxError, 'wanted a JSON object with a "text" field, got null'],
    [
      '{"txt":"x","id":1}',
      TypeError,
      'wanted a string in the field "text", got the fields "txt", "id"',
    ],
    ['{"text":7}', TypeError, 'wanted a string in the field "text", got a number'],
    ['{"text":{}}', TypeError, 'wanted a string in the field "text", got an object'],
    [`{${"x".repeat(500)}`, SyntaxError, `field, got {${"x".repeat(79)}…`],
    [`{"${"x".repeat(500)}":1}`, TypeError, `got the fields "${"x".repeat(79)}…`],
  ];
  for (const [line, errorClass, message] of cases) {
    for (const chunkBytes of [40, 2 ** 20]) {
      await withFiles(
        { "a.jsonl": `${good.repeat(12)}${line}\n${good.repeat(20)}` },
        async (folder) => {
          const error = await assertRejects(
            () => readBoth(folder, { chunkBytes }),
            errorClass,
            `Cannot read line 13 of "${folder}/a.jsonl": wanted`,
          );
          assertStringIncludes(error.message, message);
        },
      );
    }
  }
});

Deno.test("a place with nothing to read is an error that says what was wanted", async () => {
  await withFiles({ "a.png": "", "b/c.pdf": "" }, async (folder) => {
    const missing = "wanted a file, a folder or a glob with matches, got nothing there";
    await assertRejects(
      () => openSource(`${folder}/none`),
      Error,
      `Cannot read the corpus "${folder}/none": ${missing}`,
    );
    await assertRejects(() => openSource(`${folder}/*.txt`), Error, missing);
    await assertRejects(() => openSource(`${folder}/none/*.txt`), Error, missing);
    await assertRejects(
      () => openSource(folder),
      Error,
      `Cannot read the corpus "${folder}": wanted files ending in .txt, .md, .jsonl, .parquet, got 2 others (a.png, b/c.pdf)`,
    );
    await Deno.mkdir(`${folder}/empty`);
    await assertRejects(() => openSource(`${folder}/empty`), Error, "got no files");
  });
  await withFiles({ "a.txt": "a", "b.parquet": "b" }, async (folder) => {
    await assertRejects(
      () => openSource(folder),
      Error,
      "wanted either parquet files or text files, got 1 and 1",
    );
  });
});

Deno.test("text that cannot be split is an error, not an empty validation split", async () => {
  for (
    const files of [{ "a.txt": "" }, { "a.txt": "x" }, { "a.jsonl": '{"text":"only one line"}\n' }]
  ) {
    await withFiles(files, async (folder) => {
      for (const split of ["train", "validation"] as const) {
        await assertRejects(
          () => textFiles(folder).open(split),
          RangeError,
          `Cannot split "${folder}": wanted text for training and for validation, got`,
        );
      }
    });
  }
  await withFiles({ "a.txt": "some text", "b.txt": " \n \n" }, async (folder) => {
    const split = await textFiles(folder, { validationFraction: 0.3 }).open("validation");
    await assertRejects(
      () => Array.fromAsync(texts(split)),
      RangeError,
      "wanted at least one document with text",
    );
  });
});

Deno.test("files that are not UTF-8, have changed or cannot be opened are errors with their path", async () => {
  await withFiles({ "a.txt": Uint8Array.of(0x61, 0xff, 0x62), "b.txt": "text" }, async (folder) => {
    const split = await textFiles(folder).open("train");
    await assertRejects(
      () => split.read(0),
      SyntaxError,
      `Cannot read "${folder}/a.txt": wanted text in UTF-8`,
    );
    await Deno.truncate(`${folder}/a.txt`, 1);
    await assertRejects(
      () => split.read(0),
      Error,
      `Cannot read "${folder}/a.txt": wanted 3 bytes at 0, got 1`,
    );
    await Deno.remove(`${folder}/a.txt`);
    await assertRejects(
      () => split.read(0),
      Error,
      `Cannot read "${folder}/a.txt": wanted a readable file`,
    );
    await assertRejects(() => split.read(9), RangeError, "wanted a chunk below 2, got 9");
  });
  await assertRejects(() => findFiles("a\0b", [".txt"]), Error, "wanted a readable file or folder");
});

Deno.test("options out of range are errors", () => {
  for (const validationFraction of [0, -1, 0.6, NaN]) {
    assertThrows(
      () => textFiles("x", { validationFraction }),
      RangeError,
      `at most 0.5, got ${validationFraction}`,
    );
  }
  assertThrows(
    () => textFiles("x", { chunkBytes: 0 }),
    RangeError,
    "wanted chunks of 1 or more bytes, got 0",
  );
});

Deno.test("a fingerprint depends on the contents of a folder, not on its location", async () => {
  const prints: string[] = [];
  for (const text of ["some text here", "some text here", "some other text"]) {
    await withFiles({ "a.txt": text }, async (folder) => {
      prints.push((await textFiles(folder).open("train")).fingerprint);
    });
  }
  assertEquals(prints[0], prints[1]);
  assert(prints[0] !== prints[2], "another size is another corpus");
});
