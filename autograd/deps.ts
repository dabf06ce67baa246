/**
 * Third-party code of this module, at a pinned version, loaded only when used.
 *
 * Graphviz compiled to WebAssembly: https://hpcc-systems.github.io/hpcc-js-wasm/ (Apache-2.0). It needs
 * no permission.
 */

/** Renders a graph in DOT as SVG. */
export async function dotToSvg(dot: string): Promise<string> {
  const { Graphviz } = await import("npm:@hpcc-js/wasm-graphviz@1.29.2");
  return (await Graphviz.load()).dot(dot, "svg");
}
