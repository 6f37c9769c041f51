// Dark or light: what the reader chose, else what the device prefers.
import { byId } from "./dom";
import { t } from "./texts";

type Theme = "dark" | "light";
const KEY = "theme";

function stored(): Theme | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === "dark" || value === "light" ? value : null;
  } catch {
    return null; // Storage is refused in some private windows.
  }
}

function keep(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // For this page only, then.
  }
}

export function prepareTheme(): void {
  const toggle = byId("theme", HTMLButtonElement);
  const light = window.matchMedia("(prefers-color-scheme: light)");
  let theme: Theme = stored() ?? (light.matches ? "light" : "dark");
  const apply = (): void => {
    document.documentElement.dataset["theme"] = theme;
    toggle.textContent = theme === "dark" ? "☀" : "☾";
    toggle.setAttribute("aria-label", theme === "dark" ? t.toLight : t.toDark);
  };
  toggle.addEventListener("click", () => {
    theme = theme === "dark" ? "light" : "dark";
    keep(theme);
    apply();
  });
  apply();
}
