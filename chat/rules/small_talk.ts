/** Greetings, thanks, praise, complaints, and feelings. @module */

import type { PythonRandom } from "../random/python_random.ts";
import type { Exchange, Subject } from "./exchange.ts";
import { draft, wholeMessages, type Wordings } from "./wording.ts";

/** The wordings of this module. */
export const smallTalk = {
  greeting: wholeMessages(
    "!",
    "(hi|hello|hey|good morning|good evening|good afternoon|hi there|hey there|hello there)( {model}|)",
    "(hello|hi|hey|hiya|yo|howdy|greetings|hey hey|hi hi|heya|morning|good day|hallo)",
    "(hi|hello|hey)(,|) (nice to meet you|anyone there|are you there|good to see you|it's me|{model})",
    "(hi|hello|hey|good morning|good evening) (everyone|everybody|all|friend|buddy|bot|robot|computer|again|sir|dear|world|my friend|mate|little one)",
    "(hi|hello|hey)(,|) (i am|i'm) (new|back|here)( here|)",
    "(nice|pleased|good|glad|happy) to (meet|see) you( too| again|)",
    "(anybody|anyone|is anyone|somebody|is somebody|is anybody) (here|there|home|around)",
    "(i|just|i just|we) (wanted|want) to say (hi|hello|good morning)( to you|)",
    "(sup|wassup|yo yo|hey ho|hola|bonjour|moin|servus|aloha|g'day|i'm back|knock knock)",
    "(hello|hi|hey)(,|) (let's talk|let's chat|let us begin|can we talk|can we chat|what's new|how nice)",
    "(just|only|i'm just|i am only) (dropping by|stopping by|passing by|checking in|saying hi|here to say hi|here to say hey)",
    "(hi|hello|hey)(,|) (just|only) (stopping by|testing|looking around|passing through|saying hello)",
    "(hi|hello|hey)(,|) (how nice to see you|long time no see|i am here|here i am|it is me|what a day)",
    "(hi|hello|hey|good morning|good evening|good afternoon|good day) to (all of you|all|everybody|you all|the little model)",
  ),
  wellBeing: wholeMessages(
    "?",
    "how are you",
    "(hi|hello|hey|)(,|) how are you( doing|)( today|)",
    "(how's it going|what's up|how do you do|how are things|are you well|are you ok|how do you feel)",
    "(how have you been|how is your day|is everything fine|you ok|how goes it|all good|how's life)",
    "(i hope|hope) you (are|feel|are doing) (well|good|fine|okay)( today|)",
    "(how|how well) (are|were) you( feeling| keeping| getting on| holding up|)( today| tonight| this morning| now|)",
    "how (is|was) your (day|morning|week|weekend|evening|night)( going| so far|)",
    "(how are|how's) (everything|things|your day going|life treating you|you|it)",
    "how (do|did|have) you (feel|feeling|been|been feeling|sleep)( lately| recently| these days| at the moment| in general|)",
    "(are|do) you (feel|feeling|doing) (well|good|fine|better|okay|alright)( today|)",
    "(hi|hello|hey)(,|) (how's it going|how are things|how do you feel|are you well|how have you been)",
  ),
  goodbye: wholeMessages(
    ".",
    "(bye|goodbye|bye bye)",
    "(bye|goodbye|good-bye|bye bye|see you|good night|i have to go|see you later|farewell|so long)",
    "(see you (tomorrow|soon|next time)|talk to you later|i am leaving|i need to go|have a nice day)",
    "(ok bye|cya|ciao|take care|that is all for now|that's it for today|gotta go|until next time)",
    "(bye|goodbye|good night)(,|) ({model}|my friend|for now|and thanks)",
    "(i|i'll|i will|we|i must|i should|i need to|time to) (go|leave|stop|be off|sleep)( now| soon| home| to bed|)",
    "(i am|i'm) (off|going|done|leaving|out|heading out|going home|going to bed|off to work|off to bed)( now| for today|)",
    "(that's|that is|that was) (it|all|enough|everything)( for (now|today)|)",
    "(see|talk to|speak to|meet) (you|ya|u) (around|tomorrow|next week|another time|some other time|again|on monday)",
    "(until|till) (tomorrow|next time|later|then|we meet again|monday|next week)",
    "(have a|enjoy your) (good|nice|great|lovely|) (evening|night|weekend|one|time)",
    "(good|sleep) (night|well)(, sleep tight|)( everybody|)",
    "(goodnight|nighty night|night night|sleep tight|sweet dreams)( then| all| everyone|)",
    "(it was|it's been|was) (nice|fun|good|great|a pleasure) (talking|chatting|speaking)( to you| with you|)",
    "(bye|goodbye|farewell|so long|adieu|adios|ttyl|gtg|over and out|take it easy|bye now|bye-bye)( then| everyone| buddy|)",
    "(ok|okay|alright|well|thanks|great|good|fine)(,|) (bye|goodbye|see you|cya|good night|i'm off|i have to go)( then| soon| later|)",
    "(see|catch|meet) (you|ya|u) (all |)(next time|around|on the other side|there|at home|in the morning)",
    "(i|we) (have to|must|should|need to) (run|hurry|stop here|catch a bus|sleep|work|eat|close this)( now| sorry|)",
    "(see|catch|reach|find) (you|ya|u) (soon|tonight|on sunday|next month|after lunch)",
    "(signing|logging|heading|taking|going) off( now| for today| for the night|)",
  ),
  thanks: wholeMessages(
    "!",
    "(thanks|thank you|thank you very much|thanks a lot|many thanks|ty|cheers|thank you so much)",
    "(thanks|thank you)(,|) ({model}|again|for your help|for that|for the answer|that helped|friend)",
    "(great|cool|nice|perfect|ok|wonderful|awesome)(,|) (thanks|thank you|that helps|thx)",
    "(that helps|that helped( me|)( a lot|)|that was helpful|i appreciate it|much appreciated)",
    "(thanks|thank you|thx|many thanks)( so much| very much| a lot| a bunch| indeed|)(,|) (for (everything|the help|helping me|your time|answering|explaining)|that was (great|useful|what i needed)|you helped me)",
    "(i am|i'm) (so|very|really|) (thankful|grateful)( to you| for that|)",
    "(you|you really|that really|this|it) (helped|helped me|was useful|was a big help|was so helpful|solved my problem)( today|)",
    "(that's|that is|that was|this is) (useful|a great help|just what i needed|what i wanted|what i was looking for)",
    "(you|that) made (my day|me happy|me smile|it easy|it clear)",
    "(a big thank you|big thanks|thanks, that's all|thanks for all|thank you, that is all|bless you|how kind of you|so kind of you|that's kind)",
    "(thanks|thank you) (a ton|a bunch|a heap|a thousand times|from my heart|ever so much|kindly)",
    "(you|you just|you really|this) (rescued|saved) (me|us|my life|my evening|my homework|the day|me a lot of time)",
    "(i|we) (owe you|can't thank you enough|am in your debt|really needed that|could not have done it without you)",
  ),
  praise: wholeMessages(
    "!",
    "(great|good job|well done|nice|awesome|amazing|perfect|excellent|very good|good|wow|bravo|super)",
    "(you are|you're) (great|smart|good|nice|funny|clever|awesome|cool|cute|the best|helpful|amazing)",
    "(that is|that's|that was) (great|good|right|correct|nice|cool|amazing|impressive|perfect)",
    "(i like you|i love you|you are very (smart|good|kind)|correct|that is true|good answer|right)",
    "(what a|such a) (good|great|nice|clever|smart|wonderful|cool) (answer|bot|program|machine|job|model|little model)",
    "(i|i really|we) (like|love|enjoy) (it|this|that|talking to you|your answers|how you work|what you do)",
    "(that|this|it|your answer) (is|was) (so|very|really|quite|absolutely|) (good|cool|clever|smart|fast|right|great|amazing|awesome|beautiful|perfect|true)",
    "(impressive|brilliant|fantastic|outstanding|lovely|genius|clever|neat|sweet|hooray|yay|spot on|bingo|good bot|well said|nailed it|very nice|not bad at all|good work|cool stuff|that rocks)",
    "(you are|you're|u are) (so|very|really|quite|pretty|incredibly) (good|smart|fast|clever|nice|cool|funny|kind|helpful|sweet)",
    "(you are|you're) ((a|my|such a|a real) (hero|star|legend|treasure|genius|good friend|great help)|(an|my|such an) angel)",
    "(you did|you are doing) (a good job|well|great|so well|very well)",
    "(that|this|it) (is|was) (exactly right|what i hoped for|better than i thought|a good one|quite something)",
    "(you|you really|you sure) (know your stuff|know a lot|are quick|got it right|got it|learn fast|rock)",
  ),
  complaint: wholeMessages(
    ".",
    "(no|)(,|) (that is|that's|that was|this is|it's|you are|you're) (wrong|not right|not correct|false)",
    "(wrong|nope|incorrect|not true|are you sure|really|i don't think so|that can't be right)",
    "(you are|you're) (bad|stupid|dumb|useless|not very smart|mistaken|silly|no help|terrible)",
    "(you made a mistake|try again|check (it|that) again|i don't believe you|that makes no sense)",
    "(that|this|it|your answer|the answer|what you said) (is|was|seems|looks|sounds) (so|very|totally|completely|just|) (wrong|false|off|incorrect|stupid|nonsense|silly|strange|weird|bad|not right|not true)",
    "(you|you just|you always|no you) (got it wrong|are wrong|lied|lie|made that up|misunderstood me|did not understand|don't understand( me| anything|)|said something wrong)",
    "(i|but i|no, i) (asked|meant|wanted|said) something else",
    "(this|that) (does not|doesn't|did not|didn't) (help|work|answer my question|make sense)( me| at all|)",
    "(that is|that's|this is) not (what i (asked|meant|wanted|said)|an answer|helpful|good|true|my question)",
    "(huh|are you serious|are you kidding|are you joking|come on|nonsense|rubbish|bad bot|bad answer|wrong answer|i disagree|seriously|this can't be|that's a lie)",
    "(shut up|you suck|i hate you|go away|you are the worst|you are broken|you are so (bad|stupid|dumb)|this sucks|you are annoying|i am disappointed|what a (bad|stupid) answer)",
    "(that|this|your) (reply|result|response|sentence) (is|was) (wrong|bad|odd|strange|no good|not what i (hoped|asked) for|not it|off)",
    "(i|we) (expected|wanted|hoped for) (something|an answer|a reply|more|something else|a better answer)( else| better| from you|)",
    "(that|this) (reply|result|sentence) (is|was) not what i (expected|thought|had in mind|needed|was looking for)",
    "(that|the|your) answer (is|was) not what i (thought|had in mind|needed|was looking for|hoped)",
    "(you|you really|why do you|you still) (don't|do not|can't) (get|answer|understand|know|follow) (it|me|that|my question|anything)",
    "(your|this|the) (answers|replies) (are|make) (wrong|no sense|bad|useless|all wrong)",
  ),
  acknowledgement: wholeMessages(
    ".",
    "(ok|okay|i see|got it|alright|all right|fine|sure|yes|no|yeah|yep|hmm|aha|understood|good to know)",
    "(lol|haha|ha ha|interesting|makes sense|i understand|oh|oh ok|ok then|indeed|of course|k)",
    "(ok|okay|oki|okey|oh)( sure| got it| i see| then| fine|)",
    "(hm|hmmm|mhm|uhm|ah|ah ok|oh i see|oh well|i guess|maybe|perhaps|whatever|no problem|never mind|nothing|not really)",
    "(what else|yes please|no thanks|no thank you|yup|nah|fair enough|noted|will do|go ahead|i'm ready|ready|next one|next question)",
    "(i have|i've got|i have got|may i ask|can i ask) ((a|another|one|one more) (question|thing)|a few questions|something)( for you|)",
  ),
  gladFeeling: wholeMessages(
    ".",
    "(i am|i'm) {glad}",
    "(i am|i'm|i feel|i am feeling|i'm feeling) (so|very|really|quite|) {glad}( today|)",
    "(i had|i have|it was|today was|today is|it's been|i've had) a (good|great|nice|wonderful|lovely|perfect) (day|day|week|time|year)",
    "(i got a new job|i passed my exam|i won|life is good|things are good|i got married|it's my birthday)",
    "(fine|good|very well|well|not bad|pretty good)(, thanks|, thank you| thanks|, and you)",
    "(i am|i'm|i was|we are|feeling|i woke up|today i feel|i'm so|i'm really) {glad}( today| right now|)",
    "(i|we|my team|my sister|my daughter|my son|my brother) (won|passed|got (engaged|married|promoted|a job|a raise|good news|a puppy|a new car|an a)|had (fun|a good time)|found (love|my keys|a friend)|finished (my homework|school|my work))( today| yesterday|)",
    "(this|today|it|my day|the party|the trip|my birthday|school|work|the weekend|my week) (went|has been|was|is) (so|really|very|) (well|nice|fun|good|great|wonderful|lovely)( for me| for us| today)",
    "(i |we |)(had|have had|am having|are having) (a|the) (nice|great|lovely|wonderful|good|best|funniest) (day|morning|evening|week|time|trip)( today| so far|)",
    "(what a|such a|it is a|it's a) (nice|great|lovely|beautiful|wonderful|good|perfect) (day|morning|evening|week|life|feeling)( today|)",
    "(i love|i enjoy|i like) (my life|my job|today|life|this day|my family|my new job|being here|my friends)",
    "(the sun is shining|i can't stop smiling|everything is (great|fine|perfect|wonderful)|all is well|life is (beautiful|great|wonderful|sweet)|i slept well|summer is here|it's friday|i am on holiday|i fell in love|i could dance)",
    "(i|i've|i have) (had|been having|having) ((a|the|such a) (good|great|nice|lovely|wonderful|perfect)|(an|such an) amazing) (day|week|time|morning|weekend|trip)",
    "(best|happiest|greatest) (day|moment|week) of my life",
    "(had|having|i had|we had|just had) (my|our|the) (best|greatest|nicest|most beautiful|happiest) (week|evening|weekend|morning|trip|year) (ever|in years|of all|in a long time|so far)",
    "(had|having|just had|we had) ((the|my) (most wonderful|greatest|loveliest|nicest)|(a|such a) (really good|lovely)) (time|week|morning|evening|trip|weekend)( ever| today| of my life|)",
    "(smiling|laughing|dancing|singing|celebrating) (all|the whole) (day|night|morning|week)( here| today|)",
    "(today|this week|this morning|my evening) (made|makes|is making) me (so |very |really |) (happy|glad|proud|cheerful|smile)",
    "(my|our|the) (day|morning|week|life|job|trip|party|holiday|test|exam|evening|dinner|game) (is|was|has been|went|feels) (so |really |very |quite |just |) {nice}( today| so far|)",
    "(everything|it all|it|school|work|life) (is|was|feels|has been|looks) {nice}( today| here| right now| lately|)",
    "(it|this|that) (has been|was|is) ((a|such a|the) (great|wonderful|lovely|fantastic)|(an|such an) (awesome|amazing)) (day|week|year|morning|time)( for me| for us| so far|)",
  ),
  sadFeeling: wholeMessages(
    ".",
    "(i am|i'm) {sad}",
    "(i am|i'm|i feel|i am feeling|i'm feeling) (so|very|really|a bit|a little|) {sad}( today|)",
    "(i had|i have|it was|today was|today is|it's been|i've had) (a (bad|terrible|hard|long|rough|horrible)|an awful) (day|day|week|time|year)",
    "(i am not|i'm not|i do not feel|i don't feel) (happy|well|good|fine|okay|so good|great)( today|)",
    "(i lost my (job|dog|keys|cat)|my (dog|cat|friend) (died|left)|i failed|i have a (headache|cold))",
    "(nobody likes me|i hate my (life|job)|i miss (my friends|my home|you)|everything (hurts|is bad))",
    "(not so good|not good|not well|bad|terrible|life is hard|i want to cry|i can't sleep)",
    "(i am|i'm|i was|i've been|feeling|i get|today i feel|i'm so|i'm really) {sad}( today| right now| lately| all the time| again|)",
    "(i|we|my sister|my son|my friend|my brother) (lost|failed|broke|missed|hurt|cried|got (fired|sick|dumped|bad news|hurt|robbed|nothing))( again| today| my (leg|arm|phone|heart|bus)| the (game|test|exam)|)",
    "(my|our) (grandma|grandpa|mother|father|friend|hamster|bird|uncle|mom|dad|cat|dog) (is|got|was|has been) (sick|ill|dead|gone|hurt|dying|in hospital|very sick)",
    "(my|our) (grandma|grandpa|mother|father|friend|hamster|bird|uncle|mom|dad|cat|dog) (passed away|ran away|left me|disappeared)",
    "(today|my day|life|my week|work|school|everything|this day) (was|is|has been|went|feels|seems) (so|really|very|just|) (bad|awful|terrible|hard|sad|wrong|horrible|hopeless|too much|boring|stressful|difficult)",
    "(nothing|everything) (works|goes right|goes wrong|is going wrong|sucks|is lost)",
    "(i|i really|i just) (can't|cannot) (sleep|go on|stop crying|take it anymore|do this|find my (dog|keys|phone)|eat|breathe)",
    "(i have|i've got|i got) ((a|such a) (headache|fever|toothache|bad day|broken heart|bad feeling|terrible cold)|the flu|no friends)",
    "(i want|i need) (a hug|my mom|a friend|to be alone|to scream)",
    "(nobody|no one) (likes|loves|understands|calls|wants|remembers|needs) me",
    "my (boyfriend|girlfriend|wife|husband|best friend|partner) (left|dumped|broke up with|hates|ignores|doesn't love|yelled at) me",
    "(i hate|i can't stand) (mondays|school|work|everything|myself|this day|my boss|being alone|this)",
    "(i|i've|i have) (had|been having) ((a|the|such a) (bad|terrible|hard|rough|horrible|sad|tough)|(an|such an) awful) (day|week|time|morning|night|year)",
    "(worst|saddest) (day|week|year) of my life",
    "(weeping|sobbing|suffering|struggling|worrying) (all|the whole|half the) (day|night|morning|week)( long|)( here| today|)",
    "(it|this|that) (has been|was|is) ((a|such a|the) (terrible|horrible|bad|sad|hard|rough)|(an|such an) awful) (day|morning|year|month|time|night)( for me| for us| so far| here|)",
    "(today|this week|this morning|the news) (made|makes|is making) me (so |very |really |) (sad|cry|angry|tired|unhappy|afraid)",
    "(crying|sobbing|weeping|alone|bored) (since|until|for|in) (this morning|midnight|hours|days|my room|my bed)( again| today|)",
    "(tears|nothing but tears|only bad news|bad luck|nothing but trouble|only rain) (all day|again|today|this week|everywhere)",
    "(had|having|just had) ((the|my) (worst|saddest)|(a|such a) (bad|terrible|really bad)|(an|such an) awful) (time|week|morning|day|weekend)( ever| today| of my life|)",
    "(my|our|the) (day|morning|week|life|job|trip|party|holiday|test|exam|evening|dinner|game) (is|was|has been|went|feels) (so |really |very |quite |just |) {awful}( today| so far|)",
    "(everything|it all|it|school|work|life) (is|was|feels|has been|looks) {awful}( today| here| right now| lately|)",
    "my (dog|cat|bird|horse|hamster|friend|grandma|grandpa|uncle|aunt|mother|father|teacher|neighbor) (died|is dead|is sick|is gone|got lost|ran away|had an accident|is in hospital)( today| yesterday| last week| last night|)",
  ),
} satisfies Record<string, Wordings>;

/** Adjectives of good days. */
const nice = (
  "amazing awesome beautiful brilliant cool delightful excellent fabulous fantastic fine fun good " +
  "great incredible lovely magical marvelous nice outstanding perfect pleasant splendid successful " +
  "super sweet terrific wonderful"
).split(" ");

/** Adjectives of bad days. */
const awful = (
  "annoying awful bad boring depressing difficult disappointing dreadful exhausting frustrating " +
  "gloomy hard hopeless horrible lonely lousy miserable nasty painful rough sad scary stressful " +
  "terrible tiring tough unpleasant"
).split(" ");

/** Adjectives of people who are fine. */
const glad = [
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
  "relaxed",
  "cheerful",
  "in love",
  "in a good mood",
  "thankful",
  "ready",
  "calm",
  "doing well",
];

/** Adjectives of people who are not. */
const sad = [
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
  "afraid",
  "nervous",
  "upset",
  "stressed",
  "confused",
  "exhausted",
  "unhappy",
  "hurt",
  "anxious",
  "depressed",
  "thirsty",
  "cold",
  "frustrated",
  "in pain",
  "lost",
  "sorry",
  "not well",
  "sleepy",
  "annoyed",
  "alone",
  "mad",
  "heartbroken",
  "unwell",
  "in trouble",
  "busy",
  "broke",
  "late",
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

/** Thanks, praise, complaints, and acknowledgments of an answer. */
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
      question: draft(random, smallTalk.gladFeeling, {
        glad: random.choice(glad),
        nice: random.choice(nice),
      }),
      answer: "I am glad to hear that.",
    }
    : {
      question: draft(random, smallTalk.sadFeeling, {
        sad: random.choice(sad),
        awful: random.choice(awful),
      }),
      answer: "I am sorry to hear that.",
    };
}
