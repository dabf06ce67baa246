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
  const instructions: Instruction[] = [];
  let registers = 0;

  let emitted = 0;

  /** Appends an instruction, which may be a placeholder. Returns its index. */
  function add(instruction: Instruction): number {
    return instructions.push(instruction) - 1;
  }

  function emit(node: Node): void {
    if (++emitted > MAX_EMITTED) {
      throw new SyntaxError(
        "Cannot use the split pattern: wanted groups that repeat less often, got a program of more " +
          `than ${MAX_EMITTED} parts`,
      );
    }
    switch (node.kind) {
      case "character":
        add({ op: "character", set: node.set });
        break;
      case "assertion":
        add({ op: "assertion", expression: node.expression });
        break;
      case "sequence":
        node.nodes.forEach(emit);
        break;
      case "choice":
        emitChoice(node.nodes);
        break;
      case "repeat":
        emitRepeat(node);
        break;
      case "atomic":
        if (node.node.kind === "repeat" && node.node.node.kind === "character") {
          const { min, max } = node.node;
          add({ op: "run", set: node.node.node.set, min, max, possessive: true });
        } else emitApart("atomic", node.node);
        break;
      case "look":
        emitApart(node.negative ? "not" : "look", node.node);
    }
  }

  function emitApart(op: "atomic" | "look" | "not", node: Node): void {
    const at = add({ op: "accept" });
    emit(node);
    add({ op: "accept" });
    instructions[at] = { op, next: instructions.length };
  }

  function emitChoice(nodes: readonly Node[]): void {
    const exits: number[] = [];
    for (const node of nodes.slice(0, -1)) {
      const at = add({ op: "accept" });
      emit(node);
      exits.push(add({ op: "accept" }));
      instructions[at] = { op: "split", first: at + 1, second: instructions.length };
    }
    emit(nodes.at(-1)!);
    for (const at of exits) instructions[at] = { op: "jump", target: instructions.length };
  }

  function emitRepeat({ node, min, max, lazy }: Node & { kind: "repeat" }): void {
    if (node.kind === "character" && !lazy) {
      add({ op: "run", set: node.set, min, max, possessive: false });
      return;
    }
    for (let i = 0; i < min; i++) emit(node);
    // Each optional match encloses the next: x{0,2} is (?:x(?:x)?)?.
    const optional = max === Infinity ? 1 : max - min;
    const splits: number[] = [];
    for (let i = 0; i < optional; i++) {
      splits.push(add({ op: "accept" }));
      emitBody(node);
    }
    if (max === Infinity) add({ op: "jump", target: splits[0]! });
    for (const at of splits) {
      const targets = [at + 1, instructions.length] as const;
      const [first, second] = lazy ? targets.toReversed() : targets;
      instructions[at] = { op: "split", first: first!, second: second! };
    }
  }

  function emitBody(node: Node): void {
    if (!isNullable(node)) return emit(node);
    const register = registers++;
    add({ op: "enter", register });
    emit(node);
    add({ op: "leave", register });
  }

  emit(root);
  add({ op: "accept" });
  return { instructions, registers };
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
