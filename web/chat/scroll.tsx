/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/**
 * A part of the page that scrolls, and stays at its end while that grows: unless the reader has scrolled up.
 * An empty chat stays at its beginning, which greets.
 *
 * @module
 */

import {
  type ComponentChildren,
  type JSX,
  type Signal,
  signal,
  useEffect,
  useRef,
} from "../deps.ts";
import { current } from "./chats.ts";

/** Within so many pixels of its end it is at the end. */
const NEAR = 8;

/** Whether the newest is in view, and stays so. */
export const isFollowing: Signal<boolean> = signal(true);

let scroller: HTMLElement | null = null;

/** Goes to the end, and stays there. */
export function goToEnd(): void {
  isFollowing.value = true;
  if (scroller === null) return;
  scroller.scrollTop = current.value.turns.length === 0 ? 0 : scroller.scrollHeight;
}

/** Shows what grows. */
export function Following({ children, ...attributes }: JSX.IntrinsicElements["div"] & {
  readonly children: ComponentChildren;
}): JSX.Element {
  const element = useRef<HTMLDivElement>(null), content = useRef<HTMLDivElement>(null);
  const top = useRef(0);
  useEffect(() => {
    scroller = element.current;
    // Its content grows with each token, and both change with the window.
    const watcher = new ResizeObserver(() => isFollowing.peek() && goToEnd());
    watcher.observe(element.current!);
    watcher.observe(content.current!);
    return () => watcher.disconnect();
  }, []);
  return (
    <div
      {...attributes}
      ref={element}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        const isAtEnd = scrollHeight - clientHeight - scrollTop < NEAR;
        // Only the reader scrolls up; what grows leaves the end behind without that.
        if (isAtEnd) isFollowing.value = true;
        else if (scrollTop < top.current) isFollowing.value = false;
        top.current = scrollTop;
      }}
    >
      <div ref={content}>{children}</div>
    </div>
  );
}
