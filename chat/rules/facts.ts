/**
 * Facts for conversations made by rule: small tables here, countries and words from packages.
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

/** First names of users. */
export const firstNames: readonly string[] = [
  ...["Ada", "Alan", "Alice", "Amir", "Ana", "Ben", "Carl", "Carmen", "Chen", "Clara", "David"],
  ...["Dora", "Ella", "Emil", "Emma", "Eva", "Finn", "Grace", "Hana", "Hugo", "Ida", "Ivan"],
  ...["Jack", "Jane", "John", "Jonas", "Julia", "Kai", "Kate", "Lars", "Laura", "Leo", "Lena"],
  ...["Lily", "Luca", "Maria", "Mark", "Max", "Maya", "Mia", "Nina", "Noah", "Nora", "Olga"],
  ...["Omar", "Oscar", "Paul", "Peter", "Rosa", "Ruth", "Sam", "Sara", "Sofia", "Tim", "Tom"],
  ...["Vera", "Victor", "Yara", "Yuki", "Zoe"],
];

/** Questions that a small model cannot answer. */
export const unanswerable: readonly string[] = [
  "Who will win the next election",
  "What is the weather today",
  "What did I eat yesterday",
  "Who wrote this letter",
  "How many people live in my street",
  "What is the price of gold",
  "Can you book a table for me",
  "What is the meaning of life",
  "Who is the tallest man in the world",
  "How do airplanes fly",
  "What is the time",
  "Which film should I see",
  "How do I cook rice",
  "What is my phone number",
  "Where did I leave my keys",
  "Who won the game last night",
  "Explain quantum mechanics",
  "Write me a poem about the sea",
  "Translate this sentence into Latin",
  "What is the news",
];

/** Beginnings of questions about anything, which such a model cannot answer either. */
export const unknownBeginnings: readonly string[] = [
  ...["Who won", "Who made", "Who lives in", "How old is", "How far is", "How much is"],
  ...["Where is", "What is in", "Tell me about", "What do you think of", "Why do people like"],
];

/** A country and what is asked about it. */
export interface Country {
  /** Its English name. */
  readonly name: string;
  /** Its capital. */
  readonly capital: string;
  /** The English name of its currency. */
  readonly currency: string;
}

/** The countries that are asked about, by ISO 3166 code. */
const countryCodes = (
  "AR AT AU BE BG BR CA CH CL CN CO CU CZ DE DK EG ES ET FI FR GB GH GR HU ID IE IL IN IQ IR IS IT " +
  "JP KE KR MA MX NG NL NO NZ PE PH PK PL PT RO RS RU SA SE SN TH TN TR UA US VN"
).split(" ");

/** Reads the countries: their names, capitals and currencies. */
export async function readCountries(): Promise<Country[]> {
  const { countries } = await importCountries();
  const currencyNames = new Intl.DisplayNames("en", { type: "currency" });
  const known = new Map(Object.entries(countries));
  return countryCodes.flatMap((code) => {
    const country = known.get(code);
    const currency = country?.currency[0];
    if (country === undefined || currency === undefined || country.capital === "") return [];
    const { name, capital } = country;
    return [{ name, capital, currency: (currencyNames.of(currency) ?? currency).toLowerCase() }];
  });
}

/** Words to spell and to count in. */
export interface WordLists {
  /** Common words, to learn from. */
  readonly common: readonly string[];
  /** Many more words, so that spelling is learned and not memorized. */
  readonly many: readonly string[];
  /** Common words that are in neither of the other lists, to be asked about. */
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
