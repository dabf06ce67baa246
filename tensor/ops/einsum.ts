/** Sums of products in Einstein's notation. @module */

import { named } from "../apply.ts";
import { checkList, describeValue } from "../checks.ts";
import { RangeError, wrongType, wrongValue } from "../errors.ts";
import { formatShape, sizeOf } from "../layout.ts";
import { checkTensor, type Tensor } from "../tensor.ts";
import { multiply } from "./elementwise.ts";
import { at } from "./indexing/at.ts";
import { matmul } from "./matmul/matmul.ts";
import { sum } from "./reduce.ts";
import { expand, permute, reshape } from "./views.ts";

const what = "compute einsum";

/** A tensor with a label for each axis: a letter; `.0`, `.1` and so on, from the last one of `...`. */
interface Term {
  readonly tensor: Tensor;
  readonly labels: readonly string[];
}

/** The labels of an operand or of the result, whose number of axes `rankOf` tells from that of letters. */
function labelsOf(term: string, rankOf: (letters: number) => number): string[] {
  const parts = /^([A-Za-z]*)(\.\.\.)?([A-Za-z]*)$/.exec(term);
  if (parts === null) throw wrongValue(what, "letters, and ... at most once", JSON.stringify(term));
  const [, before = "", dots, after = ""] = parts;
  const letters = before.length + after.length;
  const covered = dots === undefined ? 0 : rankOf(letters) - letters;
  const others = Array.from({ length: Math.max(0, covered) }, (_, i) => `.${covered - 1 - i}`);
  return [...before, ...others, ...after];
}

function labelOperand(term: string, tensor: Tensor): Term {
  const labels = labelsOf(term, () => tensor.shape.length);
  if (labels.length === tensor.shape.length) return { tensor, labels };
  throw wrongValue(what, `a letter for each axis of ${formatShape(tensor.shape)}`, `"${term}"`);
}

/** The labels of the result. Without an arrow, it has the letters that occur once, in their order. */
function labelResult(term: string | undefined, operands: readonly Term[]): readonly string[] {
  const all = operands.flatMap(({ labels }) => labels);
  const covered = new Set(all.filter((label) => label.startsWith(".")));
  const once = all.filter((label) =>
    !covered.has(label) && all.indexOf(label) === all.lastIndexOf(label)
  );
  const output = labelsOf(
    term ?? `...${once.sort().join("")}`,
    (letters) => letters + covered.size,
  );
  const isWrong = (label: string, i: number) => !all.includes(label) || output.indexOf(label) !== i;
  const wrong = output.find(isWrong);
  if (wrong === undefined) return output;
  throw wrongValue(what, "a result with letters of the operands, each once", `"${term}"`);
}

/** Takes the diagonal of axes with the same label. */
function withoutRepeats({ tensor, labels }: Term): Term {
  const second = labels.findIndex((label, i) => labels.indexOf(label) < i);
  if (second < 0) return { tensor, labels };
  const label = labels[second]!;
  const first = labels.indexOf(label);
  const [length, other] = [tensor.shape[first]!, tensor.shape[second]!];
  if (length !== other) {
    throw wrongValue(what, `a square of axes for "${label}${label}"`, `${length} by ${other}`);
  }
  const rest = labels.flatMap((_, axis) => axis === first || axis === second ? [] : [axis]);
  const square = permute(tensor, [...rest, first, second]);
  const flat = reshape(square, [...square.shape.slice(0, -2), length * length]);
  const everything = rest.map(() => [] as const);
  const diagonal = at(flat, [...everything, [0, length * length, length + 1]]);
  return withoutRepeats({
    tensor: diagonal,
    labels: [...rest.map((axis) => labels[axis]!), label],
  });
}

/** The length of each label, to which axes of length 1 are broadcast. */
function lengthsOf(terms: readonly Term[]): ReadonlyMap<string, number> {
  const lengths = new Map<string, number>();
  for (const { tensor: { shape }, labels } of terms) {
    for (const [axis, label] of labels.entries()) {
      const [known, length] = [lengths.get(label) ?? 1, shape[axis]!];
      if (known !== 1 && length !== 1 && length !== known) {
        const name = label.startsWith(".") ? "..." : label;
        throw new RangeError(
          `Cannot ${what}: wanted one length for "${name}", got ${known} and ${length}`,
        );
      }
      lengths.set(label, known === 1 ? length : known);
    }
  }
  return lengths;
}

/** Sums over the axes that are not kept. */
function sumOthers({ tensor, labels }: Term, isKept: (label: string) => boolean): Term {
  const axes = labels.flatMap((label, axis) => isKept(label) ? [] : [axis]);
  if (axes.length === 0) return { tensor, labels };
  return { tensor: sum(tensor, axes), labels: labels.filter(isKept) };
}

/** The tensor with its axes in the order of these labels, some of them merged to one axis. */
function arrange({ tensor, labels }: Term, ...wanted: (readonly string[])[]): Tensor {
  const ordered = permute(tensor, wanted.flat().map((label) => labels.indexOf(label)));
  return reshape(ordered, wanted.map((merged) => sizeOf(lengthsIn({ tensor, labels }, merged))));
}

function lengthsIn({ tensor, labels }: Term, some: readonly string[]): number[] {
  return some.map((label) => tensor.shape[labels.indexOf(label)]!);
}

const apart = (labels: readonly string[]) => labels.map((label) => [label]);

/** The product of two terms, summed over the labels that nothing else needs. */
function product(a: Term, b: Term, isNeeded: (label: string) => boolean): Term {
  const left = sumOthers(a, (label) => isNeeded(label) || b.labels.includes(label));
  const right = sumOthers(b, (label) => isNeeded(label) || a.labels.includes(label));
  const common = left.labels.filter((label) => right.labels.includes(label));
  const [batch, summed] = [common.filter(isNeeded), common.filter((label) => !isNeeded(label))];
  const [rows, columns] = [left, right].map(({ labels }) =>
    labels.filter((label) => !common.includes(label))
  ) as [string[], string[]];
  const x = arrange(left, ...apart(batch), rows, summed);
  const y = arrange(right, ...apart(batch), summed, columns);
  const z = summed.length === 0 ? multiply(x, y) : matmul(x, y);
  const shape = [...z.shape.slice(0, -2), ...lengthsIn(left, rows), ...lengthsIn(right, columns)];
  return { tensor: reshape(z, shape), labels: [...batch, ...rows, ...columns] };
}

/**
 * Sums of products, by a letter for each axis: `"bij,bjk->bik"` is a batch of matmuls.
 *
 * As in PyTorch: letters that are not in the result are summed over; a letter twice in one operand takes
 * the diagonal; `...` stands for any further axes, which are broadcast, as are axes of length 1; without
 * `->` the result has the letters that occur once, in the order of the alphabet, capitals first. Operands
 * are multiplied from left to right.
 *
 * @param operands Tensors of floats of one dtype; one alone, or products without a sum, of integers too.
 * @throws {RangeError} If the letters do not fit the operands, or lengths differ.
 * @throws {TypeError} If the operands are no list of tensors, or of different dtypes.
 *
 * @example
 * ```ts
 * import { einsum, openDevice, Tensor } from "../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const a = Tensor.from(device, [[1, 2], [3, 4]]);
 * const product = einsum("ij,jk->ik", [a, a]);
 * if ((await product.data()).join() !== "7,10,15,22") throw new Error("expected the square");
 * if (await einsum("ii", [a]).item() !== 5) throw new Error("expected the trace");
 * await device.close();
 * ```
 */
export function einsum(equation: string, operands: readonly Tensor[]): Tensor {
  if (typeof equation !== "string") {
    throw wrongType(
      what,
      'the letters first, as in einsum("ij,jk->ik", [a, b])',
      describeValue(equation),
    );
  }
  checkList(what, 'a list of tensors, as in einsum("ij,jk->ik", [a, b])', operands);
  for (const operand of operands) checkTensor(what, operand, "tensors");
  const [left = "", right, ...rest] = equation.replaceAll(" ", "").split("->");
  const given = left.split(",");
  if (rest.length > 0 || given.length !== operands.length) {
    const wanted = "letters for each operand, with commas between, and at most one ->";
    throw wrongValue(what, wanted, `"${equation}" for ${operands.length}`);
  }
  const labeled = given.map((term, i) => labelOperand(term, operands[i]!));
  const output = labelResult(right, labeled);
  const unique = labeled.map(withoutRepeats);
  const lengths = lengthsOf(unique);
  const terms = unique.map(({ tensor, labels }) => ({
    tensor: expand(tensor, labels.map((label) => lengths.get(label)!)),
    labels,
  }));
  const result = terms.reduce((all, term, i) => {
    const later = terms.slice(i + 1).flatMap(({ labels }) => labels);
    return product(all, term, (label) => output.includes(label) || later.includes(label));
  });
  const summed = sumOthers(result, (label) => output.includes(label));
  return named("einsum", arrange(summed, ...apart(output)));
}
