/** Parquet files with lists and structs, in the form in which the hub exports data sets. @module */

import { parquetWriteBuffer, type SchemaElement } from "npm:hyparquet-writer@0.17.0";

/** A column's schema: text, whole numbers, a list, or a struct of named columns. */
type Shape = "text" | "int64" | readonly [Shape] | { readonly [name: string]: Shape };

/** The columns of the data sets that tests have rows of. */
const shapes: Readonly<Record<string, Shape>> = {
  messages: [{ content: "text", role: "text" }],
  choices: { text: ["text"], label: ["text"] },
  answer: "int64",
};

/**
 * A parquet file with a column for each member of the first row. Members called `messages` and
 * `choices` are nested unless they are lists of text, numbers are whole, all others are text.
 */
export function nestedTable(
  rows: readonly Readonly<Record<string, unknown>>[],
  rowGroupSize = 100,
): Uint8Array<ArrayBuffer> {
  const names = Object.keys(rows[0]!);
  const columns = names.map((name) => {
    const sample = rows[0]![name];
    const shape = typeof sample === "string"
      ? "text"
      : Array.isArray(sample) && sample.every((item) => typeof item === "string")
      ? ["text"] as const
      : shapes[name]!;
    const data = rows.map((row) => shape === "int64" ? BigInt(row[name] as number) : row[name]);
    return { name, shape, data };
  });
  const schema: SchemaElement[] = [
    { name: "schema", num_children: names.length },
    ...columns.flatMap(({ name, shape }) => elements(name, shape)),
  ];
  const columnData = columns.map(({ name, data }) => ({ name, data }));
  return new Uint8Array(parquetWriteBuffer({ schema, columnData, rowGroupSize }));
}

function elements(name: string, shape: Shape): SchemaElement[] {
  const optional = { name, repetition_type: "OPTIONAL" } as const;
  if (shape === "text") return [{ ...optional, type: "BYTE_ARRAY", converted_type: "UTF8" }];
  if (shape === "int64") return [{ ...optional, type: "INT64" }];
  if (Array.isArray(shape)) {
    return [
      { ...optional, num_children: 1, converted_type: "LIST" },
      { name: "list", repetition_type: "REPEATED", num_children: 1 },
      ...elements("element", shape[0]),
    ];
  }
  const members = Object.entries(shape);
  return [
    { ...optional, num_children: members.length },
    ...members.flatMap(([name, shape]) => elements(name, shape)),
  ];
}
