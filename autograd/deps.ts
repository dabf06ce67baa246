/**
 * The third-party code of this module, at a pinned version, loaded only when it is used.
 *
 * Graphviz, compiled to WebAssembly, lays out graphs: https://hpcc-systems.github.io/hpcc-js-wasm/
 * (Apache-2.0). It needs no permission, and nothing else in this module needs it.
 */

/** Lays out a graph that is given as DOT, and draws it as SVG. */
export async function dotToSvg(dot: string): Promise<string> {
  const { Graphviz } = await import("npm:@hpcc-js/wasm-graphviz@1.29.2");
  return (await Graphviz.load()).dot(dot, "svg");
}
