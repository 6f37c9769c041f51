// Elements made of values. Text is always text: nothing here takes HTML.

type Child = Node | string | null | undefined | false;
type Handlers = { [E in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[E]) => void };

export interface Properties {
  readonly [name: string]: string | boolean | number | undefined | Handlers;
  readonly on?: Handlers;
}

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false || typeof value === "object") continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const [name, handler] of Object.entries(properties.on ?? {})) {
    element.addEventListener(name, handler as EventListener);
  }
  element.append(...children.filter((child): child is Node | string => isShown(child)));
  return element;
}

function isShown(child: Child): boolean {
  return child !== null && child !== undefined && child !== false;
}

/** The element of index.html with this id; its absence is a mistake of ours. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`no ${type.name} #${id}`);
  return element;
}

export function button(label: string, onClick: () => void, properties: Properties = {}): HTMLButtonElement {
  return el("button", { type: "button", ...properties, on: { click: onClick } }, label);
}
