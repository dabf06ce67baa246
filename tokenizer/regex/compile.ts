/** Split patterns as programs for {@linkcode Matcher}. @module */
import type { CharacterSet, Node } from "./parse.ts";

/** An instruction. Targets are indices of instructions. */
export type Instruction =
  | { readonly op: "character"; readonly set: CharacterSet }
  /** Matches as many characters as possible; unless possessive, gives them back one by one. */
  | {
    readonly op: "run";
    readonly set: CharacterSet;
    readonly min: number;
    readonly max: number;
    readonly possessive: boolean;
  }
  /** Continues at `first`, or at `second` if that fails. */
  | { readonly op: "split"; readonly first: number; readonly second: number }
  | { readonly op: "jump"; readonly target: number }
  /** Saves the position at the start of a loop body that may match nothing. */
  | { readonly op: "enter"; readonly register: number }
  /** Fails if the body matched nothing, as the loop would never end. */
  | { readonly op: "leave"; readonly register: number }
  /** Runs the instructions up to `next` as a program of its own. */
  | { readonly op: "atomic" | "look" | "not"; readonly next: number }
  | { readonly op: "assertion"; readonly expression: RegExp }
  | { readonly op: "accept" };

export interface Program {
  readonly instructions: readonly Instruction[];
  readonly registers: number;
}

/** Largest program, in nodes: a group that repeats is compiled once per required match. */
const MAX_EMITTED = 20_000;

/** Compiles a tree. @throws {SyntaxError} If the program would be too long. */
export function compile(root: Node): Program {
  return new Compiler().compile(root);
}

class Compiler {
  readonly #instructions: Instruction[] = [];
  #registers = 0;
  #emitted = 0;

  compile(root: Node): Program {
    this.#emit(root);
    this.#add({ op: "accept" });
    return { instructions: this.#instructions, registers: this.#registers };
  }

  /** Appends an instruction. Returns its index. */
  #add(instruction: Instruction): number {
    return this.#instructions.push(instruction) - 1;
  }

  /** Appends a placeholder for an instruction whose target is not known yet. Returns its index. */
  #reserve(): number {
    return this.#add({ op: "accept" });
  }

  /** The index of the next instruction. */
  get #next(): number {
    return this.#instructions.length;
  }

  #emit(node: Node): void {
    if (++this.#emitted > MAX_EMITTED) {
      throw new SyntaxError(
        "Cannot use the split pattern: wanted groups that repeat less often, got a program of more " +
          `than ${MAX_EMITTED} parts`,
      );
    }
    switch (node.kind) {
      case "character":
        this.#add({ op: "character", set: node.set });
        break;
      case "assertion":
        this.#add({ op: "assertion", expression: node.expression });
        break;
      case "sequence":
        for (const each of node.nodes) this.#emit(each);
        break;
      case "choice":
        this.#emitChoice(node.nodes);
        break;
      case "repeat":
        this.#emitRepeat(node);
        break;
      case "atomic":
        if (node.node.kind === "repeat" && node.node.node.kind === "character") {
          const { min, max } = node.node;
          this.#add({ op: "run", set: node.node.node.set, min, max, possessive: true });
        } else this.#emitApart("atomic", node.node);
        break;
      case "look":
        this.#emitApart(node.negative ? "not" : "look", node.node);
    }
  }

  /** Emits a program of its own. */
  #emitApart(op: "atomic" | "look" | "not", node: Node): void {
    const at = this.#reserve();
    this.#emit(node);
    this.#add({ op: "accept" });
    this.#instructions[at] = { op, next: this.#next };
  }

  #emitChoice(nodes: readonly Node[]): void {
    const exits: number[] = [];
    for (const node of nodes.slice(0, -1)) {
      const at = this.#reserve();
      this.#emit(node);
      exits.push(this.#reserve());
      this.#instructions[at] = { op: "split", first: at + 1, second: this.#next };
    }
    this.#emit(nodes.at(-1)!);
    for (const at of exits) this.#instructions[at] = { op: "jump", target: this.#next };
  }

  #emitRepeat({ node, min, max, lazy }: Node & { kind: "repeat" }): void {
    if (node.kind === "character" && !lazy) {
      this.#add({ op: "run", set: node.set, min, max, possessive: false });
      return;
    }
    for (let i = 0; i < min; i++) this.#emit(node);
    // Each optional match encloses the next: x{0,2} is (?:x(?:x)?)?.
    const optional = max === Infinity ? 1 : max - min;
    const splits: number[] = [];
    for (let i = 0; i < optional; i++) {
      splits.push(this.#reserve());
      this.#emitBody(node);
    }
    if (max === Infinity) this.#add({ op: "jump", target: splits[0]! });
    for (const at of splits) {
      const targets = [at + 1, this.#next] as const;
      const [first, second] = lazy ? targets.toReversed() : targets;
      this.#instructions[at] = { op: "split", first: first!, second: second! };
    }
  }

  /** Emits the body of a loop, which fails if it matched nothing. */
  #emitBody(node: Node): void {
    if (!isNullable(node)) return this.#emit(node);
    const register = this.#registers++;
    this.#add({ op: "enter", register });
    this.#emit(node);
    this.#add({ op: "leave", register });
  }
}

function isNullable(node: Node): boolean {
  switch (node.kind) {
    case "character":
      return false;
    case "sequence":
      return node.nodes.every(isNullable);
    case "choice":
      return node.nodes.some(isNullable);
    case "repeat":
      return node.min === 0 || isNullable(node.node);
    case "atomic":
      return isNullable(node.node);
    default:
      return true;
  }
}
