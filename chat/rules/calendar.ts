/** Questions about days and months. @module */

import type { PythonRandom } from "../random/python_random.ts";
import type { Exchange } from "./exchange.ts";
import { days, months, spans } from "./facts.ts";
import { draft, slotFirst, type Wordings, wordings } from "./wording.ts";

/** The wordings of this module. */
export const aboutTime = {
  after: slotFirst(wordings(
    "?",
    "what (comes|follows|is|goes) after {day}",
    "(which|what) {unit} (comes|follows|is|is next) after {day}",
    "(what is|what's|tell me|name|do you know|) the( next|) {unit} after {day}",
    "(what|which) {unit} (follows|does follow) {day}",
    "(what is|what's|what comes) next after {day}",
    "(and|) after {day}( comes|)( what|)",
    "{day}(,|:| -|) (and then|and next|then|next|next {unit}|the next {unit}|and after that)( what| is| comes|)",
    "(next {unit} after {day}|the next {unit}: {day})",
    "(which|what) {unit} (will|would) (follow|come after|come next after) {day}",
    "(today is|it is|it's|this is|now is) {day}(,|.|:) (what|which {unit}) (comes|is|will be) (next|then)",
    "(when|after) {day} (ends|has passed|is done), (what|which {unit}) (comes|is next|follows)",
    "(name|say|give me|i need) the (next|following) {unit}( after|:) {day}",
    "(if|when|) (it is|this is|we have|now it is) {day}, what (is|comes) next",
    "{day}(,|:|) (what|which {unit}|which one) (comes|is|follows|will be) (next|then|after it|after that)",
    "{day} (ends|is over|has passed|is nearly over)(,|:| and) (what|which {unit}) (comes|is next|follows|begins)",
    "(which|what) one follows {day}",
  )),
  before: slotFirst(wordings(
    "?",
    "what (comes|was|is|goes) before {day}",
    "(which|what) {unit} (comes|is|was|is right) before {day}",
    "(what is|what's|tell me|name|do you know|) the {unit} before {day}",
    "(and|) before {day}( comes| was|)( what|)",
    "last {unit} before {day}",
    "(today is|it is|it's|this is|now is) {day}(,|.|:) (what|which {unit}) (was|came) before",
    "(what|which {unit}) (was|came) (right before|earlier than|ahead of) {day}",
    "(name|say|give me|i need) the previous {unit}( before|:) {day}",
    "(if|when|) (it is|this is|we have|now it is) {day}, what (was|came) before",
    "{day}(,|:|) (what|which {unit}|which one) (was|came|is|comes) (before|before it|before that)",
    "{day}(,|:| -|) (and before|and before that|the {unit} before|previous {unit}|last {unit})( what| it|)",
    "(what|which) {unit} precedes {day}",
    "(which|what) one precedes {day}",
  )),
  tomorrow: wordings(
    "?",
    "(if |when |as |)(today is|it is|it's) {day}(,|) (what|which|what day|which day|which weekday) (is|is it|will be|will it be) tomorrow",
    "today is {day}(,|.|) (what is|what's|tell me|name|and) tomorrow",
    "yesterday was {day}(,|.|:) (what|what day|which day) (is|is it) today",
    "(what|what day|which day) (is|is it|will it be) tomorrow(,|) (if|when) (today is|it is|it's) {day}",
  ),
  yesterday: wordings(
    "?",
    "(if |when |as |)(today is|it is|it's) {day}(,|) (what|which|what day|which day|which weekday) (was|was it) yesterday",
    "today is {day}(,|.|) (what was|tell me|name|and) yesterday",
    "tomorrow is {day}(,|.|:) (what|what day|which day) (is|is it) today",
    "(what|what day|which day) (was|was it) yesterday(,|) (if|when) (today is|it is|it's) {day}",
  ),
  endOfYear: wordings(
    "?",
    "(what is|what's|which is|name|tell me|) the {end} month( of the year| of a year| in a year| in the year|)",
    "(which|what) (month is|is|month do we call) the {end} (month of the year|one of the twelve months|month in a year)",
    "(which|what) month (is|comes) {end}( in the year| in a year|)",
    "the year (has|has got|comes with) (which|what) {end} month",
  ),
  span: slotFirst(wordings(
    "?",
    "how many {parts} (are|are there) in {whole}",
    "how many {parts} (does|has) {whole}( have|)",
    "how many {parts} in {whole}",
    "(how many|what number of) {parts} (make|fit in|fill|form|are inside|go into) {whole}",
    "({parts} in {whole}|{whole} is how many {parts})",
    "(how long is|what is|how much is) {whole} in {parts}",
    "(what is|tell me|) the number of {parts} in {whole}",
    "{whole} has how many {parts}",
    "(do you know|tell me) how many {parts} {whole} has",
    "{parts} (in|of|inside|within|for) {whole}(,|:|) (how many|what number|number|count)( are there|)",
    "{whole}(,|:| -|) (how many {parts}|in {parts}|{parts}|number of {parts})( is it| are there| has it|)",
  )),
  listDays: wordings(
    ".",
    "(what are|name|list|tell me|say|give me|can you list|do you know|) (the|all) (days of the week|weekdays)",
    "(what are|name|list|tell me|say|give me|can you list|) (all|the) (the|seven) days( of the week| in a week|)",
  ),
} satisfies Record<string, Wordings>;

/**
 * Asks for the day or month before or after another, for the days of a week, for the first or last month,
 * or for the number of days, weeks or months in a year.
 */
export function calendar(random: PythonRandom): Exchange {
  const kind = random.random();
  if (kind < 0.2) return span(random);
  if (kind < 0.24) {
    return {
      question: draft(random, aboutTime.listDays),
      answer: `The days of the week are ${days.slice(0, -1).join(", ")} and ${days.at(-1)!}.`,
    };
  }
  if (kind < 0.27) {
    const [end, month] = random.choice([["first", months[0]!], ["last", months.at(-1)!]] as const);
    return {
      question: draft(random, aboutTime.endOfYear, { end }),
      answer: `The ${end} month is ${month}.`,
    };
  }
  return neighbor(random);
}

/** Names that follow each other, in their order, with the words for one of them. */
const neighbors: readonly (readonly [units: readonly string[], names: readonly string[]])[] = [
  [["day", "day", "weekday"], days],
  [["month"], months],
];

/** Asks for the day or month right before another, or right after it. */
function neighbor(random: PythonRandom): Exchange {
  const [units, names] = random.choice(neighbors);
  const at = random.randbelow(names.length);
  const [before, day, after] = [names.at(at - 1)!, names[at]!, names[(at + 1) % names.length]!];
  const slots = { day, unit: random.choice(units) };
  const isNearToday = names === days && random.random() < 0.25;
  if (random.random() < 0.45) {
    const words = isNearToday ? aboutTime.yesterday : aboutTime.before;
    return { question: draft(random, words, slots), answer: `Before ${day} comes ${before}.` };
  }
  const words = isNearToday ? aboutTime.tomorrow : aboutTime.after;
  return { question: draft(random, words, slots), answer: `After ${day} comes ${after}.` };
}

/** The spans of a year come twice as often: a model is prone to take one of its three numbers for another. */
const askedSpans = [...spans, ...spans.filter(([, , whole]) => whole === "year")];

function span(random: PythonRandom): Exchange {
  const [count, parts, whole] = random.choice(askedSpans);
  const article = whole === "hour" ? "an" : "a";
  const one = random.choice([article, article, "one"]);
  return {
    question: draft(random, aboutTime.span, { parts, whole: `${one} ${whole}` }),
    // The number comes last: "a year has 12 months" asks for it before its unit.
    answer: `The number of ${parts} in ${article} ${whole} is ${count}.`,
  };
}
