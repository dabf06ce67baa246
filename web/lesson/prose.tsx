/** @jsxRuntime automatic */
/** @jsxImportSource npm:preact@11.2.0 */

/**
 * The text of the lesson out of a part of Markdown: headings with addresses, paragraphs, `code`,
 * formulas in TeX after `$$`, and quotes, which are questions to answer before trying.
 *
 * @module
 */

import { katex } from "../build_deps.ts";
import type { JSX } from "../deps.ts";

/** The text below a heading. */
export interface Prose {
  readonly title: string;
  /** Paragraphs, formulas and questions. */
  readonly blocks: readonly JSX.Element[];
}

/** The texts of a file by their addresses; the first one has none. */
export function readProse(source: string): Map<string, Prose> {
  return new Map(
    source.split(/^#+ /m).slice(1).map((part) => {
      const [heading = "", ...blocks] = part.trim().split("\n\n");
      const [, title = heading, id = ""] = /^(.*) \{#(\w+)\}$/.exec(heading) ?? [];
      return [id, { title, blocks: blocks.map((text, i) => <Block key={i} text={text} />) }];
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
  const mathml = katex.renderToString(tex, { output: "mathml", displayMode: true, strict: true });
  // The TeX is in it once more, which no page shows.
  const html = mathml.replace(/<annotation.*?<\/annotation>/s, "");
  return <div class="formula" tabIndex={0} dangerouslySetInnerHTML={{ __html: html }} />;
}
