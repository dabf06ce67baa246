/**
 * Facts for synthetic conversations: small tables here, countries and words from packages.
 *
 * @module
 */

import { importCountries, importSafeWords, importWords } from "../deps.ts";

/** Pairs of opposites; either may be asked for. */
export const opposites: readonly (readonly [string, string])[] = [
  ["hot", "cold"],
  ["big", "small"],
  ["old", "young"],
  ["fast", "slow"],
  ["high", "low"],
  ["long", "short"],
  ["light", "dark"],
  ["day", "night"],
  ["up", "down"],
  ["left", "right"],
  ["open", "closed"],
  ["rich", "poor"],
  ["happy", "sad"],
  ["full", "empty"],
  ["wet", "dry"],
  ["hard", "soft"],
  ["strong", "weak"],
  ["early", "late"],
  ["clean", "dirty"],
  ["true", "false"],
  ["war", "peace"],
  ["north", "south"],
  ["east", "west"],
  ["first", "last"],
  ["good", "bad"],
  ["loud", "quiet"],
  ["deep", "shallow"],
  ["thick", "thin"],
  ["near", "far"],
  ["begin", "end"],
  ["buy", "sell"],
  ["push", "pull"],
  ["yes", "no"],
  ["black", "white"],
  ["love", "hate"],
  ["win", "lose"],
  ["inside", "outside"],
  ["above", "below"],
  ["more", "less"],
  ["start", "stop"],
  ["come", "go"],
  ["give", "take"],
  ["always", "never"],
  ["easy", "difficult"],
  ["cheap", "expensive"],
  ["friend", "enemy"],
  ["man", "woman"],
  ["boy", "girl"],
  ["beautiful", "ugly"],
  ["alive", "dead"],
  ["life", "death"],
  ["smart", "stupid"],
  ["sweet", "sour"],
  ["brave", "cowardly"],
  ["kind", "cruel"],
  ["arrive", "leave"],
  ["laugh", "cry"],
  ["remember", "forget"],
  ["same", "different"],
  ["question", "answer"],
  ["brother", "sister"],
  ["mother", "father"],
  ["king", "queen"],
  ["summer", "winter"],
  ["morning", "evening"],
  ["wide", "narrow"],
  ["safe", "dangerous"],
  ["healthy", "sick"],
  ["asleep", "awake"],
  ["interesting", "boring"],
  ["top", "bottom"],
  ["before", "after"],
  ["on", "off"],
  ["in", "out"],
];

/**
 * Words whose opposite has another opposite: old is the opposite of new, but young is the opposite
 * of old.
 */
export const oneWayOpposites: readonly (readonly [string, string])[] = [
  ["new", "old"],
  ["heavy", "light"],
  ["tall", "short"],
  ["wrong", "right"],
  ["large", "small"],
  ["warm", "cold"],
  ["little", "big"],
  ["quick", "slow"],
  ["find", "lose"],
  ["clever", "stupid"],
  ["pretty", "ugly"],
];

/** The days of a week. */
export const days: readonly string[] = [
  "Monday",
  "Tuesday",
  "Wednesday",
  "Thursday",
  "Friday",
  "Saturday",
  "Sunday",
];

/** The months of a year. */
export const months: readonly string[] = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** Numbers from 0 to 20. */
export const numerals: readonly string[] = (
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen " +
  "sixteen seventeen eighteen nineteen twenty"
).split(" ");

/** Spans of time: the number of parts, the parts, and the span. */
export const spans: readonly (readonly [count: string, parts: string, whole: string])[] = [
  ["60", "seconds", "minute"],
  ["60", "minutes", "hour"],
  ["24", "hours", "day"],
  ["7", "days", "week"],
  ["365", "days", "year"],
  ["52", "weeks", "year"],
  ["12", "months", "year"],
];

/** First names of users. */
export const firstNames: readonly string[] = [
  "Ada",
  "Alan",
  "Alice",
  "Amir",
  "Ana",
  "Ben",
  "Carl",
  "Carmen",
  "Chen",
  "Clara",
  "David",
  "Dora",
  "Ella",
  "Emil",
  "Emma",
  "Eva",
  "Finn",
  "Grace",
  "Hana",
  "Hugo",
  "Ida",
  "Ivan",
  "Jack",
  "Jane",
  "John",
  "Jonas",
  "Julia",
  "Kai",
  "Kate",
  "Lars",
  "Laura",
  "Leo",
  "Lena",
  "Lily",
  "Luca",
  "Maria",
  "Mark",
  "Max",
  "Maya",
  "Mia",
  "Nina",
  "Noah",
  "Nora",
  "Olga",
  "Omar",
  "Oscar",
  "Paul",
  "Peter",
  "Rosa",
  "Ruth",
  "Sam",
  "Sara",
  "Sofia",
  "Tim",
  "Tom",
  "Vera",
  "Victor",
  "Yara",
  "Yuki",
  "Zoe",
];

/** More first names, of many countries, to repeat. */
export const moreNames: readonly string[] = (
  "Abdul Adam Aisha Akira Albert Alejandro Alex Ali Amara Amelia Amina Andrea Andrei Anna Anton " +
  "Ariel Arjun Arthur Ayumi Beatriz Bella Boris Brian Bruno Camila Carlos Charlie Chloe Chris " +
  "Claire Daniel Daria Diana Diego Dmitri Eduardo Elena Eli Elias Elizabeth Emily Eric Esther " +
  "Fatima Felix Francesca Frank Gabriel George Giovanni Greta Gustav Hannah Harry Hassan Helen " +
  "Henry Ibrahim Igor Ines Ingrid Isaac Isabella Jakob James Jasmine Javier Jennifer Jin Joao " +
  "Jorge Joseph Joshua Juan Karim Katarina Kenji Kevin Kim Kofi Lakshmi Leila Liam Linda Lisa " +
  "Louis Lucy Luis Magda Malik Margaret Mariam Martin Matteo Mehmet Mei Michael Miguel Mira " +
  "Mohammed Monika Nadia Natalia Nikolai Nicole Oliver Olivia Oskar Otto Pablo Pavel Pedro " +
  "Petra Philip Piotr Quentin Rachel Rahul Ravi Rebecca Robert Rohan Roman Ryan Sakura Salma " +
  "Samuel Sandra Sarah Sergei Simon Sophie Stefan Susan Takumi Tanya Thomas Tomas Ursula " +
  "Valentina Vikram Vincent Viola Walter Wei William Xavier Yasmin Yusuf Zara Zuzana Adèle " +
  "André Björn Chloé Jürgen José Zoé Søren François Renée"
).split(" ");

/** A country and the facts that are asked about it. */
export interface Country {
  /** The English name, with its article if it has one. */
  readonly name: string;
  /** Other names that people use for it. */
  readonly aliases?: readonly string[];
  /** The capital. */
  readonly capital: string;
  /** Other ways to write its capital. */
  readonly capitalAliases?: readonly string[];
  /** The English name of its currency. */
  readonly currency: string;
}

/** The countries that are asked about, by ISO 3166 code. */
const countryCodes = (
  "AR AT AU BE BG BR CA CH CL CN CO CU CZ DE DK EG ES ET FI FR GB GH GR HU ID IE IL IN IQ IR IS IT " +
  "JP KE KR MA MX NG NL NO NZ PE PH PK PL PT RO RS RU SA SE SN TH TN TR UA US VN"
).split(" ");

/** Common names of countries for which the package has another name; answers use the first. */
const countryNames: Readonly<Record<string, readonly string[]>> = {
  CN: ["China", "PR China"],
  CZ: ["Czechia", "the Czech Republic"],
  GB: [
    "the United Kingdom",
    "the UK",
    // More often, as most people write it.
    "UK",
    "UK",
    "UK",
    "UK",
    "England",
    "England",
    "England",
    "Great Britain",
    "Britain",
    "United Kingdom",
  ],
  KR: ["South Korea", "Korea"],
  NL: ["the Netherlands", "Netherlands", "Holland"],
  PH: ["the Philippines", "Philippines"],
  TR: ["Turkey", "Türkiye"],
  US: [
    "the United States",
    "the USA",
    "USA",
    "the US",
    "America",
    "United States",
    "the U.S.",
    "the United States of America",
    "US",
    "US",
  ],
};

/** Other ways to write a capital. */
const capitalAliases: Readonly<Record<string, readonly string[]>> = {
  BR: ["Brasilia"],
  CN: ["Peking"],
  CO: ["Bogota"],
  IS: ["Reykjavík"],
  UA: ["Kiev"],
  US: ["Washington", "Washington DC", "Washington, D.C."],
};

/**
 * Places whose capital the model is not taught, and that are no countries. Most countries are too many to
 * learn, and join them: see {@linkcode readUnknownPlaces}.
 */
export const unknownPlaces: readonly string[] = [
  "Atlantis",
  "Narnia",
  "Mordor",
  "Wonderland",
  "Gondor",
  "Utopia",
  "Westeros",
  "Texas",
  "Bavaria",
  "California",
  "Europe",
  "Africa",
  "Asia",
  "Mars",
  "the Moon",
  "London",
  "Paris",
  "the North Pole",
  "Scotland",
  "Wales",
  "Florida",
  "Alaska",
  "Ohio",
  "Virginia",
  "Ontario",
  "Quebec",
  "Catalonia",
  "Sicily",
  "Tuscany",
  "Scandinavia",
  "Yugoslavia",
  "Tibet",
];

/** Cities that are not capitals. */
export const otherCities: readonly string[] = [
  "Hamburg",
  "Munich",
  "New York",
  "Boston",
  "Chicago",
  "Sydney",
  "Barcelona",
  "Milan",
  "Naples",
  "Venice",
  "Lyon",
  "Marseille",
  "Liverpool",
  "Manchester",
  "Glasgow",
  "Toronto",
  "Montreal",
  "Vancouver",
  "Mumbai",
  "Shanghai",
  "Osaka",
  "Kyoto",
  "Lagos",
  "Istanbul",
  "Zurich",
  "Geneva",
  "Krakow",
  "Porto",
  "Antwerp",
  "Houston",
  "Dallas",
  "Seattle",
  "Detroit",
  "Miami",
  "Karachi",
];

/** Reads the countries: their names, capitals and currencies. */
export async function readCountries(): Promise<Country[]> {
  const { countries } = await importCountries();
  const currencyNames = new Intl.DisplayNames("en", { type: "currency" });
  const known = new Map(Object.entries(countries));
  return countryCodes.flatMap((code) => {
    const country = known.get(code);
    const currency = country?.currency[0];
    if (country === undefined || currency === undefined || country.capital === "") return [];
    const [name, ...aliases] = countryNames[code] ?? [country.name];
    const cities = capitalAliases[code];
    return [{
      name: name!,
      capital: country.capital,
      currency: currencyInSentence(currencyNames.of(currency) ?? currency),
      ...(aliases.length === 0 ? {} : { aliases }),
      ...(cities === undefined ? {} : { capitalAliases: cities }),
    }];
  });
}

/** Reads the places that have a capital or a currency which the model is not taught. */
export async function readUnknownPlaces(): Promise<string[]> {
  const { countries } = await importCountries();
  const others = Object.entries(countries).filter(([code]) => !countryCodes.includes(code));
  return [...unknownPlaces, ...others.map(([, { name }]) => name)];
}

/** The name of a currency without the capital letter of its noun: `US dollar`, `Israeli new shekel`. */
function currencyInSentence(title: string): string {
  return title.replace(/(New )?\S+$/, (noun) => noun.toLowerCase());
}

/** Words to spell and to count in. */
export interface WordLists {
  /** Common words, to learn from. */
  readonly common: readonly string[];
  /** Many more words, so that spelling is learned and not memorized. */
  readonly many: readonly string[];
  /** Common words for exams, in neither of the other lists. */
  readonly heldOut: readonly string[];
}

/** Reads words of 3 to 10 letters, common ones of up to 8: every tenth of these is held out. */
export async function readWords(): Promise<WordLists> {
  const [{ default: safe }, { default: all }] = await Promise.all([
    importSafeWords(),
    importWords(),
  ]);
  const words = [...safe].filter((word) => /^[a-z]{3,8}$/.test(word));
  const heldOut = words.filter((_, i) => i % 10 === 9);
  const kept = new Set(heldOut);
  return {
    common: words.filter((word) => !kept.has(word)),
    many: all.filter((word) => /^[a-z]{3,10}$/.test(word) && !kept.has(word)),
    heldOut,
  };
}
