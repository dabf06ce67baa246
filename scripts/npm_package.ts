/**
 * The library as an npm package: JavaScript for ES2022 and type declarations, one file of each for
 * every source file.
 */

import { fromFileUrl, importTypeScript } from "./deps.ts";

type TypeScript = Awaited<ReturnType<typeof importTypeScript>>;
type CompilerOptions = Parameters<TypeScript["createCompilerHost"]>[0];

/** The modules of the package, and their files: those that need no Deno. */
const modules: Readonly<Record<string, string>> = {
  autograd: "autograd/mod.ts",
  lessons: "lessons/mod.ts",
  tensor: "tensor/mod.ts",
  nn: "nn/mod.ts",
  optim: "optim/mod.ts",
  tokenizer: "tokenizer/mod.ts",
  data: "data/browser.ts",
  gpt: "gpt/browser.ts",
};

const ROOT = new URL("../", import.meta.url);

/** All files of the package, by path. @throws {Error} If the library is not on disk. */
export async function makePackage(): Promise<Map<string, string>> {
  if (ROOT.protocol !== "file:") {
    throw new Error(`Cannot make a package: wanted the library on disk, got ${ROOT.href}`);
  }
  const optional = new Map<string, string>();
  const files = emit(await importTypeScript(), (source) => {
    return source.replaceAll(PACKAGE, (_, name, version) => {
      optional.set(name, version);
      return name;
    });
  });
  for (const [path, content] of files) {
    if (path.endsWith(".d.ts")) files.set(path, withReferences(importingJavaScript(content)));
  }
  files.set("package.json", JSON.stringify(await describePackage(optional), null, 2) + "\n");
  files.set("LICENSE", await Deno.readTextFile(new URL("LICENSE", ROOT)));
  files.set("README.md", README);
  return files;
}

/** A package as Deno names it; others find it by `package.json`. */
const PACKAGE = /npm:((?:@[\w-]+\/)?[\w-]+)@([\d.]+)/g;

/**
 * JavaScript and types of all modules and what they import, by path.
 *
 * @param change Gets the text of each file, and returns that which is translated.
 */
function emit(ts: TypeScript, change: (source: string) => string): Map<string, string> {
  const root = fromFileUrl(ROOT);
  const options: CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    rewriteRelativeImportExtensions: true,
    verbatimModuleSyntax: true,
    declaration: true,
    // Deno checks the types.
    noCheck: true,
    rootDir: root,
    outDir: root,
  };
  const host = ts.createCompilerHost(options);
  const read = host.readFile;
  host.readFile = (path) => {
    const source = read(path);
    return source !== undefined && path.startsWith(root) ? change(source) : source;
  };
  const files = new Map<string, string>();
  // Bundlers would warn of imports whose target only the program knows.
  const ignoring = "import(/* @vite-ignore */ /* webpackIgnore: true */ __rewrite";
  host.writeFile = (path, content) =>
    files.set(path.slice(root.length), content.replaceAll("import(__rewrite", ignoring));
  const entries = Object.values(modules).map((path) => root + path);
  const { diagnostics } = ts.createProgram(entries, options, host).emit();
  for (const { messageText } of diagnostics) {
    throw new Error(`Cannot make a package: ${ts.flattenDiagnosticMessageText(messageText, " ")}`);
  }
  return files;
}

/** TypeScript renames imports in JavaScript only. */
function importingJavaScript(types: string): string {
  return types.replaceAll(/"(\.\.?\/[^"]+)\.ts"/g, '"$1.js"');
}

/** Types that some projects lack: those of WebGPU, and of ECMAScript after 2022. */
function withReferences(types: string): string {
  const references = [
    [/\bGPU[A-Z]\w+/, `<reference types="@webgpu/types" />`],
    [/\b(Disposable|Symbol\.dispose)\b/, `<reference lib="esnext.disposable" />`],
    [/\bFloat16Array\b/, `<reference lib="esnext.float16" />`],
  ] as const;
  const needed = references.flatMap(([what, reference]) => what.test(types) ? [reference] : []);
  return needed.map((reference) => `/// ${reference}\n`).join("") + types;
}

/**
 * The files with side effects when they load: they add methods to tensors, or register fast paths.
 * From all others a bundler may drop unused code.
 */
const WITH_EFFECTS = [
  "tensor/mod.ts",
  "tensor/fast/mod.ts",
  "tensor/ops/methods.ts",
  "tensor/ops/more_methods.ts",
];

async function describePackage(optional: ReadonlyMap<string, string>): Promise<unknown> {
  const { version, license } = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", ROOT)),
  ) as Readonly<Record<string, unknown>>;
  const exports = Object.entries(modules).map(([name, path]) => {
    const file = `./${path.replace(/\.ts$/, "")}`;
    return [`./${name}`, { types: `${file}.d.ts`, default: `${file}.js` }];
  });
  return {
    name: "nanodino",
    version,
    license,
    description: "Tensors, automatic differentiation, layers, optimizers and GPTs in TypeScript",
    type: "module",
    sideEffects: WITH_EFFECTS.map((path) => `./${path.replace(/\.ts$/, ".js")}`),
    engines: { node: ">=22" },
    exports: Object.fromEntries(exports),
    dependencies: { "@webgpu/types": "^0.1.60" },
    peerDependencies: Object.fromEntries(optional),
    peerDependenciesMeta: Object.fromEntries(
      Array.from(optional.keys(), (name) => [name, { optional: true }]),
    ),
  };
}

const README = `# nanodino

Tensors on WebAssembly or WebGPU, automatic differentiation, layers, optimizers and GPTs, for Node 22 and
later, Bun, and browsers by a bundler. TypeScript needs \`"module": "nodenext"\`, or \`"esnext"\` with
\`"moduleResolution": "bundler"\`.

\`\`\`ts
import { openDevice, Tensor } from "nanodino/tensor";
import { MLP, meanSquaredError } from "nanodino/nn";
import { AdamW } from "nanodino/optim";

const device = await openDevice();
const x = Tensor.from(device, [[0, 0], [0, 1], [1, 0], [1, 1]]);
const y = Tensor.from(device, [[0], [1], [1], [0]]);
const network = new MLP(device, [2, 8, 1], { activation: "tanh", seed: 42 });
const optimizer = new AdamW(network.parameters(), { lr: 0.05 });
for (let step = 0; step < 200; step++) {
  const scope = device.scope();
  optimizer.zeroGrad();
  meanSquaredError(network.forward(x), y).backward();
  optimizer.step();
  scope[Symbol.dispose]();
}
console.log(await network.forward(x).format());
await device.close();
\`\`\`

Modules: ${Object.keys(modules).map((name) => `\`nanodino/${name}\``).join(", ")}.
`;
