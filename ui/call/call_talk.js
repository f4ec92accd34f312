// What has been said in a call: both sides as captions, pictures in their places, and where the time of each turn went.
function createTalk(call, words) {
  const list = element("ol", { class: "turns", role: "log", "aria-label": words.call_captions });
  const hints = element("div", { class: "hints" }, element("p", {}, words.call_hint),
    ...["call_hint_1", "call_hint_2"].map((key) => element("button", { type: "button", onclick: () => call.say(words[key]) }, words[key])),
    element("p", {}, words.call_hint_3));
  const scroll = element("div", { class: "scroll", tabindex: "0" }, hints, list);
  const talk = { scroll };
  const rows = new Map();  // turn number: {item, you, parlor, shown, drawn, time, open}
  let follows = true;
  scroll.onscroll = () => (follows = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60);
  new ResizeObserver(() => follows && (scroll.scrollTop = scroll.scrollHeight)).observe(list);  // to ask for heights at every word costs 3 % of a core

  talk.draw = () => {
    hints.hidden = call.turns.size > 0 || !call.live();
    for (const [number, row] of rows) if (!call.turns.has(number)) { row.item.remove(); rows.delete(number); }
    const newest = Math.max(...call.turns.keys());
    for (const turn of [...call.turns.values()].sort((one, other) => one.turn - other.turn)) {
      if (!rows.has(turn.turn)) rows.set(turn.turn, createRow());
      const row = rows.get(turn.turn);
      if (!row.item.isConnected) list.append(row.item);
      drawTurn(row, turn, turn.turn === newest);
    }
  };

  function createRow() {
    const row = { you: element("p", { class: "words" }), shown: element("div", { class: "shown" }), parlor: element("p", { class: "words" }), drawn: element("div", { class: "drawn" }), time: element("div", { class: "time" }), open: null };
    row.heard = element("span", { class: "heard" });
    row.rest = element("span", { class: "rest" });
    row.cut = element("span", { class: "cut", hidden: true }, words.call_cut);
    row.parlor.append(row.heard, row.rest);
    row.left = element("div", { class: "parlor" }, row.parlor, row.cut, row.drawn, row.time);
    row.right = element("div", { class: "you" }, row.shown, row.you);
    row.item = element("li", {}, row.right, row.left);
    return row;
  }

  function drawTurn(row, turn, newest) {
    const { you, parlor } = turn;
    row.right.hidden = !you && !turn.shown.length;
    put(row.you, you?.text ?? "");
    row.you.lang = you?.language ?? "";
    row.you.classList.toggle("growing", you?.final === false && call.live());
    pictures(row.shown, turn.shown, words.call_shown);
    const text = turn.cut ?? parlor?.text ?? spoken(turn.clauses);
    const going = newest && ["thinking", "speaking"].includes(call.doing());
    const at = turn.cut === null && going ? heardOf(turn, text) : text.length;
    put(row.heard, text.slice(0, at));
    put(row.rest, text.slice(at));
    row.parlor.lang = parlor?.language ?? "";
    row.cut.hidden = turn.cut === null;
    row.left.hidden = !text && turn.cut === null && !turn.drawing && !turn.pictures.length && !turn.timed;
    drawing(row.drawn, turn);
    timing(row, turn, newest);
  }

  function drawing(place, { drawing: growing, pictures: done, turn }) {
    if (!growing) return pictures(place, done, words.call_picture);
    if (!place.querySelector(".canvas")) {
      const bar = element("span", { class: "bar" }, element("i"));
      place.replaceChildren(element("figure", { class: "canvas" }, element("img", { alt: words.call_drawing }), bar, element("figcaption")));
    }
    const picture = place.querySelector("img");
    picture.hidden = !growing.preview;
    if (growing.preview && picture.getAttribute("src") !== growing.preview) picture.src = growing.preview;
    place.querySelector("i").style.width = `${100 * (growing.fraction ?? 0)}%`;
    put(place.querySelector("figcaption"), growing.prompt || words.call_drawing);
  }

  function timing(row, { timed }, newest) {
    const drawn = timed && `${timed.total} ${timed.words} ${newest} ${row.open}`;
    if (!timed || row.time.dataset.drawn === drawn) return;
    row.time.dataset.drawn = drawn;
    const open = row.open ?? newest;
    const toggle = element("button", { type: "button", class: "total", "aria-expanded": String(open), title: words.call_time, onclick: () => { row.open = !open; talk.draw(); } },
      element("span", { class: "number" }, milliseconds(timed.total)), strip(timed), icon("chevron"));
    row.time.replaceChildren(toggle, ...(open ? [waterfall(timed, words)] : []));
  }

  return talk;
}

// An answer's words while it is spoken: clauses in order, those of a language with spaces set apart by them.
const spoken = (clauses) => clauses.reduce((text, clause) => (clause?.text ? text + (text && /^[\x21-\x7e]/.test(clause.text) ? " " : "") + clause.text : text), "");

// The part of an answer's text that has been audible, in characters: its clauses are found in it one after the other.
function heardOf({ clauses, heard }, text) {
  let [at, until, before] = [0, 0, 0];
  for (const clause of clauses) {
    if (!clause) break;
    const from = find(text, clause.text, at);
    const to = from < 0 ? Math.min(text.length, at + clause.text.length) : from + span(text, clause.text, from);
    if (heard >= before + clause.seconds - 0.02) until = to;
    else if (heard > before) {
      const share = (heard - before) / clause.seconds;
      return wholeWord(text, Math.round(Math.max(at, from) + share * (to - Math.max(at, from))));
    } else break;
    [at, before] = [to, before + clause.seconds];
  }
  while (until < text.length && until > 0 && !/[\p{L}\p{N}]/u.test(text[until])) until++;  // closing marks belong to what was said
  return until;
}

// Clauses are spoken without Markdown and with other spaces, so only letters and digits are compared.
const bare = (text) => text.replace(/[^\p{L}\p{N}]/gu, "");

function find(text, clause, from) {
  const first = bare(clause).slice(0, 12);
  for (let at = from; first && at < Math.min(text.length, from + 80); at++)
    if (/[\p{L}\p{N}]/u.test(text[at]) && bare(text.slice(at, at + 40)).startsWith(first)) return at;
  return -1;
}

function span(text, clause, from) {
  let left = bare(clause).length, at = from;
  while (at < text.length && left > 0) if (/[\p{L}\p{N}]/u.test(text[at++])) left--;
  return at - from;
}

function wholeWord(text, at) {  // Chinese has none, and is lit character by character
  while (at < text.length && /[A-Za-zÀ-ɏ0-9'’-]/.test(text[at])) at++;
  return at;
}

const milliseconds = (seconds) => `${Math.round(1000 * seconds).toLocaleString("en")} ms`;

function bounds({ total, stages }) {
  const from = Math.min(0, ...stages.map(({ start }) => start));
  return [from, Math.max(total, ...stages.map(({ end }) => end)) - from || 1];
}

function bar({ name, start, end }, from, length) {
  return element("i", { class: `step ${name}`, style: `left:${(100 * (start - from)) / length}%;width:${(100 * (end - start)) / length}%` });
}

function strip(timed) {
  const [from, length] = bounds(timed);
  return element("span", { class: "strip", "aria-hidden": "true" }, ...timed.stages.map((stage) => bar(stage, from, length)));
}

function waterfall(timed, words) {
  const [from, length] = bounds(timed);
  return element("dl", { class: "waterfall" }, ...timed.stages.flatMap((stage) => [
    element("dt", {}, words[`call_stage_${stage.name}`] ?? stage.name),
    element("dd", {}, element("span", { class: "track" }, bar(stage, from, length)), element("span", { class: "took" }, milliseconds(stage.end - stage.start)))]));
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function pictures(place, urls, label) {
  const drawn = urls.join(" ");
  if (place.dataset.drawn === drawn && !place.querySelector(".canvas")) return;
  place.dataset.drawn = drawn;
  place.replaceChildren(...urls.map((url) => (url ? element("img", { src: url, alt: label }) : element("span", { class: "blank", title: label }, icon("picture")))));
}
