/**
 * A regular expression matcher that bounds its work.
 *
 * Engines such as V8's backtrack without a limit: some patterns take time exponential in the length of
 * the text, and a split pattern may come from a stranger's file. This one counts its steps and gives up.
 *
 * @module
 */
import { showValue } from "../show.ts";
import { compile, type Instruction } from "./compile.ts";
import { type CharacterSet, parsePattern } from "./parse.ts";

/** Steps allowed per UTF-16 unit of a text. The patterns of known models take about ten. */
const STEPS_PER_UNIT = 200;
/** Steps allowed in addition, some milliseconds. */
const EXTRA_STEPS = 1_000_000;

export interface Match {
  /** Start, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

/** Marks an entry of the stack that restores a register. */
const RESTORE = -1;
/** Third number of an entry that is to be tried once. */
const ONCE = -1;

/** Matches a pattern as JavaScript does with the flags `g` and `u`, by backtracking. */
export class Matcher {
  #pattern: string;
  #instructions: readonly Instruction[];
  #registers: Int32Array;
  #text = "";
  #steps = 0;
  /**
   * Alternatives left to try, as entries of three numbers:
   * - instruction, position, `ONCE`: continue there;
   * - instruction, position, least position: continue one character earlier, down to the least;
   * - `RESTORE`, register, value.
   */
  #stack = new Int32Array(3 << 8);
  #height = 0;

  /**
   * @param pattern Split pattern, in the dialect of Python and Rust.
   * @throws {SyntaxError} If it is malformed or too large, or has a lookbehind or a backreference.
   */
  constructor(pattern: string) {
    const { instructions, registers } = compile(parsePattern(pattern));
    this.#pattern = pattern;
    this.#instructions = instructions;
    this.#registers = new Int32Array(registers);
  }

  /**
   * Iterates over the matches in a text.
   *
   * @param extraSteps Steps allowed besides 200 per character.
   * @throws {RangeError} If the pattern takes more.
   */
  *matches(text: string, extraSteps = EXTRA_STEPS): Generator<Match> {
    this.#text = text;
    this.#steps = extraSteps + STEPS_PER_UNIT * text.length;
    for (let start = 0; start <= text.length;) {
      this.#height = 0;
      const end = this.#run(0, start);
      if (end >= 0) yield { start, end };
      start = end > start ? end : this.#after(start);
    }
  }

  /** Runs a program from a position on. Returns the end of its match, -1 if there is none. */
  #run(program: number, start: number): number {
    const floor = this.#height;
    let at = program;
    let position = start;
    while (true) {
      if (--this.#steps < 0) throw this.#tooSlow();
      const instruction = this.#instructions[at]!;
      let matched = true;
      switch (instruction.op) {
        case "character":
          matched = this.#isIn(instruction.set, position);
          if (matched) position = this.#after(position);
          break;
        case "run": {
          const { set, min, max, possessive } = instruction;
          let least = min === 0 ? position : -1;
          let count = 0;
          while (count < max && this.#isIn(set, position)) {
            position = this.#after(position);
            if (++count === min) least = position;
          }
          this.#steps -= count;
          matched = count >= min;
          if (matched && !possessive && position > least) this.#push(at + 1, position, least);
          break;
        }
        case "split":
          this.#push(instruction.second, position, ONCE);
          at = instruction.first;
          continue;
        case "jump":
          at = instruction.target;
          continue;
        case "enter":
          this.#push(RESTORE, instruction.register, this.#registers[instruction.register]!);
          this.#registers[instruction.register] = position;
          break;
        case "leave":
          matched = position > this.#registers[instruction.register]!;
          break;
        case "assertion":
          instruction.expression.lastIndex = position;
          matched = instruction.expression.test(this.#text);
          break;
        case "accept":
          this.#height = floor;
          return position;
        default: {
          const end = this.#run(at + 1, position);
          matched = end >= 0 !== (instruction.op === "not");
          if (instruction.op === "atomic") position = end;
          at = instruction.next - 1;
        }
      }
      if (matched) {
        at++;
        continue;
      }
      // Take back what the stack says, up to the first entry at which to continue.
      while (true) {
        if (this.#height === floor) return -1;
        const top = this.#height - 3;
        const [first, second, third] = [
          this.#stack[top]!,
          this.#stack[top + 1]!,
          this.#stack[top + 2]!,
        ];
        if (first === RESTORE) {
          this.#registers[second] = third;
          this.#height = top;
          continue;
        }
        at = first;
        position = third === ONCE ? second : this.#before(second);
        if (third === ONCE || position === third) this.#height = top;
        else this.#stack[top + 1] = position;
        break;
      }
    }
  }

  #push(first: number, second: number, third: number): void {
    if (this.#height === this.#stack.length) {
      const stack = new Int32Array(2 * this.#stack.length);
      stack.set(this.#stack);
      this.#stack = stack;
    }
    this.#stack[this.#height++] = first;
    this.#stack[this.#height++] = second;
    this.#stack[this.#height++] = third;
  }

  #isIn(set: CharacterSet, position: number): boolean {
    const point = this.#text.codePointAt(position);
    return point !== undefined && set.has(point);
  }

  #after(position: number): number {
    return position + (this.#text.codePointAt(position)! > 0xffff ? 2 : 1);
  }

  #before(position: number): number {
    return position - (this.#text.codePointAt(position - 2)! > 0xffff ? 2 : 1);
  }

  #tooSlow(): RangeError {
    return new RangeError(
      `Cannot split the text: wanted a pattern that takes at most ${STEPS_PER_UNIT} steps per ` +
        `character, got more from ${showValue(this.#pattern)}`,
    );
  }
}
