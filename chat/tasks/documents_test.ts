import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { documentConversations, readDocuments, sectionsOf } from "./documents.ts";

/** A folder with the given files. */
async function write(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await Deno.makeTempDir();
  for (const [name, content] of Object.entries(files)) {
    await Deno.mkdir(`${folder}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(`${folder}/${name}`, bytes);
  }
  return folder;
}

Deno.test("documents are the text files below a folder or of a glob, without the empty ones", async () => {
  const folder = await write({
    "a.md": "# A\none",
    "deep/b.txt": "two",
    "deep/empty.md": " \n",
    "c.png": "no",
  });
  const names = async (place: string) => (await readDocuments(place)).map(({ name }) => name);
  assertEquals(await names(folder), ["a.md", "deep/b.txt"]);
  assertEquals(await names(`${folder}/**/*.md`), ["a.md"]);
  assertEquals(await names(`${folder}/deep/b.txt`), ["b.txt"]);
});

Deno.test("a place without text files, or with others, is an error that names it", async () => {
  const folder = await write({
    "empty.md": "",
    "blank.txt": "\n\n",
    "latin/one.txt": Uint8Array.of(0x66, 0xfc, 0x72),
  });
  const cases: [string, string][] = [
    [
      `${folder}/*.rtf`,
      `"${folder}/*.rtf": wanted a file, a folder or a glob with matches, got no`,
    ],
    // A bracket that is not closed is an ordinary letter.
    [`${folder}/[a.md`, `"${folder}/[a.md": wanted a file, a folder or a glob`],
    [`${folder}/none`, `"${folder}/none": wanted a file, a folder or a glob`],
    [
      `${folder}/*.{md,txt}`,
      `Cannot learn from ${folder}/*.{md,txt}: wanted text, got empty files`,
    ],
    [
      `${folder}/latin`,
      `Cannot read ${folder}/latin/one.txt: wanted text in UTF-8, got other bytes`,
    ],
  ];
  for (const [place, message] of cases) {
    await assertRejects(() => readDocuments(place), Error, message);
  }
});

Deno.test("headings divide a document, sentences divide what is below them", () => {
  const long = `${"The river is long and it flows to the sea. ".repeat(12).trim()}`;
  const sections = sectionsOf([
    {
      name: "notes/my-trip_log.md",
      text: `Before.\n\n# Rivers #\n${long}\n\n## Empty\n\n### Sea\nIt is\nblue.`,
    },
    { name: "plain.txt", text: "x".repeat(600) },
  ]);
  assertEquals(sections.map(({ subject }) => subject), ["my trip log", "Rivers", "Sea", "plain"]);
  assertEquals(sections[2]!.pieces, ["It is blue."]);
  assertEquals(sections[1]!.pieces.join(" "), long);
  assertEquals(sections[3]!.pieces.join(""), "x".repeat(600));
  for (const { pieces } of sections) {
    for (const piece of pieces) assert(piece.length <= 240 && piece === piece.trim(), piece);
  }
});

Deno.test("conversations ask for every piece, and go on with the next one", () => {
  const pieces = Array.from({ length: 6 }, (_, i) => `Piece number ${i} is here.`);
  const text = `# Numbers\n${pieces.join("\n\n")}`;
  const task = documentConversations([{ name: "a.md", text }]);
  assertEquals(task.length, 180);
  const answered = new Map<string, number>();
  for (let i = 0; i < task.length; i++) {
    const { messages } = task.get(i);
    assertEquals(task.get(i).messages, messages);
    const answers = messages.filter(({ role }) => role === "assistant").map(({ content }) =>
      content
    );
    const first = pieces.indexOf(`${answers[0]}`);
    assertEquals(answers, pieces.slice(first, first + answers.length));
    const question = `${messages[0]!.content}`;
    assert(question.includes(first === 0 ? "Numbers" : "Go on: Piece number"), question);
    for (const answer of answers) answered.set(`${answer}`, (answered.get(`${answer}`) ?? 0) + 1);
  }
  assert([...answered.values()].every((times) => times > 20), `${[...answered.values()]}`);
  assertEquals(answered.size, 6);
  assertThrows(
    () => documentConversations([{ name: "a.md", text: "# One\n## Two" }]),
    RangeError,
    "wanted documents with text, got headings only",
  );
});
