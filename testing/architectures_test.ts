import { assertEquals } from "@std/assert";
import { isTestOrBench } from "./imports.ts";
import { sourceFiles } from "./source_files.ts";

const root = new URL("../", import.meta.url);

/** Source without comments; examples in them may build any model. */
function withoutComments(source: string): string {
  return source.replace(/\/\*[^]*?\*\/|\/\/.*/g, "");
}

Deno.test("chat and serve take any model: no class GPT in them", async () => {
  const found: string[] = [];
  let files = 0;
  for await (const path of sourceFiles()) {
    if (!/^(chat|serve)\//.test(path) || isTestOrBench(path)) continue;
    files++;
    const source = await Deno.readTextFile(new URL(path, root));
    if (/\bGPT\b/.test(withoutComments(source))) found.push(path);
  }
  assertEquals(found, []);
  assertEquals(files > 50, true, "a walk that misses files would find nothing either");
});
