/** Split patterns as trees. @module */
import { showValue } from "../show.ts";
import { PART, toRegExp, translatePart } from "../pattern.ts";

export type Node =
  | { readonly kind: "character"; readonly set: CharacterSet }
  | { readonly kind: "sequence" | "choice"; readonly nodes: readonly Node[] }
  | {
    readonly kind: "repeat";
    readonly node: Node;
    readonly min: number;
    readonly max: number;
    readonly lazy: boolean;
  }
  | { readonly kind: "atomic"; readonly node: Node }
  | { readonly kind: "look"; readonly node: Node; readonly negative: boolean }
  | { readonly kind: "assertion"; readonly expression: RegExp };

/** Code points that a character of a pattern matches. */
export class CharacterSet {
  #expression: RegExp;
  /** For each UTF-16 unit: 0 unknown, 1 outside, 2 inside. */
  #known = new Uint8Array(1 << 16);

  /** @param source A regular expression for one character. */
  constructor(source: string, flags: string) {
    this.#expression = new RegExp(`^(?:${source})$`, flags);
  }

  has(point: number): boolean {
    if (point > 0xffff) return this.#expression.test(String.fromCodePoint(point));
    let known = this.#known[point]!;
    if (known === 0) {
      known = this.#expression.test(String.fromCodePoint(point)) ? 2 : 1;
      this.#known[point] = known;
    }
    return known === 2;
  }
}

/** Longest pattern, in UTF-16 units; the longest of known models has 400. */
const MAX_LENGTH = 10_000;
const MAX_DEPTH = 100;

/**
 * Parses a split pattern.
 *
 * @throws {SyntaxError} If it is malformed, too long, or has a lookbehind or a backreference.
 */
export function parsePattern(pattern: string): Node {
  if (pattern.length > MAX_LENGTH) {
    refuse(`at most ${MAX_LENGTH} characters`, `${pattern.length}`);
  }
  toRegExp(pattern); // throws if it is malformed, so the parser need not
  return new Parser(pattern).parse();
}

function refuse(wanted: string, got: string): never {
  throw new SyntaxError(`Cannot use the split pattern: wanted ${wanted}, got ${got}`);
}

/** Recursive descent over the parts of a valid pattern. */
class Parser {
  #parts: string[];
  #at = 0;
  #depth = 0;
  #sets = new Map<string, CharacterSet>();

  constructor(pattern: string) {
    this.#parts = Array.from(pattern.matchAll(PART), ([part]) => part);
  }

  parse(): Node {
    return this.#choice("u");
  }

  /** Alternatives up to the end or a closing parenthesis. */
  #choice(flags: string): Node {
    if (++this.#depth > MAX_DEPTH) refuse(`groups nested at most ${MAX_DEPTH} deep`, "deeper ones");
    const nodes = [this.#sequence(flags)];
    while (this.#peek() === "|") {
      this.#at++;
      nodes.push(this.#sequence(flags));
    }
    this.#depth--;
    return nodes.length === 1 ? nodes[0]! : { kind: "choice", nodes };
  }

  #sequence(flags: string): Node {
    const nodes: Node[] = [];
    for (let part = this.#peek(); part !== undefined && part !== "|" && part !== ")";) {
      nodes.push(this.#quantified(this.#atom(flags)));
      part = this.#peek();
    }
    return nodes.length === 1 ? nodes[0]! : { kind: "sequence", nodes };
  }

  #quantified(atom: Node): Node {
    let node = atom;
    for (let range = rangeOf(this.#peek()); range !== null; range = rangeOf(this.#peek())) {
      this.#at++;
      const lazy = this.#peek() === "?";
      node = { kind: "repeat", node, min: range[0], max: range[1], lazy };
      if (lazy) this.#at++;
      else if (this.#peek() === "+") {
        this.#at++;
        node = { kind: "atomic", node };
      }
    }
    return node;
  }

  #atom(flags: string): Node {
    const part = this.#parts[this.#at++]!;
    if (part.startsWith("(")) return this.#group(part, flags);
    if (part === "^" || part === "$" || part === "\\b" || part === "\\B") {
      return { kind: "assertion", expression: new RegExp(translatePart(part), `${flags}y`) };
    }
    if (/^\\[k1-9]/.test(part)) refuse("no backreference", showValue(part));
    return this.#character(translatePart(part), flags);
  }

  #group(open: string, flags: string): Node {
    if (open === "(?<=" || open === "(?<!") refuse("no lookbehind", showValue(open));
    const modifiers = /^\(\?([ims]*)(?:-([ims]*))?:$/.exec(open);
    const [, on = "", off = ""] = modifiers ?? [];
    const kept = Array.from(flags).filter((flag) => !off.includes(flag) && !on.includes(flag));
    const node = this.#choice(kept.join("") + on);
    this.#at++; // the closing parenthesis
    if (open === "(?=" || open === "(?!") return { kind: "look", node, negative: open === "(?!" };
    return node;
  }

  #character(source: string, flags: string): Node {
    const key = `${flags}/${source}`;
    const set = this.#sets.get(key) ?? new CharacterSet(source, flags);
    this.#sets.set(key, set);
    return { kind: "character", set };
  }

  #peek(): string | undefined {
    return this.#parts[this.#at];
  }
}

/** The minimum and maximum count of a quantifier; `null` if the part is not one. */
function rangeOf(part: string | undefined): [min: number, max: number] | null {
  if (part === "*") return [0, Infinity];
  if (part === "+") return [1, Infinity];
  if (part === "?") return [0, 1];
  const [, min, comma, max] = /^\{(\d+)(,?)(\d*)\}$/.exec(part ?? "") ?? [];
  if (min === undefined) return null;
  return [Number(min), comma === "" ? Number(min) : max === "" ? Infinity : Number(max)];
}
