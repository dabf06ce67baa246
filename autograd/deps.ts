/**
 * Third-party code of this module, at a pinned version, loaded only when used.
 *
 * Graphviz compiled to WebAssembly: https://hpcc-systems.github.io/hpcc-js-wasm/ (Apache-2.0). It needs
 * no permission.
 */

/** A constant, because Deno downloads a literal `import("…")` as soon as it loads the file. */
const GRAPHVIZ = "npm:@hpcc-js/wasm-graphviz@1.29.2";

/** Renders a graph in DOT as SVG. @throws {Error} If Graphviz cannot be loaded, as in a browser. */
export async function dotToSvg(dot: string): Promise<string> {
  const { Graphviz } = await importGraphviz();
  return (await Graphviz.load()).dot(dot, "svg");
}

async function importGraphviz(): Promise<typeof import("npm:@hpcc-js/wasm-graphviz@1.29.2")> {
  try {
    return await import(GRAPHVIZ);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `Cannot draw the graph: wanted ${GRAPHVIZ}, got "${reason}"; toDot needs no package`,
      { cause },
    );
  }
}
