/**
 * Questions that a small model cannot answer, which are nearly all. It gives one answer to all of
 * them, which says what it can do instead.
 *
 * @module
 */

import type { PythonRandom } from "../random/python_random.ts";
import { declined, type Exchange, type Subject } from "./exchange.ts";
import { firstNames, months, moreNames, oneWayOpposites, opposites, otherCities } from "./facts.ts";
import { geography } from "./geography.ts";
import { inventedName } from "./user_name.ts";
import { type Draft, draft, type Slots, withCapital, type Wordings, wordings } from "./wording.ts";
import { aboutWords } from "./words.ts";

/** The wordings of this module. Slots: a `{thing}`, `{place}`, `{person}`, number `{n}` and so on. */
export const beyond = {
  person: wordings("?", "(who was|who is|who's|who|what is|what was) {person}"),
  asked: wordings(
    "?",
    "what (time|day) is it",
    "(how old are you|where do you live|what do you look like|when were you born|how much do you cost|what are you thinking)",
    "(what is|what's) the (weather|time|date|news|temperature|forecast)( today| now| tomorrow| like| in {place}| in {city}|)",
    "who (won|will win|is winning|lost) the (game|election|match|world cup|war|race|{thing})( in {year}| last night| yesterday|)",
    "(who is|who was|who's) the (president|king|queen|leader|mayor|author|owner|father|inventor) of (the |){place}",
    "why (is the sky blue|do we sleep|do people like the {thing}|am i here|not|is that|do cats purr)",
    "who (won|made|invented|wrote|painted|built|owns|discovered|lost|sang|plays|directed) (the |){thing}( in {year}| last year|)",
    "(who|what) (is|was|were|are) the {person}",
    "(who is|who's) the (best|richest|tallest|oldest|fastest|most famous) ({thing}|person|man|woman|player)( in {place}|)",
    "(what is|what's|what are|what was) (a |an |the |){thing}( made of| good for| in {place}|)",
    "(what is|what's) the (population|flag|size|language|president|history|area|biggest city|king|religion|climate) (of|in) {place}",
    "(what is|what's) the (meaning|price|cost|color|taste|weight|plural|past tense|origin|definition|length) of (the |a |){thing}",
    "(what is|what's) the (best|biggest|longest|highest|fastest|largest|smallest) {thing}( in {place}| in the world|)",
    "(what is|what's) (your|my|his|her) (favorite|) ({thing}|color|age|address|phone number|birthday|email|password|plan)",
    "(what does|what do|what did) (the |){thing} (mean|do|eat|look like|cost|say)",
    "(what|which) ({thing}|book|film|movie|song|car|phone|language|color) (is|do you|should i) (best|like|buy|use|read|watch|better)",
    "(what should|what can|what could) i (eat|wear|do|cook|buy|read|watch|say|give)( today| tonight| for {thing}|)",
    "what (happens|happened|will happen) (if|when|to|in|with) (i |the |){thing}( {thing}|)",
    "what (do|did) you (think|know|say|eat|dream|see|hear|learn|mean)( of| about|) (the |my |){thing}",
    "what (rhymes|goes|pairs) with {thing}",
    "what (year|day|time|month|date) is it( now| today|)",
    "what (day|date) is (it |)(today|tomorrow)",
    "(when|where|how) (did|was|is|will|does) (the |){thing} (start|end|begin|happen|die|born|work|made|grow|open|close)",
    "(when|where) (was|is|did) {person}( born| die| live| come from|)",
    "(when is|how long until|how many days until) (christmas|easter|my birthday|new year|the {thing}|summer)",
    "where (is|are|was|can i find|can i buy|did you put|do i get) (the |a |my |){thing}( in {place}|)",
    "where (is|are) (the|my) (nearest|next|lost|) ({thing}|bank|station|hospital|keys|phone|toilet)",
    "where (do you live|am i|are we|do birds go|did i leave my {thing}|should i go|is he|is everybody)",
    "why (is|are|do|does|did) (the |people |we |you |cats |){thing} ({thing}|blue|so big|exist|sleep|like {thing})",
    "how (old|big|far|tall|heavy|deep|long|fast|hot|expensive|high|much|cold) (is|are|was) (the |a |my |){thing}",
    "how (old|big|far|tall|old|rich) (is|are) ({person}|{place}|you|the moon|the sun|the earth)",
    "how (do|can|should|would) (i|you|we|people) (make|cook|fix|learn|build|draw|find|get|open|write|use|clean) (a |the |my |some |){thing}",
    "how (do|does) (a |the |){thing} (work|fly|grow|sound|live|taste)( in {place}|)",
    "how many (people|cities|states|rivers|islands|{thing}) (live |are |are there |)in (the world|{place}|my {thing}|the {thing})",
    "how many (legs|eyes|teeth|wheels|sides|pages|hearts|{thing}) (does|do|has) (a |an |the |){thing} have",
    "(is|are|was|will|does|do|did) (the |a |it |there |){thing} ({thing}|good|bad|rain|true|safe|dangerous|real)( tomorrow| today|)",
    "is {place} (bigger|older|richer|nicer|colder|larger) than {place}",
    "(do|have|can|did) you (like|have|know|eat|sleep|dance|swim|sing|love|hate|see|play|want|speak|read) (a |the |any |){thing}",
    "(do|can) you speak {language}",
    "(should|can|may|could|must|will) i (be|go|buy|eat|have|see|marry|sell|trust|leave|find) (a |the |my |){thing}",
    "(do|did|have) you ever (been to {place}|seen (a |the |){thing}|met {person}|eaten {thing}|been in love)",
    "what language do (they|people) speak in {place}",
    "how do (you|i|they) say {thing} in {language}",
    "(what is|what's) {thing} in {language}",
    "(what is|what's) the (square root|cube|logarithm|factorial|sine) of {n}",
    "(what is|what's|) {n} (percent|%) of {n}",
    "(what is|what's|) {n} (to the power of|mod|to the|choose) {n}",
    "(what is|what's|) {n} (cubed|in binary|in words|in roman numerals|feet in meters|factorial)",
    "is {n} (a prime|a prime number|even|odd|bigger than {n}|prime)",
    "(which|what) (is|number is) (bigger|larger|smaller)(,|:|) {n} or {n}",
    "how (far|long) is it (from {place} |)to {place}",
    "(will|should|can|must) (it|we|they|he|she|i) (rain|snow|go|eat|come|wait|win|buy {thing}|call {person}) (today|tomorrow|tonight|soon|now)",
    "(who|what|which {thing}) (do you think|would you say) (is|will|was) (the best {thing}|win|be famous|happen|the greatest {thing})( next| next year|)",
    "(root|cube root|log|sine|cosine) of {n}",
    "(the |a |){thing}(,|:) (how (old|far|deep|heavy|expensive|fast) is (it|that)|what is (it|that)|who made it)",
    "(what's|what is) (going on|new|wrong|that|happening|love|life|art|truth|time|on tv)",
    "how many {thing}s (exist|do we know of|have been found|can i see|are out there|do people have|were there)( in total| in all|)",
    "why (does|do|did|is|are) (my|your|the|his|our) {thing} (looking at|look at|hate|like|bark at|avoid|follow|scare|angry at) (me|him|them|people|us|strangers)",
    "{thing} {thing}(,|:) (how (old|high|far|deep|big|long) is (it|that)|what is (it|that)|who made it|where is it)",
    "(why|what|how|who|when|where|which|how come|why not)( though| exactly|)",
    "(how|why|when) (would|does|did|could) (a|an|the) ({thing}|{person}) (say|write|get|become|see|make) (good morning|a {thing}|it|the {thing}|goodbye)",
    "(who|which (man|woman|country)) (was|were|is) the (first|last) (woman|king|person|president|human|doctor|to (fly|swim|land|stand)) (in|of|on|to see) (the |){place}",
    "{person}(,|:|) how (old|tall|rich|big|strong) (is|was) (he|she)",
    "(sqrt|ln|exp|cot|tanh|log10) {n}",
    "why (do|did|does) (the|her|their|your|a) {thing} (stare|bark|laugh|shout|look|smile|run) (at|from|after) (me|you|us|her|everybody)",
    "who was the (last|second|next|oldest|youngest) (woman|king|person|{thing}) (in|of|to see) {place}",
    "(should|shall|must|could|would) (i|we|they) (bring|take|pack|wear|need) (a|an|the|some) {thing}( tonight| for the trip| outside| today|)",
    "(is|are) (there|) (any |)(rain|snow|sun|wind|{thing}s) (coming|expected|outside|today|this week)",
    "how many (legs|eyes|ears|teeth|wings|arms|wheels|strings|{thing}s) (has|have|had) (a |an |the |){thing}( got|)",
    "(cos|sin|tan|log|sine|tangent|remainder|average|percentage|tenth|exponent) of {n}( and {n}|)",
  ),
  told: wordings(
    ".",
    "tell me a (joke|secret)",
    "(write|make|compose|create|give)( me|) ((a|another|the) (poem|song|joke|letter|rap|speech|summary|list|haiku|program|text|recipe|plan)|(an|another|the) (essay|email)|some (code|text|poem))( about (the |a |){thing}| for {person}| of {thing}|)",
    "(translate|say|put) (hello|this|that|{thing}|good morning|the {thing}|{thing} {thing}|thank you) (to|into|in) {language}",
    "(tell|read|sing|show|give|send|draw)( me|) (a|another|one|some|the) (joke|secret|riddle|poem|song|fact|picture|tip|lie|{thing})",
    "(i want|i need|i would like|i'd like|give me|get me|bring me|send me|buy me) (a |an |some |the |to buy a |){thing}",
    "(say|sing|read|print) (hello|goodbye|something|{thing})( to {person}| {n} times| again| loudly|)",
    "(explain|describe|define|discuss|summarize|compare|prove|solve|imagine|analyze) (the |a |an |this |){thing}( to me| and {thing}| in one sentence|)",
    "(tell me|teach me|talk to me|say something|talk|i want to know (more |)) about (the |a |my |){thing}",
    "(tell|teach) me (something|everything|a lot)( about {place}| about {person}| new|)",
    "(play|open|close|start|stop|turn on|turn off|call|email|text|order|book|cancel|delete|find|search|google|show) (a |the |my |me |some |){thing}( for me| in {place}|)",
    "(remind me|set an alarm|wake me up|set a timer|call me|meet me) (to {thing}|at {n}|in {n} minutes|tomorrow|for {n})",
    "(use|put) (the word |){thing} in a sentence",
    "(can|could|would) you (write|make|think of|invent|compose|prepare) (a|some|me a) (poem|song|text|letter|speech)( about {thing}| for my {thing}|)",
    "(recommend|suggest|choose|pick|name|list|find)( me|) (a|some|{n}|three|five|two) (good |nice |){thing}",
    "(give me|i need|do you have|any) (advice|ideas|tips|information|news|help)( on| about| for| with|) (the |my |a |){thing}",
    "(continue|correct|rewrite|improve|finish|fix|check|complete|shorten) (this|my|the) (sentence|text|essay|code|{thing})( for me|)",
    "(let's|let us|we should|can we|shall we) (play (a game|{thing}|chess)|dance|go|talk( about {thing}|)|sing|have {thing})",
    "my {thing} (is|was|has|does not|doesn't) (broken|work|{thing}|gone|a {thing}|too {thing})",
    "(the|this|a|your) {thing} (is|was|has|looks|wants|likes) (a |the |very |){thing}",
    "i (like|love|hate|saw|bought|have|lost|found|made|ate|know|think) (a |the |my |some |){thing}( {thing}|)",
    "(he|she|they|we) (is|are|was|were|said|wants|likes|went to) (the |a |){thing}",
    "(a |an |the |synonyms? (for|of) |rhymes? (for|with) |plural of |){thing}",
    "{thing} {thing}",
    "{noise}",
    "{person}",
    "(news|weather|time|date|music|food|sports|joke|poem|love|politics|football|movies|traffic)( today| in {place}| please|)",
    "(recommend|suggest|find|pick)( me|) (something|anything|someone) (to read|to watch|for dinner|for my {thing}|good|new|about {thing}|to do|to cook)",
    "(can|could|would) you (please |)(come up|help me|try) (with|out|to write) (some|two) (lines|ideas|words|names|verses|{thing}s)( about {thing}| for my {thing}|)",
    "(the|give me the|tell me the) (end|author|summary|story|idea) of (a |the |my |){thing}",
    "(give me|i need|show me|send me) (a|the) (recipe|plan|list|picture|map|name|plot|price) (for|of) (a |the |my |)({thing}|{thing}s)",
  ),
} satisfies Record<string, Wordings>;

const languages = [
  "French",
  "Spanish",
  "German",
  "Latin",
  "Italian",
  "Russian",
  "Chinese",
  "Japanese",
  "Korean",
  "Dutch",
  "Greek",
  "Polish",
  "Arabic",
  "Portuguese",
  "Swedish",
  "Turkish",
  "Hindi",
  "Danish",
];

const surnames = [
  "Lincoln",
  "Washington",
  "Einstein",
  "Newton",
  "Shakespeare",
  "Mozart",
  "Obama",
  "Curie",
  "Bach",
  "Napoleon",
  "Darwin",
  "Gandhi",
  "Picasso",
  "Kennedy",
  "Jefferson",
  "Roosevelt",
  "Smith",
  "Grant",
  "Churchill",
  "Caesar",
  "Messi",
  "Swift",
  "Jackson",
  "Musk",
  "Gates",
  "Beethoven",
  "Columbus",
];

/** Concrete things, which are asked about more often than rare words. */
const things = [
  "house",
  "car",
  "dog",
  "cat",
  "tree",
  "book",
  "phone",
  "computer",
  "bread",
  "coffee",
  "pizza",
  "rice",
  "soup",
  "cake",
  "apple",
  "sea",
  "moon",
  "sun",
  "sky",
  "rain",
  "bird",
  "fish",
  "horse",
  "airplane",
  "train",
  "ship",
  "bridge",
  "school",
  "doctor",
  "teacher",
  "friend",
  "mother",
  "love",
  "money",
  "gold",
  "music",
  "film",
  "game",
  "football",
  "chess",
  "war",
  "peace",
  "history",
  "math",
  "physics",
  "science",
  "brain",
  "heart",
  "star",
  "planet",
  "dinosaur",
  "lion",
  "elephant",
  "king",
  "bank",
  "hotel",
  "table",
  "ticket",
  "flight",
  "garden",
  "door",
  "window",
  "clock",
  "shoes",
  "internet",
  "weather",
  "president",
  "world",
  "universe",
  "god",
  "black hole",
  "stock market",
  "climate change",
  "new york",
  "world war two",
  "human body",
  "solar system",
  "machine learning",
];

/** Questions that the model cannot answer, among them those about places and words that it does not know. */
export function unknown(random: PythonRandom, subject: Subject): Exchange {
  const kind = random.random();
  const asked = kind < 0.22
    ? aboutUnknownPlace(random, subject)
    : kind < 0.28
    ? draft(random, aboutWords.opposite, { word: wordWithoutOpposite(random, subject) })
    : draft(
      random,
      kind < 0.34 ? beyond.person : kind < 0.72 ? beyond.asked : beyond.told,
      anything(random, subject),
    );
  return { question: asked, answer: declined };
}

function aboutUnknownPlace(random: PythonRandom, subject: Subject): Draft {
  if (random.random() < 0.35) {
    const country = random.choice(subject.countries).name;
    return draft(random, geography.country, { city: random.choice(otherCities), country });
  }
  const country = random.random() < 0.7
    ? random.choice(subject.unknownPlaces)
    : withCapital(subject.word(random));
  return draft(random, random.choice([geography.capital, geography.currency]), { country });
}

function wordWithoutOpposite(random: PythonRandom, { word }: Subject): string {
  const hasOpposite = new Set([...opposites, ...oneWayOpposites].flat());
  for (;;) {
    const chosen = random.random() < 0.5 ? random.choice(things) : word(random);
    if (!hasOpposite.has(chosen)) return chosen;
  }
}

/** Something for every slot of the wordings. */
function anything(random: PythonRandom, subject: Subject): Slots {
  const { countries, unknownPlaces, word } = subject;
  const surname = random.random() < 0.6 ? random.choice(surnames) : inventedName(random);
  const firstName = random.random() < 0.7
    ? random.choice([...firstNames, ...moreNames])
    : inventedName(random);
  return {
    thing: () => random.random() < 0.5 ? random.choice(things) : word(random),
    n: () => `${random.randbelow(random.choice([10, 100, 2000])) + 1}`,
    place: random.random() < 0.7
      ? random.choice(countries).name
      : random.choice([...unknownPlaces, ...otherCities]),
    city: random.choice([...otherCities, ...countries.map(({ capital }) => capital)]),
    person: random.random() < 0.4 ? surname : `${firstName} ${surname}`,
    language: random.choice(languages),
    year: `${1800 + random.randbelow(240)}`,
    noise: noise(random),
  };
}

/** Random typing without a meaning. */
function noise(random: PythonRandom): string {
  const letter = () => random.choice("asdfghjklqwertyuiopzxcvbnm");
  return random.choice([
    () => Array.from({ length: 2 + random.randbelow(9) }, letter).join(""),
    () => letter().repeat(1 + random.randbelow(8)),
    () => `${random.randbelow(1000)}`,
    () => random.choice(["...", "?", "!", ":)", "blah blah", "test", "testing", "bla", "la la la"]),
    () => random.choice(months),
  ])();
}
