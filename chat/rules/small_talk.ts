/** Greetings, thanks, feelings, names, and questions about the model itself. @module */

import type { PythonRandom } from "../random/python_random.ts";
import { abilities, type Exchange, type Subject } from "./exchange.ts";
import { firstNames } from "./facts.ts";
import { draft, wholeMessages, type Wordings, wordings } from "./wording.ts";

/** The wordings of this module. */
export const smallTalk = {
  greeting: wholeMessages(
    "!",
    "(hi|hello|hey|good morning|good evening|good afternoon|hi there|hey there|hello there)( {model}|)",
    "(hello|hi|hey|hiya|yo|howdy|greetings|hey hey|hi hi|heya|morning|good day|hallo)",
    "(hi|hello|hey)(,|) (nice to meet you|anyone there|are you there|good to see you|it's me|{model})",
  ),
  wellBeing: wholeMessages(
    "?",
    "(hi|hello|hey|)(,|) how are you( doing|)( today|)",
    "(how's it going|what's up|how do you do|how are things|are you well|are you ok|how do you feel)",
    "(how have you been|how is your day|is everything fine|you ok|how goes it|all good|how's life)",
  ),
  goodbye: wholeMessages(
    ".",
    "(bye|goodbye|good-bye|bye bye|see you|good night|i have to go|see you later|farewell|so long)",
    "(see you (tomorrow|soon|next time)|talk to you later|i am leaving|i need to go|have a nice day)",
    "(ok bye|cya|ciao|take care|that is all for now|that's it for today|gotta go|until next time)",
    "(bye|goodbye|good night)(,|) ({model}|my friend|for now|and thanks)",
  ),
  thanks: wholeMessages(
    "!",
    "(thanks|thank you|thank you very much|thanks a lot|many thanks|ty|cheers|thank you so much)",
    "(thanks|thank you)(,|) ({model}|again|for your help|for that|for the answer|that helped|friend)",
    "(great|cool|nice|perfect|ok|wonderful|awesome)(,|) (thanks|thank you|that helps|thx)",
    "(that helps|that helped( me|)( a lot|)|that was helpful|i appreciate it|much appreciated)",
  ),
  praise: wholeMessages(
    "!",
    "(great|good job|well done|nice|awesome|amazing|perfect|excellent|very good|good|wow|bravo|super)",
    "(you are|you're) (great|smart|good|nice|funny|clever|awesome|cool|cute|the best|helpful|amazing)",
    "(that is|that's|that was) (great|good|right|correct|nice|cool|amazing|impressive|perfect)",
    "(i like you|i love you|you are very (smart|good|kind)|correct|that is true|good answer|right)",
  ),
  complaint: wholeMessages(
    ".",
    "(no|)(,|) (that is|that's|that was|this is|it's|you are|you're) (wrong|not right|not correct|false)",
    "(wrong|nope|incorrect|not true|are you sure|really|i don't think so|that can't be right)",
    "(you are|you're) (bad|stupid|dumb|useless|not very smart|mistaken|silly|no help|terrible)",
    "(you made a mistake|try again|check (it|that) again|i don't believe you|that makes no sense)",
  ),
  acknowledgement: wholeMessages(
    ".",
    "(ok|okay|i see|got it|alright|all right|fine|sure|yes|no|yeah|yep|hmm|aha|understood|good to know)",
    "(lol|haha|ha ha|interesting|makes sense|i understand|oh|oh ok|ok then|indeed|of course|k)",
  ),
  gladFeeling: wholeMessages(
    ".",
    "(i am|i'm|i feel|i am feeling|i'm feeling) (so|very|really|quite|) {glad}( today|)",
    "(i had|i have|it was|today was|today is) a (good|great|nice|wonderful|lovely|perfect) day",
    "(i got a new job|i passed my exam|i won|life is good|things are good|i got married|it's my birthday)",
    "(fine|good|very well|well|not bad|pretty good)(, thanks|, thank you| thanks|, and you)",
  ),
  sadFeeling: wholeMessages(
    ".",
    "(i am|i'm|i feel|i am feeling|i'm feeling) (so|very|really|a bit|a little|) {sad}( today|)",
    "(i had|i have|it was|today was|today is) a (bad|terrible|hard|long|awful|rough|horrible) day",
    "(i am not|i'm not|i do not feel|i don't feel) (happy|well|good|fine|okay|so good|great)( today|)",
    "(i lost my (job|dog|keys|cat)|my (dog|cat|friend) (died|left)|i failed|i have a (headache|cold))",
    "(nobody likes me|i hate my (life|job)|i miss (my friends|my home|you)|everything (hurts|is bad))",
    "(not so good|not good|not well|bad|terrible|life is hard|i want to cry|i can't sleep)",
  ),
  who: wordings(
    "?",
    "(who|what) are you",
    "(tell me|say|explain) who you are",
    "(please introduce yourself|introduce yourself|tell me about yourself|describe yourself)",
    "(who|what) (am i talking to|is this|are you exactly)",
    "(what kind of (ai|bot|model|program|thing) are you|what are you exactly|who is {model}|what is {model})",
  ),
  modelName: wordings(
    "?",
    "(what is|what's) your (name|full name|first name)",
    "(what are you called|tell me your name|your name|do you have a name|say your name|name please)",
    "(what|how) (should|can|do|shall) i call you",
    "what do (people|they) call you",
    "may i (know|ask) your name",
  ),
  maker: wordings(
    "?",
    "who (made|trained|built|created|programmed|wrote|designed|developed|invented|owns) you",
    "(where do you come from|where are you from|how were you (made|trained|built|created))",
    "(who is|who's) your (maker|creator|author|developer|boss|owner|father|mother)",
    "(what|which) (company|program|software|data) (made|trained|built) you",
    "(what were you trained (with|on|by)|who are your (makers|developers|creators|parents))",
  ),
  ability: wordings(
    "?",
    "what (can|do) you (do|know)( for me|)",
    "what (are you able to do|are you good at|are your skills|else can you do|can i ask( you|)|do you offer)",
    "(help|help me|i need help|can you help me|how can you help( me|)|what now|what should i ask you)",
    "(tell me|show me) what you can (do|say)",
    "(how do you work|what are you for|how can i use you|what is your (job|purpose|use|function))",
    "(what (questions|things|kind of things|topics) can (you (answer|do)|i ask)( you|)|give me some examples)",
  ),
  isHuman: wordings(
    "?",
    "are you (a |)(human|person|real|alive|man|woman|girl|boy|real person|human being|child)",
    "are you (chatgpt|gpt|siri|alexa|google|a dog|a cat|gemini|claude|gpt-4|a genius|an animal|an alien)",
    "(am i talking to|is this|are you really) a (human|person|real person|real human)",
    "(do you have a (body|face|soul)|can you (see|hear|feel|smell) me)",
  ),
  isMachine: wordings(
    "?",
    "are you (a|an) (ai|bot|robot|machine|computer|program|language model|chatbot|model|computer program)",
    "(am i talking to|is this) (a|an) (ai|bot|robot|machine|computer|program|chatbot)",
    "(are you|is your name|are you called|you are|is this) {model}",
    "are you (artificial|not human|only a (program|machine|computer)|just a (bot|robot|machine))",
  ),
  introduction: wholeMessages(
    ".",
    "(my name is|my name's|my name is|i am|i'm|call me|i am called|you can call me|it's|this is) {name}",
    "(hi|hello|hey|good morning|good evening)(,|) (my name is|i am|i'm|this is|it's) {name}",
    "(my name is|i am|i'm) {name}(,| and) (nice to meet you|what is yours|who are you|what's your name)",
    "(people|my friends|they) call me {name}",
    "(the name is|my name:|name:|please call me|just call me|you may call me) {name}",
    "{name} (is my name|here)",
    "remember my name(:| is|,) {name}",
  ),
  recollection: wordings(
    "?",
    "(what is|what's|tell me|say|repeat|what was) my name( again|)",
    "do you (remember|know|recall|still know) (my name|who i am|what my name is|what i am called)",
    "(who am i|what am i called|what did i say my name was|how am i called|who are you talking to)",
    "(can you (remember|say|tell me) my name|my name|you know my name|what do you call me|and me)",
    "(have you forgotten|did you forget|do you not know) my name( already|)",
  ),
} satisfies Record<string, Wordings>;

/** Adjectives of people who are fine. */
const glad = [
  ...[
    "happy",
    "fine",
    "good",
    "great",
    "excited",
    "glad",
    "well",
    "okay",
    "better",
    "proud",
    "lucky",
  ],
  ...[
    "relaxed",
    "cheerful",
    "in love",
    "in a good mood",
    "thankful",
    "ready",
    "calm",
    "doing well",
  ],
];

/** Adjectives of people who are not. */
const sad = [
  ...[
    "sad",
    "tired",
    "bored",
    "hungry",
    "angry",
    "lonely",
    "sick",
    "ill",
    "worried",
    "scared",
    "down",
  ],
  ...[
    "afraid",
    "nervous",
    "upset",
    "stressed",
    "confused",
    "exhausted",
    "unhappy",
    "hurt",
    "anxious",
  ],
  ...[
    "depressed",
    "thirsty",
    "cold",
    "frustrated",
    "in pain",
    "lost",
    "sorry",
    "not well",
    "sleepy",
  ],
  ...["annoyed", "alone", "mad", "heartbroken", "unwell", "in trouble", "busy", "broke", "late"],
];

/** Ways to say hello, and what to answer. */
export function greeting(random: PythonRandom, { name }: Subject): Exchange {
  if (random.random() < 0.3) {
    const question = draft(random, smallTalk.wellBeing);
    return { question, answer: "I am well, thank you. What can I do for you?" };
  }
  return {
    question: draft(random, smallTalk.greeting, { model: name }),
    answer: greetings[0]!,
  };
}

/** The answers to greetings. */
export const greetings: readonly string[] = ["Hello! What can I do for you?"];

/** Ways to say good-bye. */
export function goodbye(random: PythonRandom, { name }: Subject): Exchange {
  return {
    question: draft(random, smallTalk.goodbye, { model: name }),
    answer: "Bye! It was nice to talk to you.",
  };
}

/** Thanks, praise, complaints, and what is said to show that one has read an answer. */
export function reaction(random: PythonRandom, { name }: Subject): Exchange {
  return random.choice([
    () => ({
      question: draft(random, smallTalk.thanks, { model: name }),
      answer: "You are welcome!",
    }),
    () => ({ question: draft(random, smallTalk.praise), answer: "Thank you!" }),
    () => ({
      question: draft(random, smallTalk.complaint),
      answer: "I am sorry. I am small, and not always right.",
    }),
    () => ({
      question: draft(random, smallTalk.acknowledgement),
      answer: "What else can I do for you?",
    }),
  ])();
}

/** How the user feels. */
export function feeling(random: PythonRandom): Exchange {
  return random.random() < 0.4
    ? {
      question: draft(random, smallTalk.gladFeeling, { glad: random.choice(glad) }),
      answer: "I am glad to hear that.",
    }
    : {
      question: draft(random, smallTalk.sadFeeling, { sad: random.choice(sad) }),
      answer: "I am sorry to hear that.",
    };
}

/** Questions about the model itself. */
export function identity(random: PythonRandom, { name }: Subject): Exchange {
  const [asked, answer] = random.choice<[Wordings, string]>([
    [smallTalk.who, `I am ${name}, a small language model.`],
    [smallTalk.modelName, `My name is ${name}.`],
    [smallTalk.maker, "I was trained with nanodino, on one machine."],
    [smallTalk.ability, `I can ${abilities}.`],
    [smallTalk.isHuman, `No, I am ${name}, a language model.`],
    [smallTalk.isMachine, `Yes, I am ${name}, a language model.`],
  ]);
  return { question: draft(random, asked, { model: name }), answer };
}

/** The user's name, given. */
export function introduction(random: PythonRandom, name: string): Exchange {
  return {
    question: { ...draft(random, smallTalk.introduction, { name }), isRepeated: true },
    answer: `Nice to meet you, ${name}!`,
  };
}

/** The user's name, asked for; `null` if it was not told. */
export function recollection(random: PythonRandom, name: string | null): Exchange {
  return {
    question: draft(random, smallTalk.recollection),
    answer: name === null ? "I do not know your name yet." : `Your name is ${name}.`,
  };
}

/** Syllables of names. */
const [onsets, vowels, codas] = [
  "b|br|c|ch|d|dr|f|g|gr|h|j|k|kl|l|m|n|p|pr|qu|r|s|sh|st|t|th|tr|v|w|y|z|".split("|"),
  "a|e|i|o|u|y|ai|ee|ia|ie|io|oo|ou|é|ö|á|ë|ü|ø".split("|"),
  "||||n|l|r|s|m|t|k|nd|ng|sh|th|x|v|ck|ll|ss".split("|"),
];

/**
 * The name of a user: a known one, a word, or one that nobody has, so that names are repeated piece by
 * piece rather than known. Some are in lower case, and some have a surname.
 */
export function anyName(random: PythonRandom, { word }: Pick<Subject, "word">): string {
  const capital = (text: string) => text[0]!.toUpperCase() + text.slice(1);
  const one = () => {
    const kind = random.random();
    if (kind < 0.4) return random.choice(firstNames);
    if (kind < 0.6) return capital(word(random));
    const syllables = Array.from(
      { length: 1 + random.randbelow(3) },
      () => random.choice(onsets!) + random.choice(vowels!) + random.choice(codas!),
    );
    return capital(syllables.join(""));
  };
  const name = random.random() < 0.1 ? `${one()} ${one()}` : one();
  return random.random() < 0.25 ? name.toLowerCase() : name;
}
