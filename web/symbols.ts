/**
 * Code out of the sources, so that a page shows what ran and cannot drift from it.
 *
 * @module
 */

import { ts } from "./build_deps.ts";
import { escapeHtml } from "./escape.ts";

/** The code of a symbol. */
export interface SymbolCode {
  /** The file, relative to the root of the repository. */
  readonly path: string;
  /** The line that it starts on, from 1. */
  readonly line: number;
  /**
   * Its lines as HTML with marked keywords: without the comment above it, and without the checks that
   * throw an error, which are not what is learned from.
   */
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
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  let node: ts.Node | undefined = file;
  for (const name of symbol.split(".")) node = node && memberOf(node, name);
  if (node === undefined) {
    throw new Error(`Cannot show the code: wanted "${symbol}" in ${path}, got a file without it`);
  }
  const lineAt = (position: number) => file.getLineAndCharacterOfPosition(position).line;
  const start = lineAt(node.getStart(file));
  const checks = new Set<number>();
  const visit = (one: ts.Node): void => {
    if (!isCheck(one)) return ts.forEachChild(one, visit);
    for (let line = lineAt(one.getStart(file)); line <= lineAt(one.getEnd()); line++) {
      checks.add(line);
    }
  };
  visit(node);
  const end = lineAt(node.getEnd());
  const lines = linesOf(source).filter((_, line) =>
    line >= start && line <= end && !checks.has(line)
  );
  return { path, line: start + 1, html: lines.join("\n") };
}

/** Whether a statement only throws an error under a condition. */
function isCheck(node: ts.Node): boolean {
  if (!ts.isIfStatement(node) || node.elseStatement !== undefined) return false;
  const { thenStatement: then } = node;
  return ts.isThrowStatement(then) ||
    ts.isBlock(then) && then.statements.length === 1 && ts.isThrowStatement(then.statements[0]!);
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

const classes: Partial<Record<ts.TokenClass, string>> = {
  [ts.TokenClass.Keyword]: "k",
  [ts.TokenClass.NumberLiteral]: "n",
  [ts.TokenClass.StringLiteral]: "s",
  [ts.TokenClass.Comment]: "c",
};

/** The lines of a source as HTML with marked keywords, numbers, texts and comments. */
export function linesOf(source: string): string[] {
  const classifier = ts.createClassifier();
  let state = ts.EndOfLineState.None;
  return source.split("\n").map((line) => {
    const { entries, finalLexState } = classifier.getClassificationsForLine(line, state, true);
    state = finalLexState;
    let end = 0;
    return entries.map(({ length, classification }) => {
      const html = escapeHtml(line.slice(end, end += length));
      const name = classes[classification];
      return name === undefined ? html : `<span class="${name}">${html}</span>`;
    }).join("");
  });
}
