/** Countries, their capitals and their currencies. @module */

import type { PythonRandom } from "../random/python_random.ts";
import { type Exchange, sentence, type Subject } from "./exchange.ts";
import type { Country } from "./facts.ts";
import { draft, type Wordings, wordings } from "./wording.ts";

const ask =
  "(what is|what's|tell me|give me|name|do you know|can you tell me|i want to know|find|)";

/** The wordings of this module. */
export const geography = {
  capital: wordings(
    "?",
    "(what is|what's) the capital( city|) of {country}",
    `${ask} the capital( city|) (of|for|in) {country}`,
    "(which|what) (city|town|one) is the capital of {country}",
    "(the|) capital( city|) (of|) {country}",
    "{country}(|'s|:|,|'s) capital( city|)",
    "(what is|what's|tell me|name|do you know|) {country}'s capital( city|)",
    "(what|which) capital( city|) does {country} have",
    "(what is|what's|tell me|give me|) the name of the capital( city|) of {country}",
    "(what|which) is the (capital|main city) of {country}( called|)",
    "(do you know|can you tell me|tell me|can you say) what the capital of {country} is( called|)",
    "the capital of {country} (is|is called|is what|is which city)",
    "(what's|what is) the capital in {country}",
  ),
  country: wordings(
    "?",
    "(which|what) country has the capital {city}",
    "{city} is the capital of (which|what) country",
    "{city} is the capital of( what|)",
    "where is {city}( located|)",
    "(in|) (which|what) country is {city}( in|)",
    "(what|which) country (is {city} in|does {city} belong to|has {city} as its capital)",
    "(what|which) country is {city} the capital of",
    "(do you know|can you tell me|tell me) where {city} is",
    "(where can i find|where on earth is|where do i find|where in the world is) {city}",
    "{city} is in (which|what) country",
    "whose capital is {city}",
  ),
  currency: wordings(
    "?",
    "(what is|what's) the (currency|money) (of|in) {country}",
    `${ask} the (currency|money) (of|in|for) {country}`,
    "(which|what) (currency|money) does {country} (use|have)",
    "(which|what) (currency|money) (do they|do people|is used|do you) (use|) in {country}",
    "(what|how) do (people|they|you|i) pay (with|) in {country}",
    "(the|) currency( of| in|) {country}",
    "{country}(|'s|:|,) (currency|money)",
    "(what is|what's) {country}'s (currency|money)",
    "(what is|what's) the money (called |used |)in {country}",
    "(which|what) money do i need in {country}",
    "what (kind of money|coins and notes) do (they|people) (use|have) in {country}",
  ),
  nextCountry: wordings(
    "?",
    "and( of| for| in|) {country}",
    "(what|how) about( the one of|) {country}",
    "{country}",
    "(now|then|next|also|ok,) {country}",
    "(the same for|and the one of|do|and what about) {country}",
  ),
  nextCurrency: wordings(
    "?",
    "and (the|its|their) (currency|money)",
    "(what is|what's) (its|their|the) (currency|money)( there|)",
    "(which|what) (currency|money) do they (use|have)( there|)",
    "(how|what) do (they|people) pay (there|with|with there)",
  ),
  nextCapital: wordings(
    "?",
    "and (the|its|their) capital( city|)",
    "(what is|what's) (its|their|the) capital( city|)( there|)",
    "(which|what) city is (its|their|the) capital",
  ),
} satisfies Record<string, Wordings>;

/** The capital of a country, or the country of a capital. */
export function capital(random: PythonRandom, subject: Subject): Exchange {
  const country = random.choice(subject.countries);
  return random.random() < 0.25 ? countryOf(random, country) : capitalOf(random, country);
}

/** The country of a capital. */
export function countryOfCapital(random: PythonRandom, { countries }: Subject): Exchange {
  return countryOf(random, random.choice(countries));
}

/** The currency of a country. */
export function currency(random: PythonRandom, { countries }: Subject): Exchange {
  return currencyOf(random, random.choice(countries));
}

/** A question about a country, and one that goes on from it: "And its currency?", "And Spain?" */
export function twoOfCountries(random: PythonRandom, { countries }: Subject): readonly Exchange[] {
  const [first, second] = [random.choice(countries), random.choice(countries)];
  const [about, isCurrency] = random.choice([[capitalOf, false], [currencyOf, true]] as const);
  if (random.random() < 0.4) {
    const other = isCurrency ? capitalOf(random, first) : currencyOf(random, first);
    const words = isCurrency ? geography.nextCapital : geography.nextCurrency;
    return [about(random, first), { ...other, question: draft(random, words) }];
  }
  const slots = { country: nameOf(random, second) };
  const question = draft(random, geography.nextCountry, slots);
  return [about(random, first), { ...about(random, second), question }];
}

function capitalOf(random: PythonRandom, country: Country): Exchange {
  return {
    question: draft(random, geography.capital, { country: nameOf(random, country) }),
    answer: sentence(`The capital of ${country.name} is ${country.capital}`),
  };
}

function countryOf(
  random: PythonRandom,
  { name, capital, capitalAliases = [] }: Country,
): Exchange {
  const city = random.random() < 0.6 ? capital : random.choice([capital, ...capitalAliases]);
  return {
    question: draft(random, geography.country, { city }),
    answer: `${capital} is the capital of ${name}.`,
  };
}

function currencyOf(random: PythonRandom, country: Country): Exchange {
  return {
    question: draft(random, geography.currency, { country: nameOf(random, country) }),
    answer: `The currency of ${country.name} is the ${country.currency}.`,
  };
}

/** One of the names of a country. */
function nameOf(random: PythonRandom, { name, aliases = [] }: Country): string {
  return random.choice([name, ...aliases]);
}
