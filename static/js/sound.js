// Two short notes when a payment has arrived, made by the browser itself: there is no file to load.
//
//   [data-sound="paid"]    inside a living part (live.js): heard once, when it newly appears there
//   [data-sound-switch]    a button that turns sound off and on again; remembered on this device
//
// Browsers keep a page silent until somebody has touched it. A sound that is not let out is dropped, never played late.
(() => {
  const NOTES = [{ hz: 880, at_s: 0 }, { hz: 1318.51, at_s: 0.11 }];
  const LOUDNESS = 0.25, FADE_S = 0.6, LET_OUT_MS = 400;
  const root = document.documentElement;
  const stored = {
    get: () => { try { return localStorage.getItem("sound"); } catch { return null; } },
    set: (value) => { try { value ? localStorage.setItem("sound", value) : localStorage.removeItem("sound"); } catch { /* private window */ } },
  };
  let context;

  const on = () => root.dataset.sound !== "off";
  const show = () => {
    for (const button of document.querySelectorAll("[data-sound-switch]")) button.setAttribute("aria-pressed", on());
  };
  const turn = (wanted) => {
    root.dataset.sound = wanted ? "on" : "off";
    show();
  };

  // True once the browser lets this page be heard. Waiting has an end: a refused context otherwise speaks at the next touch.
  const awake = async () => {
    const Context = window.AudioContext || window.webkitAudioContext;
    if (!Context) return false;
    context ||= new Context();
    if (context.state !== "running") {
      await Promise.race([context.resume(), new Promise((done) => setTimeout(done, LET_OUT_MS))]);
    }
    return context.state === "running";
  };
  const note = ({ hz, at_s }) => {
    const start = context.currentTime + at_s, end = start + FADE_S;
    const tone = new OscillatorNode(context, { type: "triangle", frequency: hz });
    const volume = new GainNode(context, { gain: 0 });
    volume.gain.setValueAtTime(LOUDNESS, start);
    volume.gain.exponentialRampToValueAtTime(0.001, end);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(end);
  };
  const play = async () => {
    if (!on()) return;
    try {
      const heard = await awake();
      if (heard) NOTES.forEach(note);
      document.dispatchEvent(new CustomEvent("sound:played", { detail: { heard } }));
    } catch { /* no loudspeaker, or not allowed: the page says it in words, too */ }
  };

  // The first touch opens the way for the sound that may come minutes later; iOS closes it again after a call.
  const touched = () => { if (on()) awake().catch(() => {}); };
  for (const gesture of ["pointerup", "keydown"]) document.addEventListener(gesture, touched, { passive: true });

  const parts = new WeakMap();
  const sounds = (part) => part.querySelector("[data-sound]")?.dataset.sound || "";
  for (const part of document.querySelectorAll("[data-live-fragment]")) parts.set(part, sounds(part));
  document.addEventListener("live:swapped", ({ detail: part }) => {
    const before = parts.get(part), now = sounds(part);
    parts.set(part, now);
    if (now === "paid" && now !== before) play();
    show();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-sound-switch]")) return;
    const wanted = !on();
    stored.set(wanted ? "" : "off");
    turn(wanted);
    // Turned on, it shows what it sounds like.
    if (wanted) play();
  });
  addEventListener("storage", (event) => event.key === "sound" && turn(event.newValue !== "off"));
  turn(stored.get() !== "off");
})();
