// Speaks an answer while it is written: clauses come over /live/{run} in order and go into one WebAudio queue.
// The player belongs to the tab, not to an element: pages come and go, it stays (window.parlorPlayer).
export default function (component) {
  const player = (window.parlorPlayer ??= createPlayer());
  const root = frame(component.parentElement, "player");
  document.documentElement.lang = component.data.language;
  player.show = () => draw(root, player, component.data.words);
  player.follow(component.data);
  player.show();
}

const HEAD = 4;  // bytes before the header of a clause: its length, little-endian
const LEAD = 0.03;  // seconds between deciding to play and the first sample, so that it is never late

function createPlayer() {
  const player = {
    run: null,  // whose voice is (or was last) in this tab
    conversation: null,
    received: 0,  // index of the next clause to ask the server for
    ended: true,  // the server has sent everything
    blocked: false,  // the browser waits for a click before it lets sound out
    queue: [],  // clauses that are scheduled or sounding: {index, node, start, end}
    played: [],  // every clause this tab has scheduled: {run, index, text, came, start, end, cut}, in AudioContext seconds
    show: () => {},
  };
  let context = null;
  let socket = null;
  let until = 0;  // AudioContext time at which the queue is empty
  let offset = 0;  // seconds of the first clause already heard before a reload
  let misses = 0;

  const remember = (next, into = 0) =>
    sessionStorage.setItem("parlor.voice", JSON.stringify({ run: player.run, conversation: player.conversation, next, into }));
  const remembered = () => JSON.parse(sessionStorage.getItem("parlor.voice") ?? "null");

  player.follow = ({ run, mine, conversation }) => {
    const before = remembered();
    if (player.conversation === null && !run && before?.conversation === conversation) run = before?.run;  // after a reload
    const left = conversation !== null && player.conversation !== null && conversation !== player.conversation;
    if (left && !(mine && run && player.conversation === "")) player.silence();
    if (conversation !== null) player.conversation = conversation;
    if (!run || run === player.run) return;
    if (before?.run === run) begin(run, before.next, before.into);
    else if (mine) begin(run, 0, 0);
  };

  function begin(run, next, into) {
    flush();
    socket?.close();
    Object.assign(player, { run, received: next, ended: next === null, blocked: false });
    offset = into;
    misses = 0;
    remember(next, into);
    for (const audio of document.querySelectorAll("audio")) audio.pause();
    if (next !== null) connect();
  }

  function connect() {
    const run = player.run;
    const mine = () => run === player.run && !player.ended;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}/live/${run}?from=${player.received}`);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      if (!mine()) return;
      misses = 0;
      if (typeof data !== "string") return hear(data);
      player.ended = true;
      if (JSON.parse(data).stopped) flush();
      player.show();
    };
    socket.onclose = () => {
      if (mine() && misses < 8) setTimeout(() => mine() && connect(), Math.min(2000, 150 * 2 ** misses++));
    };
  }

  function hear(frame) {
    const size = new DataView(frame).getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(frame, HEAD, size)));
    if (head.index !== player.received) return;  // sent twice around a reconnection
    player.received += 1;
    const samples = new Int16Array(frame.slice(HEAD + size));
    if (samples.length) play(head, samples);
  }

  function play(head, samples) {
    context ??= new AudioContext();
    const buffer = context.createBuffer(1, samples.length, head.rate);
    const channel = buffer.getChannelData(0);
    for (let i = 0; i < samples.length; i++) channel[i] = samples[i] / 32768;
    const skip = Math.min(offset, buffer.duration);
    offset = 0;
    const node = context.createBufferSource();
    node.buffer = buffer;
    node.connect(context.destination);
    const start = Math.max(until, context.currentTime + LEAD);
    node.start(start, skip);
    until = start + buffer.duration - skip;
    const clause = { index: head.index, node, start, end: until, skip };
    const record = { run: player.run, index: head.index, text: head.text, came: context.currentTime, start, end: until, cut: false };
    clause.record = record;
    player.queue.push(clause);
    player.played.push(record);
    node.onended = () => {
      player.queue = player.queue.filter((other) => other !== clause);
      if (!record.cut && record.run === player.run) remember(head.index + 1);
      player.show();
    };
    if (context.state === "suspended") wake();
    player.show();
  }

  async function wake() {
    const resumed = context.resume().then(() => true);
    const soon = new Promise((done) => setTimeout(() => done(false), 250));
    player.blocked = !(await Promise.race([resumed, soon]));
    player.show();
  }

  function flush() {
    for (const clause of player.queue) {
      clause.record.cut = true;
      clause.record.end = Math.min(clause.end, context.currentTime);
      try { clause.node.stop(); } catch { /* it has ended by itself */ }
    }
    player.queue = [];
    until = 0;
    player.blocked = false;
    player.show();
  }

  player.speaking = () => player.queue.length > 0;
  player.silence = () => {  // and stay so: not even a reload takes this run up again
    flush();
    player.ended = true;
    socket?.close();
    if (player.run) remember(null);
  };
  player.unblock = async () => { await context?.resume(); player.blocked = false; player.show(); };

  addEventListener("pagehide", () => {
    const now = player.queue.find((clause) => clause.end > (context?.currentTime ?? 0));
    if (now) remember(now.index, Math.max(0, context.currentTime - now.start) + now.skip);
  });
  document.addEventListener("play", () => player.speaking() && player.silence(), true);  // a recording was started by hand
  document.addEventListener("pointerdown", () => player.blocked && player.unblock(), true);
  document.addEventListener("click", (event) => { if (event.target.closest?.(".st-key-stop")) player.silence(); }, true);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && player.speaking()) player.silence(); }, true);
  return player;
}

function draw(root, player, words) {
  const shown = player.speaking();
  if (!shown) return root.replaceChildren();
  const kind = player.blocked ? "play" : "stop";
  if (root.firstChild?.dataset.kind === kind) return;
  const bars = element("span", { class: "bars", "aria-hidden": "true" }, ...[0, 1, 2, 3].map(() => element("i")));
  const pill = player.blocked
    ? element("button", { type: "button", class: "pill", "data-kind": kind, onclick: () => player.unblock() }, icon("play"), words.play)
    : element("button", { type: "button", class: "pill", "data-kind": kind, title: words.silence, "aria-label": words.silence, onclick: () => player.silence() }, bars, words.speaking, icon("stop"));
  root.replaceChildren(pill);
}
