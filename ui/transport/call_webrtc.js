// Works the component of streamlit-webrtc, which stands hidden beside this one in a frame of the same origin: presses
// its start button, once, takes a lost connection up again, and says in the person's language what it cannot do.
// Its own way to begin by itself (desired_playing_state) makes an offer for every time it is drawn meanwhile.
export default function (component) {
  const { data, parentElement } = component;
  const root = frame(parentElement, "line");
  const own = (window.parlorWebrtc ??= {});
  if (own.key !== data.key) Object.assign(own, { key: data.key, state: "stopped", tries: 0, due: 0, pressed: 0, trouble: "" });
  forgetDevices();
  const look = () => follow(own, root, data.words);
  const timer = setInterval(look, EVERY);
  look();
  return () => clearInterval(timer);
}

const EVERY = 100;  // ms between looks
const TRIES = 4;  // in a row; the waits between them are 1, 2 and 4 s
const REFUSES = 700;  // ms after which what it shows is its answer to the press, not to the one before
const PATIENCE = 5000;  // ms for it to begin or refuse; the browser may be asking the person
const REASONS = {  // names of getUserMedia's errors
  NotAllowedError: "device_access_denied",
  NotFoundError: "device_not_available",
  NotReadableError: "device_not_available",
  OverconstrainedError: "device_not_available",
};

function follow(own, root, words) {
  const inside = document.querySelector(".st-key-webrtc_line iframe")?.contentDocument;
  const buttons = [...(inside?.querySelectorAll("button") ?? [])];
  const start = buttons.find((button) => button.textContent === words.start && !button.disabled);
  const begun = buttons.some((button) => button.textContent === words.stop);
  if (!start && !begun) return;  // it is being loaded, or stops
  const refused = inside.querySelector(".MuiAlert-colorError")?.textContent ?? "";
  const waited = performance.now() - own.pressed;
  if (begun) {
    own.state = "begun";
    const audio = inside.querySelector("audio");
    if (audio) audio.volume = window.parlorCall?.chosen.volume ?? 1;
    if (audio?.srcObject?.active) Object.assign(own, { tries: 0, trouble: "" });
  } else if (own.state === "begun" || (own.state === "pressed" && waited > (refused ? REFUSES : PATIENCE))) {
    own.state = "stopped";
    own.trouble = refused ? words[REASONS[refused.split(":")[0]]] ?? refused : words.lost;
    own.due = refused ? Infinity : performance.now() + 500 * 2 ** own.tries;
  }
  if (own.state === "stopped" && own.tries < TRIES && performance.now() >= own.due) press(own, start);
  draw(own, root, words, own.state === "stopped" ? start : null);
}

function press(own, start) {
  Object.assign(own, { state: "pressed", pressed: performance.now(), tries: own.tries + 1 });
  start.click();
}

function draw(own, root, words, start) {
  const shown = start && own.trouble ? own.trouble : "";
  if (root.dataset.shown === shown) return;
  root.dataset.shown = shown;
  const again = element("button", { type: "button", class: "again", onclick: () => { own.tries = 0; press(own, start); } }, words.start);
  root.replaceChildren(...(shown ? [element("p", { role: "alert" }, shown), again] : []));
}

// It keeps the first microphone it was given and asks for that one from then on, whatever it is told.
function forgetDevices() {
  for (const key of Object.keys(localStorage)) if (key.startsWith("streamlit-webrtc:device-ids")) localStorage.removeItem(key);
}
