// SPDX-License-Identifier: GPL-2.0-only
/** The functions through which pages change the document. */

/**
 * Element `id` of the page.
 * @throws Error when the page's HTML has none: the two files do not belong together
 */
export function byId(id: string): HTMLElement {
  return byIdAs(id, HTMLElement);
}

/**
 * The same, with its type: `byIdAs('map', HTMLCanvasElement)`.
 * @throws Error as {@link byId}, also when it is of another kind
 */
export function byIdAs<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} "${id}"`);
  return found;
}

/** A new element with attributes and children; text is text, never markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A canvas as large as its place on the page, in the screen's own pixels. */
export interface Surface {
  readonly context: CanvasRenderingContext2D;
  /** CSS pixels. */
  readonly width: number;
}

/** Sizes `canvas` to its place and `height` CSS pixels and clears it. */
export function openSurface(canvas: HTMLCanvasElement, height: number): Surface {
  const width = canvas.parentElement?.clientWidth ?? 0;
  const scale = window.devicePixelRatio;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('this browser cannot draw on a canvas');
  context.scale(scale, scale);
  context.clearRect(0, 0, width, height);
  return { context, width };
}

/** Calls `zoom` when the wheel is turned with Ctrl held: alone it scrolls the page. */
export function onWheelZoom(canvas: HTMLCanvasElement, zoom: (event: WheelEvent, closer: boolean) => void): void {
  canvas.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(event, event.deltaY < 0);
    },
    { passive: false },
  );
}

/** Does what `actions` have for a key, which the page then does not get. */
export function onKeys(canvas: HTMLCanvasElement, actions: Readonly<Record<string, () => void>>): void {
  canvas.addEventListener('keydown', (event) => {
    const action = actions[event.key];
    if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
}

/**
 * Calls `draw` when the place of `element` changes its width, and when light turns to dark or back.
 */
export function redrawWhenNeeded(element: HTMLElement, draw: () => void): void {
  let width = element.clientWidth;
  new ResizeObserver(() => {
    if (element.clientWidth === width) return;
    width = element.clientWidth;
    draw();
  }).observe(element);
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
}
