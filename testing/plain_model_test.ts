import { assertEquals } from "@std/assert";
import ts from "npm:typescript@5.9.3";
import { isTestOrBench } from "./imports.ts";

const folder = new URL("../gpt/model/", import.meta.url);

/**
 * Building blocks of the model: layers, and operations that every text on transformers names. An
 * operation that is two of them at once is a matter of speed, and belongs below the model or beside it.
 */
const allowed = new Set([
  "Embedding",
  "Linear",
  "Module",
  "initializers",
  "namedSeed",
  "parameter",
  // The cast that layers do themselves, for the weight of a loss.
  "inType",
  "attention",
  "attentionPattern",
  "concat",
  "linearCrossEntropy",
  "rmsNorm",
  "rotary",
  "rotaryAngles",
  "Device",
  "FloatType",
  "Reduction",
  "Tensor",
  "bytesPerElement",
  "shapesEqual",
  "sizeOf",
  "OptionNames",
  "checkDevice",
  "checkIds",
  "checkOptions",
  "checkTensor",
  "Error",
  "RangeError",
  "TypeError",
]);

/** Methods that free single tensors, or run kernels. Scopes are for all of a layer. */
const forbiddenMethods = ["dispose", "moveTo", "dispatch"];

/** Forbidden imports and operations of a model's file. */
function violationsIn(source: string): string[] {
  const file = ts.createSourceFile("file.ts", source, ts.ScriptTarget.Latest);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      const { text } = node.moduleSpecifier as ts.StringLiteral;
      const bindings = node.importClause?.namedBindings;
      if (!/\/(tensor|nn)\//.test(text) || bindings === undefined) return;
      const names = ts.isNamedImports(bindings)
        ? bindings.elements.map(({ name, propertyName }) => (propertyName ?? name).text)
        : ["*"];
      found.push(...names.filter((name) => !allowed.has(name)));
    } else if (ts.isPropertyAccessExpression(node) && forbiddenMethods.includes(node.name.text)) {
      found.push(`.${node.name.text}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

Deno.test("the model is made of layers and single operations, and frees no single tensor", async () => {
  const checked: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith(".ts") || isTestOrBench(name)) continue;
    // A cache is memory: it is all that these files are about.
    if (name === "kv_cache.ts" || name === "smear_cache.ts") continue;
    checked.push(name);
    const source = await Deno.readTextFile(new URL(name, folder));
    assertEquals(violationsIn(source), [], name);
  }
  assertEquals(checked.includes("block.ts") && checked.includes("model.ts"), true);
});

Deno.test("fused operations in a model, and tensors that it frees, are found", () => {
  const source = `
    import { linears, rotaryNorm as norm, type Tensor } from "../../tensor/mod.ts";
    import { SelfAttention } from "../../nn/mod.ts";
    import * as tensor from "../../tensor/mod.ts";
    import { GPTConfig } from "./config.ts";
    x.dispose();
    runProgram(mix, [x]);
  `;
  assertEquals(
    violationsIn(source),
    ["linears", "rotaryNorm", "SelfAttention", "*", ".dispose"],
  );
});
