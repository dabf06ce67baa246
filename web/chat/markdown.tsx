/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/**
 * Answers in Markdown, which many models write. Markup of HTML in them stays text, and a link leads to the
 * web or nowhere.
 *
 * @module
 */

import { type MarkdownToken, type MarkdownTokens, readMarkdown } from "../chat_deps.ts";
import { type JSX, useMemo } from "../deps.ts";
import { words } from "../words/chat.ts";
import { CopyButton } from "./copy.tsx";

/** A token of Markdown, with the tokens in it. */
type Token = MarkdownTokens.Generic | MarkdownToken;

/** An answer. One paragraph stays in the line that it stands in. */
export function Markdown({ text }: { readonly text: string }): JSX.Element {
  const tokens = useMemo(() => tokensOf(text), [text]);
  const [first, ...others] = tokens;
  if (first?.type === "paragraph" && others.length === 0) return <span>{inline(first)}</span>;
  return <div class="prose">{tokens.map(block)}</div>;
}

/** A line that begins with more marks of quotes and lists than anybody nests: reading it takes long. */
const TOO_DEEP = /^(?:[ \t]*(?:>|(?:[-*+]|\d+[.)])(?=[ \t]))){20}/m;

/** Reads a text; one that is nested too deeply is one paragraph. */
function tokensOf(text: string): readonly Token[] {
  if (TOO_DEEP.test(text)) {
    return [{ type: "paragraph", raw: text, text, tokens: [{ type: "text", raw: text, text }] }];
  }
  const tokens = readMarkdown(text, { gfm: true, breaks: true });
  return tokens.filter(({ type }) => type !== "space" && type !== "def");
}

function block(given: Token, key: number): JSX.Element | string {
  const token = given as MarkdownToken;
  switch (token.type) {
    case "paragraph":
      return <p key={key} dir="auto">{inline(token)}</p>;
    case "heading": {
      // The page has headings of the first two levels.
      const Heading = `h${Math.min(token.depth + 2, 6)}` as "h3";
      return <Heading key={key} dir="auto">{inline(token)}</Heading>;
    }
    case "code":
      return <Code key={key} text={token.text} language={token.lang ?? ""} />;
    case "blockquote":
      return <blockquote key={key}>{token.tokens.map(block)}</blockquote>;
    case "hr":
      return <hr key={key} />;
    case "list":
      return <List key={key} of={token as MarkdownTokens.List} />;
    case "table":
      return <Table key={key} of={token as MarkdownTokens.Table} />;
    // The text of an item.
    case "text":
      return <span key={key} dir="auto">{inline(token)}</span>;
    case "space":
    case "def":
    case "checkbox":
      return "";
    default:
      return <p key={key}>{token.raw}</p>;
  }
}

function List(
  { of: { ordered, start, items } }: { readonly of: MarkdownTokens.List },
): JSX.Element {
  const rows = items.map(({ task, checked, tokens }, i) => (
    <li key={i}>
      {task ? (checked ? "☑ " : "☐ ") : ""}
      {tokens.map(block)}
    </li>
  ));
  return ordered ? <ol start={Number(start)}>{rows}</ol> : <ul>{rows}</ul>;
}

function Table({ of: { header, rows } }: { readonly of: MarkdownTokens.Table }): JSX.Element {
  const cells = (all: readonly MarkdownTokens.TableCell[], Cell: "th" | "td") =>
    all.map((cell, i) => <Cell key={i} class={cell.align ?? ""}>{inline(cell)}</Cell>);
  return (
    <div
      class="scroll"
      tabIndex={0}
      role="region"
      aria-label={words.table(header.map(({ text }) => text).join(", "))}
    >
      <table>
        <thead>
          <tr>{cells(header, "th")}</tr>
        </thead>
        <tbody>{rows.map((row, i) => <tr key={i}>{cells(row, "td")}</tr>)}</tbody>
      </table>
    </div>
  );
}

function Code({ text, language }: {
  readonly text: string;
  readonly language: string;
}): JSX.Element {
  return (
    <figure class="code">
      <figcaption>
        {language}
        <CopyButton text={() => text} />
      </figcaption>
      <pre tabIndex={0} role="region" aria-label={words.code(language)}>
        <code>{text}</code>
      </pre>
    </figure>
  );
}

/** The content of a line. */
function inline({ tokens = [] }: { readonly tokens?: readonly Token[] }): (JSX.Element | string)[] {
  return tokens.map((given, key) => {
    const token = given as MarkdownToken;
    switch (token.type) {
      case "strong":
        return <strong key={key}>{inline(token)}</strong>;
      case "em":
        return <em key={key}>{inline(token)}</em>;
      case "del":
        return <del key={key}>{inline(token)}</del>;
      case "codespan":
        return <code key={key}>{token.text}</code>;
      case "br":
        return <br key={key} />;
      case "link":
        return isOnWeb(token.href)
          ? (
            <a key={key} href={token.href} target="_blank" rel="noopener noreferrer">
              {inline(token)}
            </a>
          )
          : token.raw;
      case "escape":
        return token.text;
      case "text":
        return token.tokens === undefined
          ? token.text
          : <span key={key}>{inline({ tokens: token.tokens })}</span>;
      // Pictures, which would be requested, and HTML.
      default:
        return token.raw;
    }
  });
}

const isOnWeb = (address: string): boolean => /^https?:\/\//i.test(address);
