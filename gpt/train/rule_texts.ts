/** Generated texts of several kinds, to measure tokenizers on unfamiliar text. @module */

export interface NamedText {
  /** The kind: one word. */
  readonly name: string;
  /** The text. */
  readonly text: string;
}

const range = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => first + i);

const small = [
  ..."zero one two three four five six seven eight nine ten eleven twelve".split(" "),
  ..."thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(" "),
];
const tens = ",,twenty,thirty,forty,fifty,sixty,seventy,eighty,ninety".split(",");

function inEnglish(n: number): string {
  if (n < 20) return small[n]!;
  if (n >= 100) return `${inEnglish(Math.floor(n / 100))} hundred and ${inEnglish(n % 100)}`;
  return n % 10 === 0 ? tens[n / 10]! : `${tens[Math.floor(n / 10)]}-${small[n % 10]}`;
}

const digits = [..."영일이삼사오육칠팔구"];

function inKorean(n: number): string {
  if (n < 10) return digits[n]!;
  const [unit, sign] = n >= 100 ? [100, "백"] as const : [10, "십"] as const;
  const [count, rest] = [Math.floor(n / unit), n % unit];
  return `${count === 1 ? "" : digits[count]}${sign}${rest === 0 ? "" : inKorean(rest)}`;
}

const english = (n: number) => {
  const number = inEnglish(n);
  return `${number[0]!.toUpperCase()}${number.slice(1)} plus ${inEnglish(n + 7)} is ` +
    `${inEnglish(2 * n + 7)}. Whoever has ${number} apples and gives five of them away keeps ` +
    `${inEnglish(n - 5)}.`;
};

const korean = (n: number) =>
  `${inKorean(n)} 더하기 ${inKorean(n + 7)} 은 ${inKorean(2 * n + 7)} 입니다. 사과 ${
    inKorean(n)
  } 개에서 ` +
  `다섯 개를 주면 ${inKorean(n - 5)} 개가 남습니다.`;

const code = (n: number) =>
  [
    `/** Sums the first ${n} multiples of a number. */`,
    `export function sumOfMultiples${n}(factor: number): number {`,
    "  let sum = 0;",
    `  for (let i = 1; i <= ${n}; i++) sum += factor * i;`,
    "  return sum;",
    "}",
    "",
  ].join("\n");

const mathematics = (n: number) =>
  `Let $n = ${n}$. Then \\sum_{k=1}^{n} k = \\frac{n(n+1)}{2} = ${n * (n + 1) / 2} and ` +
  `\\sum_{k=1}^{n} k^2 = \\frac{n(n+1)(2n+1)}{6} = ${n * (n + 1) * (2 * n + 1) / 6}.`;

const chemistry = (n: number) =>
  `The alkane with ${n} carbon atoms, C${n}H${2 * n + 2}, has a molar mass of ` +
  `${(12.011 * n + 1.008 * (2 * n + 2)).toFixed(2)} g/mol; burning one mole of it takes ` +
  `${(3 * n + 1) / 2} mol of O2 and gives ${n} mol of CO2 and ${n + 1} mol of H2O.`;

/**
 * English, Korean, code, mathematics and chemistry, some kilobytes each.
 *
 * @example
 * ```ts
 * import { ruleTexts } from "./rule_texts.ts";
 *
 * const names = ruleTexts().map(({ name }) => name).join();
 * if (names !== "english,korean,code,mathematics,chemistry") throw new Error(`got ${names}`);
 * ```
 */
export function ruleTexts(): NamedText[] {
  return Object.entries({ english, korean, code, mathematics, chemistry }).map(([name, line]) => ({
    name,
    text: range(6, 120).map(line).join("\n"),
  }));
}
