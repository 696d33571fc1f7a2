// Making elements. Values become text nodes and attributes, never markup: whatever an event is called, it is only shown.

type Child = Node | string | number | null | undefined | false;

export function h(name: string, attributes: Record<string, string | boolean | ((event: Event) => void)> = {}, ...children: Child[]): HTMLElement {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false) element.setAttribute(key, value);
  }
  for (const child of children) if (child !== null && child !== undefined && child !== false) element.append(typeof child === 'number' ? String(child) : child);
  return element;
}

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return element as T;
}

/**
 * Whether `box` is to stay as it is: between pressing and letting go its rows must not be made anew, or the click is lost. `draw` is
 * called when it was asked in the meantime.
 */
export function holding(box: HTMLElement, draw: () => void): () => boolean {
  let held = false, wanted = false;
  box.addEventListener('pointerdown', () => { held = true; });
  for (const end of ['pointerup', 'pointercancel']) {
    addEventListener(end, () => {
      if (!held) return;
      // After the click, which comes with it.
      setTimeout(() => {
        held = false;
        if (wanted) draw();
        wanted = false;
      });
    });
  }
  return () => {
    wanted ||= held;
    return held;
  };
}
