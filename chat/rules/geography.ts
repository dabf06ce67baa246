/** Countries, their capitals and their currencies. @module */

import type { PythonRandom } from "../random/python_random.ts";
import { type Exchange, sentence, type Subject } from "./exchange.ts";
import type { Country } from "./facts.ts";
import { draft, slotFirst, type Wordings, wordings } from "./wording.ts";

const ask =
  "(what is|what's|tell me|give me|name|do you know|can you tell me|i want to know|find|)";

/** The wordings of this module. */
export const geography = {
  capital: slotFirst(wordings(
    "?",
    "(what is|what's) the capital( city|) of {country}",
    `${ask} the capital( city|) (of|for|in) {country}`,
    "{country}(|'s|:|,| -|'s) capital( city|)",
    "{country}(,|:| -) (what's|what is|which is|tell me|give me) (its|the) (capital|main city|capital city)",
    "(which|what) (city|town|one) is the capital of {country}",
    "(the|) capital( city|) (of|) {country}",
    "(capital|the capital|capital city|which capital|what capital)(:|,| -|?) {country}",
    "(what is|what's|tell me|name|do you know|) {country}'s capital( city|)",
    "(what|which) capital( city|) does {country} have",
    "(what is|what's|tell me|give me|) the name of the capital( city|) of {country}",
    "(what|which) is the (capital|main city) of {country}( called|)",
    "(do you know|can you tell me|tell me|can you say) what the capital of {country} is( called|)",
    "the capital of {country} (is|is called|is what|is which city)",
    "(what's|what is) the capital in {country}",
    "(what|which) (city|place) (is|serves as|acts as) (the|) capital (of|for) {country}",
    "(what is|what's|name|tell me|) the capital( city|) of the (nation|state|land|kingdom) {country}",
    "(guess|who knows|can you name|could you tell me|do you remember|you know) the capital( city|) of {country}",
    "(i need|i want|i need to know|i have to learn|i must learn) the capital( city|) of {country}",
    "(i am|i'm) (going|flying|moving|traveling) to {country}(,|:) (what is|what's) the capital( city|)",
    "what('s| is) {country}'s (main|capital) city",
    "(in which city is|where is|which city has) the government of {country}",
    "(what|which) is {country}'s capital( city|)( called|)",
    "(the|) capital( city|) of (the nation|the state|the land|the kingdom|the people) (of|called) {country}",
    "{country}(,|:) (which|what) (town|place|one) is (its|the) capital( there|)",
    "(people|they|the king|the government) (in|of) {country} (live|sit|work|rule) in (which|what) capital( city|)",
    "(i forgot|i don't know|i never learned|help me with|i am trying to remember) the capital( city|) of {country}",
    "if (i|you|we) (go|fly|travel) to {country}, (what|which) city is the capital",
    "(the |)(country|nation|kingdom|land)( of|) {country}(:|,| -|) (capital|the capital|its capital|which capital|capital city)",
    "{country}( has| has got| with|, with|:) (what|which one|which town) as (its|the|a) capital",
    "{country}(|,|:| -| and) (its|the|their|your|my) capital( city|)( is| is called| would be| please|)",
    "{country} capital (city |)(name|is|called|is called|is what|means|equals|please)( please|)",
    "{country}(,|:|) (i need|i want|i am looking for|i forgot|i don't know|who knows|find|say) (its|the) capital( city|)",
    "{country} (is|gets|was) (ruled|governed|led) from (which|what) capital",
    "{country}(, i mean| i mean|, you know|, please)(,|:|) (the|its|what|what is the|what's the) capital",
  )),
  country: slotFirst(wordings(
    "?",
    "(which|what) country has the capital {city}",
    "where is {city}( located|)",
    "{city} is the capital of (which|what) country",
    "{city}(,|:|) (which|what) country( is it in|)",
    "{city} is the capital of( what|)",
    "(in|) (which|what) country is {city}( in|)",
    "(what|which) country (is {city} in|does {city} belong to|has {city} as its capital)",
    "(what|which) country is {city} the capital of",
    "(do you know|can you tell me|tell me) where {city} is",
    "(where can i find|where on earth is|where do i find|where in the world is) {city}",
    "{city} is in (which|what) country",
    "(whose|which country's|what country's) capital is {city}",
    "(which|what) country (do i find|would i find|is home to|can i visit to see) {city}( in|)",
    "{city} (lies|is located|is found|can be found|belongs) (in|to) (which|what) country",
    "(tell me|say|name|give me|i need) the country (of|that has|with the capital) {city}",
    "(is|does) {city} (in|lie in|belong to|a city in|the capital of) {country}",
    "(i want to|i'd like to|i will|i would love to) (visit|see) {city}(,|:) (where is it|which country is it in|what country is it in)",
    "(do you know|tell me) (which|what) country {city} is in",
    "(country of|the country of|where's|wheres) {city}",
    "{city}(,|) (a city in|a place in|located in|capital of) (which|what) country",
    "(how do i get to|what do you know about|tell me about|what is|what's|what about) {city}",
    "(show me|find|point to|look up) {city} on (a|the) (map|globe)",
    "on (a|the) (map|globe)(,|) where (is|do i find|can i see) {city}",
    "{city}(:|,) (in|part of|belongs to) (which|what) (country|nation|state)",
    "(which|what) (nation|state|land|part of the world) (is|has|does) {city} (in|belong to|its capital)",
    "(does|is) {city} (belong to|part of|a city of|somewhere in|found in) {country} or {country}",
    "{city}(:|,) (in|is it in) {country}( or {country}|)",
    "{city}( is|,|:| -|) where( exactly| on earth| in the world|)( is it| is this| does it lie| would i find it|)",
    "{city}(:|,|) (its|the|whose|name the|name its|give me the|i want the) (country|nation|land)( please|)",
    "{city}(,|:|) (which|what) (land|nation|state)( is this| is it| is it in| has it|)",
    "{city} is (a|the|which|some) capital of (what|which|which land|what nation)",
    "{city} (as|is) (a|the) capital(,|:| of|) (where|whose|what)( is it|)",
  )),
  currency: slotFirst(wordings(
    "?",
    "(what is|what's) the (currency|money) (of|in) {country}",
    `${ask} the (currency|money) (of|in|for) {country}`,
    "{country}(|'s|:|,) (currency|money)",
    "(which|what) (currency|money) does {country} (use|have)",
    "(which|what) (currency|money) (do they|do people|is used|do you) (use|) in {country}",
    "(what|how) do (people|they|you|i) pay (with|) in {country}",
    "(the|) currency( of| in|) {country}",
    "(currency|money|the currency|which currency|what money)(:|,| -|?) {country}",
    "(what is|what's) {country}'s (currency|money)",
    "(what is|what's) the money (called |used |)in {country}",
    "(which|what) money do i need in {country}",
    "what (kind of money|coins and notes) do (they|people) (use|have) in {country}",
    "(what|which) (coins|bills|notes|kind of cash|currency) (are used|do people carry|do i need|can i use|should i bring) in {country}",
    "(what|which) (money|currency) (should|do|must|can) i (bring|exchange|carry|get|buy) (for|in|when i go to) {country}",
    "(does|do|did) {country} (use|have|take) (the euro|the dollar|euros|dollars|pounds|its own money)",
    "(can i|could i|do i|do they|do people) pay (with|in) (euros|dollars|pounds|cash) in {country}",
    "(i'm|i am|we are) (going|flying|traveling|moving) to {country}(,|:) (what|which) (money|currency) (do i need|do they use|should i have)",
    "(i need|i want|i have|exchange|change) (the|some|my) (money|currency) (of|for|from|in) {country}",
    "(name|say|state|find|you know) {country}'s (currency|money)",
    "in {country}(,|) (what|which) (money|currency) (do they use|is used|do i need|do people use)",
    "what (is|are) the (coins|notes|bills|money) (called|named) in {country}",
    "how (do|can|would) (i|we|you) (pay|buy things|buy something|shop) in {country}",
    "(which|what|how much) (cash|coins|notes) (do|should|must|will) (i|we) (carry|have|exchange|hold) (for|in) {country}",
    "(what|which) (money|currency) (do|must) (i|we) take (along|with me) (to|for) {country}",
    "(my trip|our trip|my holiday|a journey) to {country}(:|,) (what|which) (money|currency) (do i need|is used|will i need)",
    "(people|they|shops) in {country} (pay|take|want|use) (what|which) (money|currency|kind of money)",
    "(is|are) (the dollar|dollars|euros|the pound) (used|accepted|good) in {country}",
    "(which|what) (notes|coins|bills|cash) (does|has) {country} (use|have|print|got)",
    "if (i|we|you) (travel|fly|move|go) to {country}(,|) (which|what) (money|currency|cash) (do i need|do i take|should i have|do we need)",
    "(do they|do people) (use|have|take|accept) (the euro|the dollar|euros|dollars|pounds|yen) in {country}",
    "{country}(,|:| -|) (what's|what is|name|tell me|give me|and|) (its|the|their) (currency|money)( please| called|)",
    "{country}(,|:| -|) (what|which) (currency|money|coins|cash)( do they use| is used| is it| do i need| there|)",
    "{country} (uses|has|takes|pays with|accepts|spends) (what|which) (currency|coins|cash|notes)",
    "{country}(,|:| -) (how|with what|in what) (do|can|must) (people|they|i|we) pay( there|)",
    "{country} (money|currency|cash|coins) (name|is|called|is called|please|is what|unit)",
  )),
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
  const country = countryToAsk(random, subject);
  return random.random() < 0.25
    ? askCountry(random, country, subject)
    : askCapital(random, country);
}

/** The country of a capital. */
export function countryOfCapital(random: PythonRandom, subject: Subject): Exchange {
  return askCountry(random, countryToAsk(random, subject), subject);
}

/** The currency of a country. */
export function currency(random: PythonRandom, subject: Subject): Exchange {
  return askCurrency(random, countryToAsk(random, subject));
}

/** A question about a country, and a follow-up: "And its currency?", "And Spain?" */
export function twoOfCountries(random: PythonRandom, { countries }: Subject): readonly Exchange[] {
  const [first, second] = [random.choice(countries), random.choice(countries)];
  const [about, isCurrency] = random.choice([[askCapital, false], [askCurrency, true]] as const);
  if (random.random() < 0.4) {
    const other = isCurrency ? askCapital(random, first) : askCurrency(random, first);
    const words = isCurrency ? geography.nextCapital : geography.nextCurrency;
    return [about(random, first), { ...other, question: draft(random, words) }];
  }
  const slots = { country: nameOf(random, second) };
  const question = draft(random, geography.nextCountry, slots);
  return [about(random, first), { ...about(random, second), question }];
}

function askCapital(random: PythonRandom, country: Country): Exchange {
  return {
    question: draft(random, geography.capital, { country: nameOf(random, country) }),
    answer: sentence(`The capital of ${country.name} is ${country.capital}`),
  };
}

function askCountry(
  random: PythonRandom,
  { name, capital, capitalAliases = [] }: Country,
  { countries }: Subject,
): Exchange {
  const city = random.random() < 0.6 ? capital : random.choice([capital, ...capitalAliases]);
  return {
    question: draft(random, geography.country, {
      city,
      country: () => random.choice(countries).name,
    }),
    answer: `${capital} is the capital of ${name}.`,
  };
}

function askCurrency(random: PythonRandom, country: Country): Exchange {
  return {
    question: draft(random, geography.currency, { country: nameOf(random, country) }),
    answer: `The currency of ${country.name} is the ${country.currency}.`,
  };
}

/** A country; those with several names come more often, so that each name is learned. */
function countryToAsk(random: PythonRandom, { countries }: Subject): Country {
  const named = countries.filter(({ aliases }) => aliases !== undefined);
  return random.choice(named.length > 0 && random.random() < 0.25 ? named : countries);
}

/** One of the names of a country. */
function nameOf(random: PythonRandom, { name, aliases = [] }: Country): string {
  return random.choice([name, ...aliases]);
}
