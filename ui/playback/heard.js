// The words of a recording: one that is clicked plays it from there, a second click or Escape stops it, and the word
// that sounds is marked. One of them is a tab stop, the arrow keys go to the others.
export default function (component) {
  const { data, parentElement } = component;
  const root = frame(parentElement, "heard");
  const player = () => document.querySelector(`.st-key-${data.player} audio`);
  const spans = write(root, data);
  const mark = (at) => spans.forEach((span) => span.classList.toggle("now", span.dataset.start <= at && at < span.dataset.until));
  let watching = 0;

  const watch = () => {
    const audio = player();
    const playing = audio && !audio.paused && !audio.ended;
    mark(playing ? audio.currentTime : -1);
    watching = playing ? requestAnimationFrame(watch) : 0;
  };
  const play = async (span) => {
    const audio = player();
    if (!audio) return;
    for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
    if (audio.readyState < HTMLMediaElement.HAVE_METADATA) await loaded(audio);
    audio.currentTime = Number(span.dataset.start);
    root.chosen = span.dataset.start;
    await audio.play().catch(() => {});  // a browser that wants a click first has just had one
  };
  const stop = () => player()?.pause();
  const press = (span) => {
    const audio = player();
    if (audio && !audio.paused && root.chosen === span.dataset.start) stop();
    else play(span);
  };

  const wordOf = (event) => event.target.closest?.(".word");
  root.onclick = (event) => wordOf(event) && press(wordOf(event));
  root.onkeydown = (event) => {
    const span = wordOf(event);
    if (!span) return;
    if (event.key === "Enter" || event.key === " ") press(span);
    else if (!go(spans, span, event.key)) return;
    event.preventDefault();
  };
  const about = (event) => event.target === player() && !watching && watch();
  const escape = (event) => { if (event.key === "Escape" && watching) stop(); };
  document.addEventListener("play", about, true);  // media events do not bubble
  document.addEventListener("keydown", escape, true);
  watch();
  return () => {
    cancelAnimationFrame(watching);
    document.removeEventListener("play", about, true);
    document.removeEventListener("keydown", escape, true);
  };
}

function write(root, data) {
  root.lang = data.language;
  root.role = "group";
  root.ariaLabel = root.title = data.words.heard_words;
  const spans = [];
  root.replaceChildren(...data.pieces.map(([text, start, end]) => {
    if (start === undefined) return text;
    const span = element("span", { class: "word", role: "button", tabindex: spans.length ? "-1" : "0", "data-start": String(start), "data-until": String(end) }, text);
    if (spans.length) spans.at(-1).dataset.until = start;  // it is marked until the next one begins
    spans.push(span);
    return span;
  }));
  return spans;
}

// Move the tab stop; false for a key that does not.
function go(spans, from, key) {
  const at = spans.indexOf(from);
  const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: spans.length - 1 }[key];
  if (to === undefined) return false;
  if (!spans[to]) return true;
  from.tabIndex = -1;
  spans[to].tabIndex = 0;
  spans[to].focus();
  return true;
}

const loaded = (audio) => new Promise((done) => {
  audio.addEventListener("loadedmetadata", done, { once: true });
  audio.load();
});
