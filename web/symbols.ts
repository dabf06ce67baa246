/**
 * Code out of the sources, so that a page shows what ran and cannot drift from it.
 *
 * @module
 */

import { ts } from "./build_deps.ts";

/** The code of a symbol. */
export interface SymbolCode {
  /** The file, relative to the root of the repository. */
  readonly path: string;
  /** The line that it starts on, from 1. */
  readonly line: number;
  /** Its complete lines, without the comment above it, as HTML with marked keywords. */
  readonly html: string;
}

/**
 * Finds a symbol in a file.
 *
 * @param path The file, relative to the root of the repository.
 * @param source Its text.
 * @param symbol `function` or `Class.member`.
 * @throws {Error} If the file has no such symbol.
 *
 * @example
 * ```ts
 * import { symbolCode } from "./symbols.ts";
 *
 * const { line, html } = symbolCode("a.ts", "// one\nfunction two() {}\n", "two");
 * if (line !== 2 || html !== '<span class="k">function</span> two() {}') throw new Error(html);
 * ```
 */
export function symbolCode(path: string, source: string, symbol: string): SymbolCode {
  const file = parse(path, source);
  let node: ts.Node | undefined = file;
  for (const name of symbol.split(".")) node = node && memberOf(node, name);
  if (node === undefined) {
    throw new Error(`Cannot show the code: wanted "${symbol}" in ${path}, got a file without it`);
  }
  const lineAt = (position: number) => file.getLineAndCharacterOfPosition(position).line;
  const start = lineAt(node.getStart(file));
  const lines = linesOf(file).slice(start, lineAt(node.getEnd()) + 1);
  return { path, line: start + 1, html: lines.join("\n") };
}

/** A whole file, a line at a time, as HTML. */
export function fileLines(path: string, source: string): string[] {
  return linesOf(parse(path, source));
}

function parse(path: string, source: string): ts.SourceFile {
  return ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
}

function memberOf(parent: ts.Node, name: string): ts.Node | undefined {
  const isNamed = (one: ts.Declaration & { readonly name?: ts.Node }) =>
    one.name?.getText() === name;
  if (ts.isClassDeclaration(parent)) return parent.members.find(isNamed);
  if (!ts.isSourceFile(parent)) return undefined;
  return parent.statements.filter((one) =>
    ts.isFunctionDeclaration(one) || ts.isClassDeclaration(one)
  ).find(isNamed);
}

/** Escapes text for HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The class of a token: keyword, string, number. */
function classOf(kind: ts.SyntaxKind): string | null {
  if (kind >= ts.SyntaxKind.FirstKeyword && kind <= ts.SyntaxKind.LastKeyword) return "k";
  if (kind === ts.SyntaxKind.NumericLiteral) return "n";
  const isText = kind === ts.SyntaxKind.StringLiteral ||
    (kind >= ts.SyntaxKind.FirstTemplateToken && kind <= ts.SyntaxKind.LastTemplateToken);
  return isText ? "s" : null;
}

/** The lines of a file as HTML; what a token has before it are comments and spaces. */
function linesOf(file: ts.SourceFile): string[] {
  const html: string[] = [];
  const mark = (start: number, end: number, name: string | null) => {
    const lines = escapeHtml(file.text.slice(start, end)).split("\n");
    const isMarked = (line: string) => name !== null && line.trim() !== "";
    const marked = lines.map((line) =>
      isMarked(line) ? `<span class="${name}">${line}</span>` : line
    );
    html.push(marked.join("\n"));
  };
  const visit = (node: ts.Node): void => {
    const children = node.getChildren(file).filter((child) => !ts.isJSDoc(child));
    if (children.length > 0) return children.forEach(visit);
    mark(node.pos, node.getStart(file), "c");
    mark(node.getStart(file), node.getEnd(), classOf(node.kind));
  };
  visit(file);
  return html.join("").split("\n");
}
