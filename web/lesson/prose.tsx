/** @jsxImportSource npm:preact@11.2.0 */

/**
 * The lesson out of a part of Markdown: headings with addresses, paragraphs, `code`, tables, blocks of code,
 * formulas in TeX after `$$`, and quotes, which are questions to answer before trying. `[WORDS](light:NAME)`
 * lights up the parts of the figure of that name, `[WORDS](note:NAME)` has the note of that name, and
 * `[WORDS](https://…)` is a link. `@widget NAME TITLE` names what stands beside a text, `@wide NAME TITLE`
 * what takes all of the width below it, `@code PATH#SYMBOL` the code that computes it, and `@read TEXT`
 * where to read on.
 *
 * @module
 */

import { katex } from "../build_deps.ts";
import type { JSX } from "../deps.ts";
import { Table } from "../parts/rows.tsx";
import { notes } from "../words/notes.ts";
import { words } from "../words/page.ts";

/** The content below a heading. */
export interface Prose {
  readonly title: string;
  /** Paragraphs, formulas and questions. */
  readonly blocks: readonly JSX.Element[];
  /** The widgets, in order. */
  readonly widgets: readonly (readonly [name: string, title: string])[];
  /** Whether they take all of the width. */
  readonly isWide: boolean;
  /** About how long it takes to read and to try. */
  readonly minutes: number;
  /** The code that is shown, as `path#symbol`. */
  readonly code: readonly string[];
  /** Where to read on. */
  readonly more: readonly JSX.Element[];
  /** The names of the notes on its words. */
  readonly notes: readonly string[];
}

const WORDS_PER_MINUTE = 180;
const MINUTES_PER_WIDGET = 2;

/** The sections of a file by their addresses; the first one has none. */
export function readProse(source: string): Map<string, Prose> {
  return new Map(
    source.split(/^#+ /m).slice(1).map((part) => {
      const [heading = "", ...blocks] = part.trim().split("\n\n");
      const [, title = heading, id = ""] = /^(.*) \{#(\w+)\}$/.exec(heading) ?? [];
      const named = (kind: string) =>
        blocks.flatMap((text) => text.startsWith(kind) ? [text.slice(kind.length)] : []);
      const texts = blocks.filter((text) => !text.startsWith("@"));
      const wide = named("@wide ");
      const widgets = [...wide, ...named("@widget ")].map((text) => {
        const [name = "", ...title] = text.split(" ");
        return [name, title.join(" ")] as const;
      });
      const length = texts.join(" ").split(/\s+/).length;
      return [id, {
        title,
        blocks: texts.map((text, i) => <Block key={i} text={text} />),
        widgets,
        isWide: wide.length > 0,
        minutes: Math.ceil(length / WORDS_PER_MINUTE) + MINUTES_PER_WIDGET * widgets.length,
        code: named("@code "),
        more: named("@read ").map((text) => (
          <Paragraph key={text} text={`${words.read} ${text}`} />
        )),
        notes: Array.from(part.matchAll(/\]\(note:(\w+)\)/g), ([, name]) =>
          name!),
      }];
    }),
  );
}

function Block({ text }: { readonly text: string }): JSX.Element {
  if (text.startsWith("| ")) return <MarkdownTable lines={text.split("\n")} />;
  if (text.startsWith("```")) {
    return (
      <pre>
        <code>{text.split("\n").slice(1, -1).join("\n")}</code>
      </pre>
    );
  }
  if (text.startsWith("$$ ")) return <Formula tex={text.slice(3)} />;
  if (!text.startsWith("> ")) return <Paragraph text={text} />;
  const [asked = "", answer = ""] = text.replace(/^> ?/gm, "").split("\n\n");
  const isTried = asked.startsWith(words.predict);
  const question = isTried ? asked.slice(words.predict.length) : asked;
  return (
    <details class="predict">
      <summary>
        {isTried && <b>{words.predict}</b>}
        {inline(question)}
      </summary>
      <Paragraph text={answer} />
    </details>
  );
}

function Paragraph({ text }: { readonly text: string }): JSX.Element {
  return <p>{inline(text)}</p>;
}

/** A text with `code` in it. */
function inline(text: string): (string | JSX.Element)[] {
  const parts = text.replaceAll("\n", " ").split("`");
  return parts.map((part, i) =>
    i % 2 === 0 ? <Words key={i} text={part} /> : <code key={i}>{part}</code>
  );
}

/** Text with words that light up a part of the figure, are explained by a note, or lead elsewhere. */
function Words({ text }: { readonly text: string }): JSX.Element {
  const parts = text.split(/\[([^\]]+)\]\((\w+):([^)\s]+)\)([.,:;]?)/);
  return (
    <>
      {parts.map((part, i) => {
        if (i % 5 === 0) return part;
        if (i % 5 !== 1) return null;
        const [kind, to, sign] = parts.slice(i + 1, i + 4) as [string, string, string];
        if (kind === "https") return [<a key={i} href={`https:${to}`}>{part}</a>, sign];
        const button = kind === "note"
          ? <Noted name={to}>{part}</Noted>
          : <button type="button" class="light" data-light={to}>{part}</button>;
        // A sign after a button stays in its line: before and after a button a line may end.
        return <span key={i} class="glued">{button}{sign}</span>;
      })}
    </>
  );
}

/** A word with a note, which is shown by a click, even without a script. */
function Noted({ name, children }: { readonly name: string; readonly children: string }) {
  const id = noteId(name);
  return (
    <button
      type="button"
      class="noted"
      popovertarget={id}
      popovertargetaction="show"
      aria-describedby={id}
    >
      {children}
    </button>
  );
}

const noteId = (name: string) => `note-${name}`;

/**
 * Notes on words, each of which is shown beside its word.
 *
 * @throws {Error} If there is no note of a name.
 */
export function Notes({ names }: { readonly names: readonly string[] }): JSX.Element {
  return (
    <>
      {names.map((name) => {
        const text = notes[name];
        if (text === undefined) {
          throw new Error(`Cannot build the lesson: wanted a note in words/notes.ts, got ${name}`);
        }
        return (
          <p key={name} id={noteId(name)} class="note" role="tooltip" popover="auto">{text}</p>
        );
      })}
    </>
  );
}

function MarkdownTable({ lines }: { readonly lines: readonly string[] }): JSX.Element {
  const [head = [], , ...rows] = lines.map((line) => line.split("|").slice(1, -1));
  return (
    <Table
      head={head.map((cell) => cell.trim())}
      rows={rows.map((cells) => cells.map((cell, i) => <Words key={i} text={cell.trim()} />))}
    />
  );
}

function Formula({ tex }: { readonly tex: string }): JSX.Element {
  const options = { output: "mathml", displayMode: true, strict: true } as const;
  // Formulas side by side are below each other on a narrow screen.
  const mathml = tex.split("\\qquad").map((one) => katex.renderToString(one, options)).join("");
  // The TeX is in it once more, which no page shows.
  const html = mathml.replace(/<annotation.*?<\/annotation>/gs, "");
  return <div class="formula" tabIndex={0} dangerouslySetInnerHTML={{ __html: html }} />;
}
