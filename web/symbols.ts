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
  /** Its lines, complete, without the comment above it. */
  readonly text: string;
  /** The same with the words of the language marked, as HTML. */
  readonly html: string;
}

/**
 * Finds a symbol in a file.
 *
 * @param path The file, relative to the root of the repository.
 * @param source Its text.
 * @param symbol `function`, `Class.member` or `constant`.
 * @throws {Error} If the file has no such symbol.
 *
 * @example
 * ```ts
 * import { symbolCode } from "./symbols.ts";
 *
 * const { line, text } = symbolCode("a.ts", "// one\nexport const two = 2;\n", "two");
 * if (line !== 2 || text !== "export const two = 2;") throw new Error(`${line}: ${text}`);
 * ```
 */
export function symbolCode(path: string, source: string, symbol: string): SymbolCode {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  let node: ts.Node | undefined = file;
  for (const name of symbol.split(".")) node = node && memberOf(node, name);
  if (node === undefined) {
    throw new Error(`Cannot show the code: wanted "${symbol}" in ${path}, got a file without it`);
  }
  const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
  const start = file.getPositionOfLineAndCharacter(line, 0);
  const text = source.slice(start, node.getEnd());
  return { path, line: line + 1, text, html: highlight(file, start, node.getEnd()) };
}

/** A whole file, a line at a time, as HTML. */
export function fileLines(path: string, source: string): string[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  return [...file.getLineStarts()].map((start, i, starts) =>
    highlight(file, start, (starts[i + 1] ?? source.length + 1) - 1)
  );
}

function memberOf(parent: ts.Node, name: string): ts.Node | undefined {
  if (ts.isSourceFile(parent)) {
    return parent.statements.find((statement) =>
      ts.isVariableStatement(statement)
        ? statement.declarationList.declarations.some((one) => one.name.getText() === name)
        : (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) ||
          ts.isInterfaceDeclaration(statement)) && statement.name?.text === name
    );
  }
  if (!ts.isClassDeclaration(parent)) return undefined;
  return parent.members.find((member) =>
    member.name?.getText() === name ||
    (name === "constructor" && ts.isConstructorDeclaration(member))
  );
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

/** Part of a file as HTML; what a token has before it are comments and spaces. */
function highlight(file: ts.SourceFile, from: number, to: number): string {
  const mark = (start: number, end: number, name: string | null): string => {
    const text = escapeHtml(file.text.slice(Math.max(start, from), Math.min(end, to)));
    return name === null || text.trim() === "" ? text : `<span class="${name}">${text}</span>`;
  };
  const html: string[] = [];
  const visit = (node: ts.Node): void => {
    if (node.getEnd() < from || node.pos > to || ts.isJSDoc(node)) return;
    const children = node.getChildren(file).filter((child) => !ts.isJSDoc(child));
    if (children.length > 0) return children.forEach(visit);
    const start = node.getStart(file);
    if (node.pos < to && start > from) html.push(mark(node.pos, Math.min(start, to), "c"));
    if (start < to && node.getEnd() > from) {
      html.push(mark(start, node.getEnd(), classOf(node.kind)));
    }
  };
  visit(file);
  return html.join("");
}
