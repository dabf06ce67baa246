/**
 * Events of every kind of story: beginnings, meetings, ways, feelings.
 *
 * @module
 */

import { kinds, places } from "../words.ts";
import { all, atPlace, type Fault, withArticle, type World } from "../world.ts";
import { events } from "./event.ts";

/** Whether two can go to a place: they are elsewhere, and nobody has named another. */
function canGoTogether({ place, hint }: World, to: string): Fault {
  if (place === to) return `they are ${atPlace(to)} already`;
  return hint !== undefined && hint.place !== to
    ? `it was said to be ${atPlace(hint.place)}`
    : undefined;
}

/** Events that several plots share. */
export const common = events({
  begin: {
    sentences: [
      "Once upon a time, there was {a kind A} named {name A}.",
      "There once was {a kind A} named {name A}.",
      "There once was {a kind A} called {name A}.",
      "In a house with a crooked chimney lived {a kind A} named {name A}.",
      "At the end of a long road lived {a kind A} named {name A}.",
      "Far away, behind seven hills, lived {a kind A} whose name was {name A}.",
      "Once there lived {a kind A}, and everyone called {him A} {name A}.",
      "This is a story about {name A}, {a kind A}.",
      "Do you know {name A}? {name A} was {a kind A}.",
    ],
    needs: (world) => world.people.size > 0 ? "the story has begun already" : undefined,
    does: (world, { A }) => world.answer(`Who was ${A}?`, withArticle(world.kindOf(A))),
    isAnywhere: true,
  },
  nature: {
    sentences: Object.values(kinds).flatMap(({ nature }) => nature),
    needs: (world, { A }, sentence) => world.hasKind(A, sentence),
    times: 2,
    isAnywhere: true,
  },
  befriend: {
    sentences: [
      "{A}'s best friend was {a kind B} named {name B}.",
      "{A} had one good friend, {a kind B} named {name B}.",
      "{A}'s best friend was {a kind B} called {name B}.",
      "Next door to {A} lived {name B}, {a kind B}.",
      "Every day, {A} played with {name B}, {a kind B}.",
      "{A} had known {name B}, {a kind B}, for as long as {he A} could remember.",
      "{A} was hardly ever seen without {name B}, {a kind B}.",
    ],
    does: (world, { A, B }) => {
      world.answer(`Who was ${B}?`, withArticle(world.kindOf(B)));
      world.answer(`Who was the friend of ${A}?`, B);
    },
    isAnywhere: true,
  },
  own: {
    sentences: [
      "{A} owned {a X}.",
      "{A} had found {a X} in the attic.",
      "{A}'s {maker} had given {him A} {a X}.",
      "{A} had saved up for a year and bought {a X}.",
      "{A}'s dearest treasure was {a X}.",
      "For {his A} birthday, {A} had got {a X}.",
      "Among all {his A} things, {A} liked best {a X}.",
      "{A}'s {maker} had once given {him A} {a X}.",
    ],
    does: (world, { A, X }) => {
      world.own(X, A);
      world.answer(`What did ${A} own?`, world.described(X));
    },
    isAnywhere: true,
  },
  love: {
    sentences: [
      "{A} took {it X} everywhere.",
      "{A} said good night to {it X}.",
      "{A} would not have sold {it X} for all the gold in the world.",
      "{A} polished {it X} every evening.",
      "Nothing else made {A} so happy.",
      "{A} had even given {it X} a name, but that was a secret.",
      "{A} kept {it X} under {his A} pillow.",
    ],
  },
  go: {
    sentences: [
      "On {day}, {A} went {to P}.",
      "It was a {weather} day, and {A} went {to P}.",
      "{time}, {A} went {to P}.",
      "{time}, {A} set out {to P}.",
      "It was a {weather} day, and {A} walked {to P}.",
      "{A} put on {his A} boots and marched {to P}.",
      "After breakfast, {A} ran {to P}.",
      "Because it was a {weather} day, {A} went {to P}.",
      "{A} wanted to see something new, so {he A} walked {to P}.",
      "{A} had nothing to do and strolled {to P}.",
    ],
    needs: (world, { P }) => world.place === P ? "the story is there already" : undefined,
    does: (world, { A, P }) => {
      world.go(P, A);
      world.answer(`Where did ${A} go?`, `to the ${P}`);
    },
    isAnywhere: true,
  },
  see: {
    sentences: Object.values(places).flatMap(({ sights }) => sights),
    needs: (world, _roles, sentence) =>
      world.place !== undefined && places[world.place]?.sights.includes(sentence)
        ? undefined
        : `this is not what one sees ${atPlace(world.place)}`,
    times: 3,
  },
  take: {
    sentences: [
      "Of course, {A} took the {X} along.",
      "{A} carried the {X} under one arm.",
      "{A} had packed the {X}, too.",
      "The {X} went wherever {A} went.",
    ],
    needs: (world, { A, X }) => world.holds(A, X),
  },
  meet: {
    sentences: [
      "{in P}, {A} met {a kind B} named {name B}.",
      "Around the corner came {a kind B} named {name B}.",
      "{a kind B} named {name B} was standing there.",
      "Somebody said hello. It was {name B}, {a kind B}.",
      "Around the corner came {name B}, {a kind B}.",
      "{A} nearly ran into {name B}, {a kind B}.",
      "Then {a kind B} came by, and {his B} name was {name B}.",
      "There {A} met {a kind B} named {name B}.",
    ],
    needs: (world, { P }) =>
      world.isOut() ??
        (P === undefined || P === world.place
          ? undefined
          : `the story is ${atPlace(world.place)}, not ${atPlace(P)}`),
    does: (world, { B }) => {
      world.person(B).place = world.place;
      world.answer(`Who was ${B}?`, withArticle(world.kindOf(B)));
    },
  },
  cry: {
    sentences: [
      "{A} sat down and cried.",
      "{A}'s lip began to tremble.",
      "Two tears ran down {A}'s face.",
      "{A} felt a lump in {his A} throat.",
      "{A} was as sad as a wet Sunday.",
      "{A} sobbed so loudly that the birds fell silent.",
    ],
    needs: (world, { A }) => world.feels(A, "sad"),
  },
  comfort: {
    sentences: [
      '"What is the matter?" asked {B}.',
      '"Why do you look so sad, {A}?" asked {B}.',
      '"Has something bad happened?" {B} wanted to know.',
      "{B} sat down beside {A}.",
      "{B} offered {A} a handkerchief.",
    ],
    needs: (world, { B }) => {
      for (const { name, mood } of world.people.values()) {
        if (name !== B && mood === "sad") return undefined;
      }
      return "nobody else is sad";
    },
  },
  together: {
    sentences: [
      "{A} and {B} went {to P}.",
      "So {A} and {B} walked {to P} side by side.",
      "{B} led the way, and soon {A} and {B} came {to P}.",
      "They held hands, and so {A} and {B} came {to P}.",
      "{A} and {B} raced each other {to P}.",
    ],
    needs: (world, { P }) => canGoTogether(world, P),
    does: (world, { A, B, P }) => world.goTogether(P, [A, B]),
    times: 2,
    isAnywhere: true,
  },
  allTogether: {
    sentences: [
      "They went {to P} together.",
      "So they ran {to P} together.",
      "Together, they ran {to P}.",
      "They walked {to P}, arm in arm.",
      "So they set out {to P}, and neither went first.",
    ],
    needs: (world, { P }) =>
      all(
        world.people.size === 2 ? undefined : "they are not two",
        canGoTogether(world, P),
      ),
    does: (world, { P }) => world.goTogether(P, [...world.people.keys()]),
    times: 2,
    isAnywhere: true,
  },
  rejoice: {
    sentences: [
      "{A} was so glad that {he A} danced on one leg.",
      "{A} laughed for joy.",
      "{A}'s face was like a sunrise.",
      "{A} turned a somersault.",
      "{A} hugged {B} until {he B} had no breath left.",
      "{A} could have kissed the whole world.",
    ],
    needs: (world, { A }) => world.feels(A, "happy"),
    times: 2,
  },
  thank: {
    sentences: [
      '"Thank you, {B}!" said {A}.',
      '"How kind of you," said {A} to {B}.',
      "{A} thanked {B} three times.",
      '"I will never forget this," {A} told {B}.',
      '"You are the best, {B}," said {A}.',
    ],
    needs: (world, { A, B }) =>
      all(
        world.hasFact(`${B} is kind to ${A}`, `${B} has done nothing for ${A}`),
      ),
    times: 2,
  },
  friends: {
    sentences: [
      "Since then, {A} and {B} have been friends.",
      "From that day on, {A} and {B} met every {day}.",
      "And so {A} and {B} became friends for life.",
      "From that day on, nobody saw {A} without {B}.",
      "Today, {A} and {B} still laugh about it.",
      "{A} and {B} met every Sunday after that.",
    ],
    isEnd: true,
  },
  sleep: {
    sentences: [
      "That night, {A} slept like a stone.",
      "In the evening, {A} was tired and went to bed early.",
      "When the moon came up, {A} was asleep.",
      "{A} went home and dreamed of {dream}.",
      "And then it was time for bed, even for {A}.",
    ],
    times: 2,
    isEnd: true,
  },
  nextDay: {
    sentences: [
      "The next day, {A} and {B} met again.",
      "But that was not the end of it, for the next day {A} came to see {B}.",
      "A week later, {A} was with {B} again.",
      "It was not long before {A} and {B} had another adventure.",
    ],
    does: (world, { A, B }) => {
      world.place = undefined;
      world.hint = undefined;
      for (const name of [A, B]) world.person(name).place = undefined;
    },
    isNext: true,
    isAnywhere: true,
  },
});
