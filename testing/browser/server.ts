/** A server for test pages: the repository's files as JavaScript, and the golden data beside it. */

// A package has a place on the disk, for import.meta.resolve below, only once it is imported.
import "@std/assert";
import ts from "npm:typescript@5.9.3";
import { isTestOrBench } from "../imports.ts";

const repository = new URL("../../", import.meta.url);
/**
 * Folders by the first path segment. The golden data has the same place relative to the repository.
 */
const folders: Readonly<Record<string, URL>> = {
  nanodino: repository,
  shared: new URL("../shared/", repository),
  std: new URL("../", import.meta.resolve("@std/assert")),
};

/** Threads share memory only in isolated pages; caching would return files of an older run. */
const headers = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cache-control": "no-store",
};

const page =
  `<!doctype html><meta charset="utf-8"><title>Tests</title><link rel="icon" href="data:,">
<script type="module" src="/nanodino/testing/browser/page.ts"></script>`;

/** Serves on a free local port: the page at `/`, repository files below `/nanodino/`. */
export function serveTests(): Deno.HttpServer<Deno.NetAddr> {
  // Every page loads most of the same files; translating them takes three seconds.
  const translated = new Map<string, string>();
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const path = new URL(request.url).pathname;
    if (path === "/") return respond(page, "text/html");
    try {
      return await respondWithFile(path, translated);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return new Response(null, { status: 404, headers });
    }
  });
}

async function respondWithFile(
  path: string,
  translated: Map<string, string>,
): Promise<Response> {
  const [, first = "", ...rest] = path.split("/");
  const folder = folders[first];
  if (folder === undefined) throw new Deno.errors.NotFound(path);
  const url = new URL(rest.join("/"), folder);
  if (path.endsWith(".ts")) {
    const script = translated.get(path) ??
      toJavaScript(rest.join("/"), await Deno.readTextFile(url));
    translated.set(path, script);
    return respond(script, "text/javascript");
  }
  if (path.endsWith("/")) return respond((await Deno.stat(url)).isDirectory ? "" : null, "");
  const type = path.endsWith(".js") ? "text/javascript" : "application/octet-stream";
  return respond(await Deno.readFile(url), type);
}

function respond(body: BodyInit | null, type: string): Response {
  return new Response(body, { headers: { ...headers, "content-type": type } });
}

/** Strips the types, and gives tests what they need outside Deno. Line numbers are kept. */
function toJavaScript(path: string, source: string): string {
  const { outputText } = ts.transpileModule(source, {
    fileName: path,
    compilerOptions: {
      target: ts.ScriptTarget.ESNext,
      module: ts.ModuleKind.ESNext,
      isolatedModules: true,
      inlineSourceMap: true,
    },
  });
  if (!isTestOrBench(path)) return outputText;
  const withAssert = outputText.replaceAll(`from "@std/assert"`, `from "/std/assert/mod.js"`);
  if (path.startsWith("testing/browser/")) return withAssert;
  return `import * as Deno from "/nanodino/testing/browser/deno_tests.ts"; ${withAssert}`;
}
