/**
 * The import rule: which module may import which, and by what specifiers.
 *
 * Modules form layers, so that each can be read, tested and used with only those below it.
 * Everything loads from a URL without configuration, so product code uses full specifiers. Tests
 * and benchmarks are exempt.
 */

import ts from "npm:typescript@5.9.3";

/** The modules that each module may import. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  autograd: [],
  lessons: ["autograd", "tensor", "nn", "optim", "tokenizer"],
  tensor: ["autograd"],
  nn: ["tensor"],
  optim: ["tensor"],
  tokenizer: [],
  data: [],
  stories: [],
  mpi: [],
  gpt: ["autograd", "tensor", "nn", "optim", "tokenizer", "data", "mpi"],
  interchange: ["tensor", "tokenizer"],
  models: ["interchange", "gpt", "nn", "optim", "tensor", "tokenizer"],
  chat: ["gpt", "tensor", "optim", "tokenizer", "data", "stories"],
  serve: ["chat", "gpt", "tensor", "tokenizer"],
  web: [
    "autograd",
    "lessons",
    "tensor",
    "nn",
    "optim",
    "tokenizer",
    "data",
    "stories",
    "gpt",
    "chat",
    "serve",
  ],
  examples: ["tensor", "nn", "optim"],
  scripts: ["serve", "chat", "gpt", "tokenizer", "data", "stories", "models", "web"],
};

/** The files of other modules that pages may import, where the rest of their module needs files. */
const browserFiles: Readonly<Record<string, readonly string[]>> = {
  chat: ["chat/browser.ts", "chat/browser_internals.ts"],
  data: ["data/browser.ts"],
  gpt: ["gpt/browser.ts", "gpt/browser_internals.ts"],
  // The second has only types: what the server of the dashboard tells its pages.
  serve: ["serve/browser.ts", "serve/dashboard/messages.ts"],
};

/** Single files that may import more than their module. */
const extraArrows: Readonly<Record<string, readonly string[]>> = {
  // deno-fmt-ignore
  "mod.ts": [
    "autograd",
    "lessons",
    "tensor",
    "nn",
    "optim",
    "tokenizer",
    "data",
    "stories",
    "mpi",
    "gpt",
    "interchange",
    "models",
    "chat",
    "serve",
  ],
  "scripts/tour.ts": ["lessons"],
};

/**
 * Lists of packages whose imports are literals: those of pages, which are loaded only to build a page, and
 * in which a bundle has to find what it contains; and that of the commands, which all parse flags.
 */
const eagerPackages = ["web/deps.ts", "web/build_deps.ts", "web/chat_deps.ts", "scripts/deps.ts"];

/**
 * Files that import a module whose address they are given: that of the libraries of matmuls, which
 * `tensor/fast/cpu/libraries.ts` names.
 */
const givenImports = ["tensor/devices/cpu/worker.ts"];

/** The folder of fast paths, which may be deleted, and the only import of it from outside. */
const fastPaths = {
  folder: "tensor/fast/",
  entry: "tensor/fast/mod.ts",
  importer: "tensor/mod.ts",
};

/** The folders of `tensor/` from formulas to what is fast: each may import those before it. */
const tensorFolders = ["formula", "kernel", "devices", "ops", "fast"];

/** Modules that run in a browser, without `node:`. */
const browserModules = ["autograd", "lessons", "tensor", "nn", "optim", "tokenizer", "stories"];

export interface Import {
  /**
   * The string between the quotes, or the value of a constant of the file; what a template computes
   * is `*`. `null` if nothing is known.
   */
  readonly specifier: string | null;
  readonly line: number;
  /** Whether Deno downloads it when it loads the file: it is neither computed nor a type. */
  readonly isEager: boolean;
  /** Whether only types are imported, so that nothing of it is left when the file is run. */
  readonly isType: boolean;
}

/**
 * Finds all imports of a file: static, dynamic and type imports, re-exports, and files named by
 * `new URL("…", import.meta.url)`, as workers are.
 *
 * @param name Its name, which says whether it contains JSX.
 */
export function importsOf(source: string, name = "file.ts"): readonly Import[] {
  const key = `${name}\n${source}`;
  let imports = parsed.get(key);
  if (imports === undefined) parsed.set(key, imports = parseImports(source, name));
  return imports;
}

/** Parsing takes most of the time of the tests that follow imports. */
const parsed = new Map<string, readonly Import[]>();

function parseImports(source: string, name: string): readonly Import[] {
  const file = ts.createSourceFile(name, source, ts.ScriptTarget.Latest);
  const constants = constantsOf(file);
  const imports: Import[] = [];
  const visit = (node: ts.Node): void => {
    const found = importedBy(node);
    if (found !== undefined) {
      imports.push({
        specifier: textOf(found, constants) ?? null,
        line: file.getLineAndCharacterOfPosition(found.getStart(file)).line + 1,
        isEager: ts.isStringLiteralLike(found) && !isType(node),
        isType: importsTypes(node),
      });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return imports;
}

function constantsOf(file: ts.SourceFile): Map<string, string> {
  const constants = new Map<string, string>();
  for (const statement of file.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    if ((statement.declarationList.flags & ts.NodeFlags.Const) === 0) continue;
    for (const { name, initializer } of statement.declarationList.declarations) {
      const text = initializer && textOf(initializer, constants);
      if (ts.isIdentifier(name) && text !== undefined) constants.set(name.text, text);
    }
  }
  return constants;
}

/** The text of an expression, as far as it is known. */
function textOf(node: ts.Node, constants: ReadonlyMap<string, string>): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isIdentifier(node)) return constants.get(node.text);
  if (!ts.isTemplateExpression(node)) return undefined;
  const spans = node.templateSpans.map(({ expression, literal }) =>
    (textOf(expression, constants) ?? "*") + literal.text
  );
  return node.head.text + spans.join("");
}

function isType(node: ts.Node): boolean {
  if (ts.isImportDeclaration(node)) return node.importClause?.isTypeOnly ?? false;
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  return ts.isImportTypeNode(node);
}

/** Whether all that is imported are types, as a whole or name by name. */
function importsTypes(node: ts.Node): boolean {
  if (isType(node)) return true;
  const areTypes = (names: ts.NodeArray<ts.ImportSpecifier | ts.ExportSpecifier>) =>
    names.length > 0 && names.every(({ isTypeOnly }) => isTypeOnly);
  if (ts.isExportDeclaration(node)) {
    const names = node.exportClause;
    return names !== undefined && ts.isNamedExports(names) && areTypes(names.elements);
  }
  if (!ts.isImportDeclaration(node) || node.importClause === undefined) return false;
  const { name, namedBindings: names } = node.importClause;
  return name === undefined && names !== undefined && ts.isNamedImports(names) &&
    areTypes(names.elements);
}

/** The expression that names what a node imports, if any. */
function importedBy(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isImportTypeNode(node)) {
    return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument;
  }
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return node.arguments[0];
  }
  if (ts.isNewExpression(node) && isUrlOfModule(node)) return node.arguments?.[0];
  return undefined;
}

/** Whether an expression is `new URL("….ts", import.meta.url)`. */
function isUrlOfModule({ expression, arguments: given }: ts.NewExpression): boolean {
  const [path, base] = given ?? [];
  return ts.isIdentifier(expression) && expression.text === "URL" &&
    path !== undefined && ts.isStringLiteralLike(path) && path.text.endsWith(".ts") &&
    base !== undefined && ts.isPropertyAccessExpression(base) &&
    ts.isMetaProperty(base.expression);
}

/** Whether a file is a test, a benchmark, or a helper of these in a folder named `testing`. */
export function isTestOrBench(path: string): boolean {
  return /_(test|bench)\.tsx?$/.test(path) || /(^|\/)testing\/|^bench\//.test(path);
}

/** Checks every import of a file: a line for each violation, none for a test or benchmark. */
export function violationsIn(path: string, source: string): string[] {
  if (isTestOrBench(path)) return [];
  return importsOf(source, path).flatMap(({ specifier, line, isEager }) => {
    const problem = specifier === null
      ? givenImports.includes(path) ? null : "a computed import cannot be checked"
      : problemWith(path, specifier) ??
        (isEager && specifier.startsWith("npm:") && !eagerPackages.includes(path)
          ? `wanted "${specifier}" in a constant: Deno downloads a literal even if it is not used`
          : null);
    return problem === null ? [] : [`${path}:${line}: ${problem}`];
  });
}

/**
 * Finds files that import each other in a circle, tests and benches aside.
 *
 * Types do not count. They are gone when a file runs: no file has to be loaded for them, so they cannot
 * make a file depend on the order of loading, or pull in what it does not use. And a class whose methods
 * stand in other files has to name these in its type.
 *
 * @param files The content of files by their paths relative to the repository root.
 * @returns A line for each circle; empty if there is none.
 */
export function circlesIn(files: ReadonlyMap<string, string>): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (path: string): void => {
    const source = files.get(path);
    if (source === undefined || done.has(path) || isTestOrBench(path)) return;
    const start = way.indexOf(path);
    if (start >= 0) {
      circles.push([...way.slice(start), path].join(", "));
      return;
    }
    way.push(path);
    for (const imported of loadedBy(path, source)) visit(imported);
    way.pop();
    done.add(path);
  };
  for (const path of files.keys()) visit(path);
  return circles;
}

/**
 * Finds tests and benches that import the class of tensors, but load nowhere the file that adds its
 * operations: each of its methods would be undefined.
 *
 * @param files The content of files by their paths relative to the repository root.
 */
export function tensorsWithoutOperations(files: ReadonlyMap<string, string>): string[] {
  const [type, operations] = ["tensor/tensor.ts", "tensor/ops/methods.ts"];
  const loads = (path: string, seen: Set<string>): boolean => {
    if (path === operations) return true;
    const source = files.get(path);
    if (source === undefined || seen.has(path)) return false;
    seen.add(path);
    return loadedBy(path, source).some((imported) => loads(imported, seen));
  };
  return [...files].flatMap(([path, source]) =>
    isTestOrBench(path) && loadedBy(path, source).includes(type) && !loads(path, new Set())
      ? [path]
      : []
  );
}

/**
 * Finds names in the lists of what modules share, `internals.ts` and `browser_internals.ts`, that no file of
 * another module imports. Types do not count: they may be there only to be documented.
 *
 * @param files The content of files by their paths relative to the repository root.
 */
export function unusedInternals(files: ReadonlyMap<string, string>): string[] {
  const lists = [...files.keys()].filter((path) => /^\w+\/(browser_)?internals\.ts$/.test(path));
  const listed = lists.flatMap((path) =>
    [...namesIn(files.get(path)!, /^export \{([^}]*)\} from/gm)].map((name) => ({ path, name }))
  );
  const named = /\{([^}]*)\} (?:from |= await import\()"[^"]*internals\.ts"/g;
  const users = [...files].map(([path, source]) =>
    [moduleOf(path), namesIn(source, named)] as const
  );
  return listed
    .filter(({ path, name }) =>
      !users.some(([user, names]) => user !== moduleOf(path) && names.has(name))
    )
    .map(({ path, name }) => `${path}: ${name}`);
}

/** The names between the braces of statements, without those of types. */
function namesIn(source: string, statements: RegExp): ReadonlySet<string> {
  const lists = Array.from(source.matchAll(statements), ([, names]) => names!.split(","));
  return new Set(lists.flat().map((name) => name.trim()).filter((name) => /^\w+$/.test(name)));
}

/** The files that are loaded with a file, by their paths: those of types are not. */
function loadedBy(path: string, source: string): string[] {
  return importsOf(source, path).flatMap(({ specifier, isType }) =>
    isType || specifier === null || !specifier.startsWith(".")
      ? []
      : [new URL(specifier, `file:///${path}`).pathname.slice(1)]
  );
}

function problemWith(path: string, specifier: string): string | null {
  if (/^\.\.?\//.test(specifier)) return problemWithRelative(path, specifier);
  if (specifier.startsWith("npm:")) return problemWithPackage(path, specifier);
  if (specifier.startsWith("node:") && !browserModules.includes(moduleOf(path))) return null;
  return `wanted a relative path or npm:name@version, got "${specifier}"`;
}

/** The model is trained and saved by folders that import it. */
function problemWithinGpt(path: string, imported: string): string | null {
  const folder = /^gpt\/(train|files)\//.exec(imported)?.[1];
  return path.startsWith("gpt/model/") && folder !== undefined
    ? `gpt/model may not import gpt/${folder}`
    : null;
}

/**
 * Checks the arrows inside `tensor/`: nothing imports a later folder, operations no device, and
 * devices no formula.
 */
function problemWithinTensor(path: string, imported: string): string | null {
  const folderOf = (file: string) => /^tensor\/(\w+)\//.exec(file)?.[1] ?? "";
  const [from, to] = [folderOf(path), folderOf(imported)];
  const [lower, upper] = [tensorFolders.indexOf(from), tensorFolders.indexOf(to)];
  const isBackward = lower >= 0 && upper > lower;
  const skipsKernels = from === "ops" && to === "devices" || from === "devices" && to === "formula";
  return isBackward || skipsKernels ? `tensor/${from} may not import tensor/${to}` : null;
}

function problemWithRelative(path: string, specifier: string): string | null {
  const root = "file:///root/";
  const target = new URL(specifier, root + path).href;
  // "root" stands for the repository: a path that leaves it no longer starts with "root".
  if (!target.startsWith(root)) return `${specifier} leads out of the repository`;
  const imported = target.slice(root.length);
  if (!/\.(tsx?|json)$/.test(imported)) {
    return `wanted a path that ends in .ts or .json, got "${specifier}"`;
  }
  if (isTestOrBench(imported)) return `only tests and benches may import ${imported}`;
  const { folder, entry, importer } = fastPaths;
  const mayBeDeleted = imported.startsWith(folder) && !path.startsWith(folder);
  if (mayBeDeleted && !(imported === entry && path === importer)) {
    return `only ${importer} may import ${folder}, and of it ${entry} (${specifier})`;
  }
  const withinModule = problemWithinTensor(path, imported) ?? problemWithinGpt(path, imported);
  if (withinModule !== null) return withinModule;
  const [from, to] = [moduleOf(path), moduleOf(imported)];
  const allowedFiles = from === "web" ? browserFiles[to] : undefined;
  if (allowedFiles !== undefined && !allowedFiles.includes(imported)) {
    return `web may import only ${allowedFiles.join(" and ")} of ${to} (${specifier})`;
  }
  const allowed = [from, ...arrows[from] ?? [], ...extraArrows[path] ?? []];
  return allowed.includes(to)
    ? null
    : `${from || path} may not import ${to || imported} (${specifier})`;
}

function problemWithPackage(path: string, specifier: string): string | null {
  if (!/^npm:(@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+(-[\w.]+)?(\/.*)?$/.test(specifier)) {
    return `wanted a full version, npm:name@1.2.3, got "${specifier}"`;
  }
  if (path !== `${moduleOf(path)}/deps.ts` && !eagerPackages.includes(path)) {
    return `wanted "${specifier}" in ${moduleOf(path)}/deps.ts, the module's list of packages`;
  }
  return null;
}

/** The top-level folder of a file; empty for a file at the root. */
function moduleOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
}
