import { assertEquals, assertRejects } from "@std/assert";
import {
  asMarkdown,
  format,
  readResults,
  type Row,
  type Session,
  writeResults,
} from "./results.ts";

const row: Row = {
  name: "sums",
  device: "cpu",
  unit: "GB/s",
  ratio: 2.5,
  spread: [2, 3],
  wanted: 3,
  ours: { library: "nanodino", value: 12_345 },
  others: [{ library: "a", value: 1.234 }, { library: "b", value: null, reason: "not here" }],
};

const session: Session = {
  date: "2026-01-01T00:00:00Z",
  machine: { threads: 2 },
  versions: {},
  rows: [row],
};

Deno.test("the table lists what was measured, what was not and why, and which targets are missed", () => {
  assertEquals(asMarkdown([{ ...row, ratio: 3 }, row]).split("\n").slice(2), [
    "| sums | 12,345 GB/s | a: 1.23 | 3.00 × | 3.00 × |",
    "| sums | 12,345 GB/s | a: 1.23 | 2.50 × | 3.00 ×, missed |",
    "",
    "Not measured: b; not here.",
  ]);
});

Deno.test("numbers have three significant digits", () => {
  assertEquals([0.01234, 1.5, 99.94, 123.4, 1234567].map(format), [
    ...["0.0123", "1.50", "99.9", "123", "1,234,567"],
  ]);
});

Deno.test("writing replaces the rows that were measured, and keeps all others with their origin", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/results.json`;
    const matmul: Row = { ...row, name: "matmul" };
    await writeResults(path, { ...session, rows: [row, matmul] });
    const shown = async () =>
      (await readResults(path)).sessions.map(({ date, machine, rows }) => [
        date.slice(0, 10),
        machine.threads,
        ...rows.map(({ name, ratio }) => `${name} ${ratio}`),
      ]);

    await writeResults(path, { ...session, rows: [{ ...row, ratio: 4 }] });
    assertEquals(await shown(), [["2026-01-01", 2, "matmul 2.5", "sums 4"]]);

    const later = { ...session, date: "2026-01-02T00:00:00Z" };
    await writeResults(path, { ...later, rows: [{ ...row, ratio: 5 }] });
    assertEquals(await shown(), [["2026-01-01", 2, "matmul 2.5"], ["2026-01-02", 2, "sums 5"]]);

    const elsewhere = { ...later, machine: { threads: 8 } };
    await writeResults(path, { ...elsewhere, rows: [{ ...row, ratio: 6 }] });
    assertEquals(await shown(), [["2026-01-01", 2, "matmul 2.5"], ["2026-01-02", 8, "sums 6"]]);
    assertEquals([...Deno.readDirSync(folder)].length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a file that holds no results is an error, and stays as it is", async () => {
  const path = await Deno.makeTempFile();
  try {
    for (const content of ["{", "[]", '{ "rows": [] }']) {
      await Deno.writeTextFile(path, content);
      await assertRejects(
        () => writeResults(path, session),
        Error,
        "wanted a file that bench:peers",
      );
      assertEquals(await Deno.readTextFile(path), content);
    }
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("without results the error says who writes them", async () => {
  await assertRejects(() => readResults("/nowhere/results.json"), Error, "bench:peers");
});
