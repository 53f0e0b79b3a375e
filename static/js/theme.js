// Light or dark: by the system's preference, or as chosen with the switch. Loaded before the first paint, hence not deferred.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = {
    get: () => { try { return localStorage.getItem("theme"); } catch { return null; } },
    set: (value) => { try { value ? localStorage.setItem("theme", value) : localStorage.removeItem("theme"); } catch { /* private window */ } },
  };
  const preferred = () => (system.matches ? "dark" : "light");
  const show = () => root.setAttribute("data-bs-theme", stored.get() || preferred());

  root.classList.add("js");
  show();
  system.addEventListener("change", show);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    const wanted = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
    stored.set(wanted === preferred() ? "" : wanted);
    show();
  });
})();
