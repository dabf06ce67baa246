/** @jsxImportSource npm:preact@11.2.0 */

/**
 * The lesson out of a part of Markdown: headings with addresses, paragraphs, `code`, formulas in TeX
 * after `$$`, and quotes, which are questions to answer before trying. `@widget NAME TITLE` names what
 * lies below a text, and `@code PATH#SYMBOL` the code that computes it.
 *
 * @module
 */

import { katex } from "../build_deps.ts";
import type { JSX } from "../deps.ts";

/** What is below a heading. */
export interface Prose {
  readonly title: string;
  /** Paragraphs, formulas and questions. */
  readonly blocks: readonly JSX.Element[];
  /** Its widgets, in order. */
  readonly widgets: readonly (readonly [name: string, title: string])[];
  /** The code that is shown, as `path#symbol`. */
  readonly code: readonly string[];
}

/** The sections of a file by their addresses; the first one has none. */
export function readProse(source: string): Map<string, Prose> {
  return new Map(
    source.split(/^#+ /m).slice(1).map((part) => {
      const [heading = "", ...blocks] = part.trim().split("\n\n");
      const [, title = heading, id = ""] = /^(.*) \{#(\w+)\}$/.exec(heading) ?? [];
      const named = (kind: string) =>
        blocks.flatMap((text) => text.startsWith(kind) ? [text.slice(kind.length)] : []);
      return [id, {
        title,
        blocks: blocks.filter((text) => !text.startsWith("@"))
          .map((text, i) => <Block key={i} text={text} />),
        widgets: named("@widget ").map((text) => {
          const [name = "", ...title] = text.split(" ");
          return [name, title.join(" ")];
        }),
        code: named("@code "),
      }];
    }),
  );
}

function Block({ text }: { readonly text: string }): JSX.Element {
  if (text.startsWith("$$ ")) return <Formula tex={text.slice(3)} />;
  if (!text.startsWith("> ")) return <Paragraph text={text} />;
  const [question = "", answer = ""] = text.replace(/^> ?/gm, "").split("\n\n");
  return (
    <details class="predict">
      <summary>{question}</summary>
      <Paragraph text={answer} />
    </details>
  );
}

function Paragraph({ text }: { readonly text: string }): JSX.Element {
  const parts = text.replaceAll("\n", " ").split("`");
  return <p>{parts.map((part, i) => i % 2 === 0 ? part : <code key={i}>{part}</code>)}</p>;
}

function Formula({ tex }: { readonly tex: string }): JSX.Element {
  const options = { output: "mathml", displayMode: true, strict: true } as const;
  // Formulas side by side are below each other on a narrow screen.
  const mathml = tex.split("\\qquad").map((one) => katex.renderToString(one, options)).join("");
  // The TeX is in it once more, which no page shows.
  const html = mathml.replace(/<annotation.*?<\/annotation>/gs, "");
  return <div class="formula" tabIndex={0} dangerouslySetInnerHTML={{ __html: html }} />;
}
