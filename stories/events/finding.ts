/**
 * Events of stories in which something is lost, stuck, hidden or buried.
 *
 * @module
 */

import { places, tools } from "../words.ts";
import { all, atPlace, type Fault, withArticle, type World } from "../world.ts";
import { events } from "./event.ts";

/** Whether a spot belongs to the current place of the story. */
function isSpotHere(world: World, spot: string | undefined): Fault {
  if (spot === undefined) return undefined;
  return world.place !== undefined && places[world.place]?.spots.includes(spot)
    ? undefined
    : `there is no place "${spot}" ${atPlace(world.place)}`;
}

/** Whether a place has a spot. */
function hasSpot(place: string, spot: string | undefined): Fault {
  return spot === undefined || places[place]?.spots.includes(spot)
    ? undefined
    : `there is no place "${spot}" ${atPlace(place)}`;
}

/** Whether a spot is the one that somebody named. */
function isSpotTold(world: World, spot: string | undefined): Fault {
  return world.hint?.spot === undefined || world.hint.spot === spot
    ? undefined
    : `it was said to be ${world.hint.spot}, not ${spot}`;
}

/** Events about searching. */
export const finding = events({
  lose: {
    sentences: [
      "Suddenly {A} noticed that the {X} was gone.",
      "But on the way, {A} lost the {X}.",
      "Somewhere on the way, {A} lost the {X}.",
      "When {A} looked around, there was no {X} any more.",
      "But the {X} slipped out of {A}'s bag.",
      "{A} reached into {his A} pocket, and the {X} was not there.",
      "{A} wanted to show the {X} to a goose, but it had disappeared.",
    ],
    needs: (world, { A, X }) => world.holds(A, X),
    does: (world, { A, X }) => {
      world.lose(X);
      world.mood(A, "sad");
      world.note(`${X} was lost`);
      world.answer(`What did ${A} lose?`, `the ${X}`);
    },
  },
  search: {
    sentences: [
      "{A} looked {S} and {R}, but there was nothing.",
      "{A} searched {S}, but all {he A} found was dust.",
      "{A} looked {S}, and then {R}, and then gave up.",
      "{A} turned over every stone.",
      "{A} went back the way {he A} had come, but found nothing.",
    ],
    needs: (world, { A, S, R }) =>
      all(
        world.isHere(A),
        [...world.things.values()].some(({ holder }) => holder === undefined)
          ? undefined
          : "nothing is lost",
        isSpotHere(world, S),
        isSpotHere(world, R),
      ),
  },
  tellLoss: {
    sentences: [
      '"I have lost my {X}," said {A}.',
      '"I cannot find my {X}," said {A}.',
      '"My {X} has disappeared," {A} explained.',
      '"It is my {X}. It is gone," whispered {A}.',
      '"I cannot find my {X} anywhere," {A} answered.',
    ],
    needs: (world, { A, X }) => all(world.owns(A, X), world.isLost(X)),
    does: (world, { A }) => world.note("asked", { A }),
  },
  askSeen: {
    sentences: [
      '"Have you seen my {X}?" asked {A}.',
      '"You did not find {a X}, did you?" {A} asked.',
      '"Is my {X} here, by any chance?" asked {A}.',
    ],
    needs: (world, { A, X }) => all(world.owns(A, X), world.isLost(X)),
    does: (world, { A }) => world.note("asked", { A }),
  },
  answerWhere: {
    sentences: [
      '"I saw it {in P}," said {B}.',
      '"It is {S} {in P}," said {B}.',
      '"Yes, I saw it {in P}," said {B}.',
      '"I think it is {S} {in P}," {B} answered.',
      '"Oh, that! It is lying {S} {in P}," said {B}.',
      '"There is something {look X} {S} {in P}," said {B}.',
      '"Try {S} {in P}," {B} said.',
    ],
    needs: (world, { B, P, S }) =>
      all(
        world.hasFact("asked", "nobody has asked"),
        [...world.things.values()].some(({ owner, holder }) => owner === B && holder === undefined)
          ? `${B} is who has lost it`
          : undefined,
        world.place === P ? `they are ${atPlace(P)} themselves` : undefined,
        hasSpot(P, S),
      ),
    does: (world, { P, S }) => {
      world.hint = { place: P, spot: S };
    },
  },
  answerNo: {
    sentences: [
      '"No," said {B}, "but four eyes see more than two."',
      '"I have not seen it, but I will help you," said {B}.',
      '"No, but I am good at finding things," {B} said.',
      '"I am sorry, I have not," {B} said. "Let us look together."',
    ],
    needs: (world) => world.hasFact("asked", "nobody has asked"),
  },
  meanwhileFind: {
    sentences: [
      "Meanwhile, {a kind B} named {name B} was {in P} and found {a X} {S}.",
      "At the same time, {name B}, {a kind B}, was taking a walk {in P}, and {S} lay {a X}.",
      "Far from there, {in P}, {a kind B} named {name B} looked {S} and found {a X}.",
    ],
    needs: (world, { P, S, X }) => all(world.isLost(X), hasSpot(P, S)),
    does: (world, { B, X, P, S }) => {
      world.give(X, B);
      world.person(B).place = P;
      world.answer(`Who was ${B}?`, withArticle(world.kindOf(B)));
      world.answer(`Who found the ${X}?`, B);
      if (S !== undefined) world.answer(`Where was the ${X}?`, S);
    },
    isAnywhere: true,
  },
  wonderWhose: {
    sentences: [
      '"Whose {X} can this be?" wondered {B}.',
      '"Somebody must be missing this {X}," thought {B}.',
      '"I will find out who lost this {X}," said {B}.',
      '"No {X} walks here by itself," thought {B}.',
    ],
    needs: (world, { B, X }) =>
      all(world.holds(B, X), world.thing(X).owner === B ? `it is ${B}'s own` : undefined),
    isAnywhere: true,
  },
  bringTo: {
    sentences: [
      "{B} asked everywhere, and at last {he B} came to {A}.",
      "{B} went from door to door until {A} opened.",
      "Then {B} heard somebody crying. It was {A}.",
      "{B} read the name on it and walked to {A}'s house.",
    ],
    needs: (world, { A, B }) =>
      all(
        [...world.things.values()].some(({ owner, holder }) => owner === A && holder === B)
          ? undefined
          : `${B} has nothing of ${A}'s`,
      ),
    does: (world, { A, B }) => {
      world.person(B).place = world.person(A).place;
    },
    isAnywhere: true,
  },
  find: {
    sentences: [
      "{B} looked {S}, and there lay the {X}.",
      "{B} reached {S} and pulled out the {X}.",
      "And there it was: {S}, {B} found the {X}.",
      '"Here it is!" cried {B}. The {X} was {S}.',
      "The {X} was {S}, and {B} was the first to see it.",
    ],
    needs: (world, { B, X, S }) =>
      all(world.isLost(X), world.isHere(B), isSpotHere(world, S), isSpotTold(world, S)),
    does: (world, { B, X, S }) => {
      world.give(X, B);
      world.answer(`Who found the ${X}?`, B);
      if (S !== undefined) world.answer(`Where was the ${X}?`, S);
      if (world.thing(X).owner === B) world.mood(B, "happy");
    },
  },
  giveBack: {
    sentences: [
      "{B} gave the {X} back to {A}.",
      '"Here is your {X}," {B} said to {A}.',
      "{B} put the {X} into {A}'s hands.",
      "With a bow, {B} handed {A} the {X}.",
      '"This is yours, {A}," said {B} and held out the {X}.',
    ],
    needs: (world, { A, B, X }) => all(world.holds(B, X), world.owns(A, X)),
    does: (world, { A, B, X }) => {
      world.give(X, A);
      world.mood(A, "happy");
      world.note(`${B} is kind to ${A}`);
      world.answer(`Who helped ${A}?`, B);
      world.answer(`Whose ${X} was it?`, `${A}'s`);
    },
  },
  endHelp: {
    sentences: [
      "{A} let {B} play with the {X} every {day}.",
      "And {A}'s {X} was never lost again.",
      "{A} let {B} play with the {X} whenever {he B} liked.",
      "With a friend, thought {A}, even a lost {X} is half as bad.",
      "{A} tied a string to the {X}, just to be sure.",
      "From then on, {A} looked after the {X} twice as well.",
    ],
    needs: (world, { A, X }) => all(world.owns(A, X), world.holds(A, X)),
    isEnd: true,
  },
  stuck: {
    sentences: [
      "A gust of wind blew the {X} onto a high roof, and {A} could only watch.",
      "{A} threw the {X} into the air, and it got stuck in a tree.",
      "A magpie grabbed {A}'s {X} and dropped it on a chimney.",
      "{A} stumbled, and the {X} flew onto a tall wall.",
      "The {X} landed on top of a lamppost, far above {A}.",
    ],
    needs: (world, { A, X }) => all(world.holds(A, X), world.isOut()),
    does: (world, { A, X }) => {
      world.lose(X);
      world.mood(A, "sad");
      world.note("high up", { A });
    },
  },
  tooHigh: {
    sentences: [
      "{A} jumped and jumped, but it was too high.",
      "{A} stretched as far as {he A} could, but not far enough.",
      "{A} tried to climb up and slid down again.",
      "{A} called to it, but that did not help.",
    ],
    needs: (world, { A }) => world.hasFact("high up", "nothing is high up", { A }),
  },
  hasTool: {
    sentences: [
      "{B} had {a T} with {him B}.",
      "Luckily, {B} was carrying {a T}.",
      '"I have {a T}," said {B}.',
      '"Wait here," said {B} and came back with {a T}.',
    ],
    needs: (world) => world.hasFact("high up", "nothing is high up"),
    does: (world, { B, T }) => {
      world.own(T, B);
      world.answer(`What did ${B} have?`, world.described(T));
    },
  },
  useTool: {
    sentences: [
      "With the {T}, {B} {did T} and got the {X} down.",
      "{B} took the {T}, {did T}, and there was the {X}.",
      "{B} {did T} with the {T} until the {X} came down.",
    ],
    needs: (world, { B, T, X }) =>
      all(
        world.hasFact("high up", "nothing is high up"),
        world.isLost(X),
        world.holds(B, T),
        T in tools ? undefined : `nobody can reach anything with a ${T}`,
      ),
    does: (world, { B, X }) => {
      world.give(X, B);
      world.facts.delete("high up");
      world.answer(`Who got the ${X} down?`, B);
    },
  },
  findMap: {
    sentences: [
      "In an old coat, {A} found a treasure map.",
      "A bottle with a treasure map fell before {A}'s feet.",
      "Behind the wallpaper, {A} discovered a treasure map.",
      "{A} bought an old book, and out of it fell a treasure map.",
    ],
    does: (world, { A }) => {
      world.note("a map", { A });
      world.answer(`What did ${A} find?`, "a treasure map");
    },
  },
  readMap: {
    sentences: [
      "A red cross on it showed a spot {S} {in P}.",
      "It said: dig {S} {in P}.",
      "The map led {to P}, and the cross was {S}.",
      "According to the map, something was buried {S} {in P}.",
    ],
    needs: (world, { P, S }) => all(world.hasFact("a map", "there is no map"), hasSpot(P, S)),
    does: (world, { P, S }) => {
      world.hint = { place: P, spot: S };
      if (S !== undefined) world.answer("Where was the treasure?", S);
    },
  },
  showMap: {
    sentences: [
      "{A} ran to {B} and showed {him B} the map.",
      '"Look at this map!" said {A} to {B}.',
      '"Shall we dig together?" {A} asked {B}.',
      "Alone it is no fun, so {A} told {B} about the map.",
    ],
    needs: (world, { A }) => world.hasFact("a map", "there is no map", { A }),
  },
  dig: {
    sentences: [
      "{A} dug {S} until the spade hit something hard.",
      "{A} and {B} dug {S}, and soon there was a clonk.",
      "They began to dig {S}, and {A} struck a lid.",
      "{B} dug {S}, and {A} counted to {count}.",
    ],
    needs: (world, { S }) =>
      all(
        world.hasFact("a map", "there is no map"),
        isSpotHere(world, S),
        isSpotTold(world, S),
      ),
    does: (world) => world.note("a chest"),
  },
  openChest: {
    sentences: [
      "{A} opened the chest, and in it lay {a X}.",
      "In the chest was neither gold nor silver, but {a X}, and {A} took it out.",
      "{A} lifted the lid. Inside was {a X}.",
    ],
    needs: (world) => world.hasFact("a chest", "there is no chest"),
    does: (world, { A, X }) => {
      world.own(X, A);
      world.mood(A, "happy");
      world.answer("What was in the chest?", world.described(X));
    },
  },
  endTreasure: {
    sentences: [
      "{A} and {B} agreed to share the {X}, one week each.",
      "They hung the map over {A}'s bed and put the {X} beside it.",
      "It was no gold, but {A} and {B} were rich in fun.",
      "{A} drew a new map, buried the {X} again, and sent {B} to look for it.",
    ],
    needs: (world) => world.hasFact("a chest", "there is no chest"),
    isEnd: true,
  },
  playHide: {
    sentences: [
      '"Let us play hide-and-seek," said {A}.',
      "{A} and {B} decided to play hide-and-seek.",
      '"Bet you will not find me," said {B} to {A}.',
      "They drew straws, and {A} had to be the seeker.",
    ],
    needs: (world) => world.isOut(),
    does: (world) => world.note("hide-and-seek"),
  },
  countDown: {
    sentences: [
      "{A} turned around and counted very slowly.",
      "{A} leaned against a wall and counted to {count}, with only one mistake.",
      "{A} covered {his A} eyes and counted to {count}.",
    ],
    needs: (world) => world.hasFact("hide-and-seek", "nobody plays hide-and-seek"),
    does: (world, { A }) => {
      world.note("counted", { A });
      world.answer("Who was the seeker?", A);
    },
  },
  hide: {
    sentences: [
      "{B} tiptoed away and hid {S}.",
      "Quick as a flash, {B} crept {S}.",
      "{B} slipped {S} and held {his B} breath.",
      "{B} made {him B}self small {S}.",
    ],
    needs: (world, { B, S }) =>
      all(
        world.hasFact("counted", "nobody has counted"),
        world.facts.get("counted")?.A === B ? `${B} is the seeker` : undefined,
        isSpotHere(world, S),
      ),
    does: (world, { B, S }) => {
      world.note("hidden", { B });
      if (world.place !== undefined) world.hint = { place: world.place, spot: S };
      if (S !== undefined) world.answer(`Where did ${B} hide?`, S);
    },
  },
  seekWrong: {
    sentences: [
      "{A} looked {S}, but only a spider lived there.",
      "First {A} searched {S}. Nobody.",
      "{A} peeked {S} and found an old boot.",
      "{A} was sure that it had to be {S}, but it was not.",
    ],
    needs: (world, { A, S }) =>
      all(
        world.hasFact("hidden", "nobody is hidden"),
        world.hasFact("counted", "nobody has counted", { A }),
        isSpotHere(world, S),
        world.hint?.spot === S ? "somebody is hidden there" : undefined,
      ),
    times: 2,
  },
  giggle: {
    sentences: [
      "Then there was a giggle.",
      "Then somebody sneezed.",
      "Just then a stomach rumbled.",
      "But a foot stuck out.",
    ],
    needs: (world) => world.hasFact("hidden", "nobody is hidden"),
  },
  seekRight: {
    sentences: [
      '"Found you!" cried {A}, for {B} was {S}.',
      "{A} looked {S}, and there sat {B}.",
      '"I can see you {S}, {B}!" called {A}.',
    ],
    needs: (world, { A, B, S }) =>
      all(
        world.hasFact("hidden", "nobody is hidden", { B }),
        world.hasFact("counted", "nobody has counted", { A }),
        isSpotTold(world, S),
      ),
    does: (world, { A, B }) => {
      world.facts.delete("hidden");
      world.note("found", { A, B });
      world.answer(`Who found ${B}?`, A);
    },
  },
  endHide: {
    sentences: [
      "Then it was {B}'s turn to count.",
      "They played until {A} could not laugh any more.",
      "{A} and {B} played on until the first star came out.",
      "{B} said that the next hiding place would be a better one.",
    ],
    needs: (world, { A, B }) => world.hasFact("found", "nobody was found", { A, B }),
    isEnd: true,
  },
});
