/**
 * The user's documents, and conversations about them.
 *
 * @module
 */

import { findFiles } from "../../data/files.ts";
import type { Message } from "../../tokenizer/mod.ts";
import { readText } from "../files/read_text.ts";
import { type PythonRandom, randomOf } from "../random/python_random.ts";
import type { Task } from "./task.ts";

/** A document to learn from. */
export interface OwnDocument {
  /** The path of its file, relative to the searched folder. */
  readonly name: string;
  /** The text. */
  readonly text: string;
}

/**
 * Reads documents: `.txt` and `.md` files in UTF-8. Empty ones are left out.
 *
 * @param place A file, a folder, which is searched with all folders in it, or a glob, `notes/*.md`.
 * @throws {Error} If there is no such file, one of them is not UTF-8, or none has text.
 *
 * @example
 * ```ts
 * import { readDocuments } from "./documents.ts";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/rivers.md`, "# Rivers\nThe Nile is long.\n");
 * const [document] = await readDocuments(`${folder}/*.md`);
 * if (document?.name !== "rivers.md") throw new Error("expected the file");
 * ```
 */
export async function readDocuments(place: string): Promise<OwnDocument[]> {
  const files = await findFiles(place, [".txt", ".md"]);
  const found: OwnDocument[] = [];
  for (const { path, name } of files) {
    const text = await readText(path);
    if (text.trim() !== "") found.push({ name, text });
  }
  if (found.length > 0) return found;
  throw new Error(`Cannot learn from ${place}: wanted text, got empty files`);
}

/** A part of a document: what it is about, and its text in pieces that fit into an answer. */
export interface Section {
  /** The heading, or the name of the file. */
  readonly subject: string;
  /** The text, at least one piece. */
  readonly pieces: readonly string[];
}

/** Characters of a piece: some sixty tokens. */
const MAX_PIECE = 240;

/**
 * Cuts documents into sections, at Markdown headings, and sections into pieces, at the ends of
 * sentences.
 *
 * @example
 * ```ts
 * import { sectionsOf } from "./documents.ts";
 *
 * const [first] = sectionsOf([{ name: "a.md", text: "# Rivers\nThe Nile is long.\n" }]);
 * if (first?.subject !== "Rivers") throw new Error("expected the heading");
 * if (first.pieces[0] !== "The Nile is long.") throw new Error("expected the text below it");
 * ```
 */
export function sectionsOf(documents: readonly OwnDocument[]): Section[] {
  return documents.flatMap(({ name, text }) => {
    const stem = name.slice(name.lastIndexOf("/") + 1).replace(/\.[^.]*$/, "");
    // Every second one is a heading: a text may begin without one.
    const [before, ...rest] = text.split(/^#{1,6}[ \t]+(.+?)[ \t#]*$/m);
    const parts: [string, string][] = [[stem.replaceAll(/[-_]+/g, " "), before!]];
    for (let i = 0; i < rest.length; i += 2) parts.push([rest[i]!.trim(), rest[i + 1]!]);
    return parts
      .map(([subject, text]): Section => ({ subject, pieces: piecesOf(text) }))
      .filter(({ pieces }) => pieces.length > 0);
  });
}

function piecesOf(text: string): string[] {
  const sentences = new Intl.Segmenter("en", { granularity: "sentence" });
  const pieces: string[] = [];
  for (const paragraph of text.split(/\n\s*\n/)) {
    let piece = "";
    const flat = paragraph.replaceAll(/\s+/g, " ").trim();
    for (const { segment } of sentences.segment(flat)) {
      if (piece !== "" && piece.length + segment.length > MAX_PIECE) {
        pieces.push(piece.trim());
        piece = "";
      }
      piece += segment;
      while (piece.length > MAX_PIECE) {
        const space = piece.lastIndexOf(" ", MAX_PIECE);
        const cut = space > 0 ? space : MAX_PIECE;
        pieces.push(piece.slice(0, cut).trim());
        piece = piece.slice(cut);
      }
    }
    if (piece.trim() !== "") pieces.push(piece.trim());
  }
  return pieces;
}

/** Maximum exchanges about one section in a conversation. */
const MAX_EXCHANGES = 4;

/** Number of words that a question quotes from a piece. */
const QUOTED_WORDS = 5;

/**
 * A task of conversations about documents, each made when it is asked for: the user asks about a
 * heading, or gives the first words of a piece; the assistant answers with the text, and continues when it
 * is asked to.
 *
 * @param documents The documents to talk about.
 * @param size The number of conversations; by default every piece occurs about thirty times.
 * @param seed The seed of the random choices.
 * @throws {RangeError} If the documents hold nothing but headings.
 *
 * @example
 * ```ts
 * import { documentConversations } from "./documents.ts";
 *
 * const documents = [{ name: "a.md", text: "# Rivers\nThe Nile is long.\n" }];
 * const { messages } = documentConversations(documents).get(0);
 * if (messages[1]?.content !== "The Nile is long.") throw new Error("expected the text");
 * ```
 */
export function documentConversations(
  documents: readonly OwnDocument[],
  size?: number,
  seed = 1,
): Task {
  const sections = sectionsOf(documents);
  const places = sections.flatMap(({ pieces }, section) =>
    pieces.map((_, piece) => ({ section, piece }))
  );
  if (places.length === 0) {
    throw new RangeError(
      "Cannot make conversations: wanted documents with text, got headings only",
    );
  }
  return {
    name: `Documents (${documents.length})`,
    length: size ?? 30 * places.length,
    get: (index) => {
      const random = randomOf(seed, index);
      const place = random.random() < 0.5
        ? { section: random.randbelow(sections.length), piece: 0 }
        : random.choice(places);
      const { subject, pieces } = sections[place.section]!;
      const end = Math.min(pieces.length, place.piece + 1 + random.randbelow(MAX_EXCHANGES));
      return {
        messages: pieces.slice(place.piece, end).flatMap((piece, i): Message[] => [
          { role: "user", content: questionFor(random, subject, piece, place.piece, i) },
          { role: "assistant", content: piece },
        ]),
      };
    },
  };
}

function questionFor(
  random: PythonRandom,
  subject: string,
  piece: string,
  start: number,
  exchange: number,
): string {
  if (exchange > 0) return random.choice(["Go on.", "And then?", "What else?", "Tell me more."]);
  if (start > 0) return `Go on: ${piece.split(" ").slice(0, QUOTED_WORDS).join(" ")}`;
  return random.choice([
    `Tell me about ${subject}.`,
    `What do you know about ${subject}?`,
    `What is written about ${subject}?`,
    `What about ${subject}?`,
  ]);
}
