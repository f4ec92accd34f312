// One live call in this tab: what is said of it comes over /call, and pages draw what stands here.
const HEAD = 4;  // bytes before the header of a frame: its length, little-endian
const KEPT = 4000;  // entries of the log
const PATIENCE = 4;  // connections that fail before the page says that Parlor is closed
const NEW = { id: null, conversation: null, carries: true, linked: false, why: null, began: 0, ended: 0, down: false, trouble: null };

function createCall() {
  const call = {
    phase: "idle",  // and those of core/call/transport.py
    ...NEW,  // trouble: {kind, detail, ...}; why: {en, zh ...}
    muted: false,
    turns: new Map(),  // number: {turn, you, parlor, clauses, heard, cut, timed, shown, drawing, pictures}
    waiting: [],  // pictures for the next thing that is said, as URLs; null for one that another tab showed
    told: [],  // {texts: {en, zh ...}, trouble, at}
    log: [],  // {what, at, ...}: everything that was heard, with performance.now()
    chosen: { microphone: "", voice_en: "", voice_zh: "", volume: 1, push: false, transport: "", ...JSON.parse(localStorage.getItem("parlor.call") ?? "{}") },
    views: {},  // name: a function that draws
  };
  let socket = null, tries = 0, sent = [], seen = 0, language = "en";

  const changed = () => Object.values(call.views).forEach((draw) => draw());
  const note = (what, facts = {}) => {
    call.log.push({ what, at: performance.now(), ...facts });
    if (call.log.length > KEPT) call.log.shift();
    changed();
  };
  const say = (message) => {
    const open = call.linked && socket?.readyState === WebSocket.OPEN;
    if (open) socket.send(JSON.stringify(message));
    return open;
  };
  const sound = (call.sound = createSound(note, (turn, seconds) => {
    turnOf(turn).heard = seconds;
    say({ type: "played", turn, seconds });
  }));
  const microphone = (call.microphone = createMicrophone(note, carry, (kind, detail) => fail({ kind, detail }), mend));

  call.live = () => !["idle", "ended"].includes(call.phase);
  call.doing = () => (call.id && call.live() && !call.linked ? "held" : call.phase);
  call.follows = (words) => (language = words);

  call.start = async (conversation) => {
    if (call.live()) return;
    reset();
    await open({ type: "start", conversation, language, ...options() });
  };
  call.takeOver = () => open({ type: "resume", call: call.trouble.call });
  call.watch = (id, began = Date.now()) => {
    if (call.live() && call.id === id && !call.carries) return;
    reset();
    Object.assign(call, { id, began, carries: false, phase: "opening" });
    wire({ type: "watch", call: id });
  };

  async function open(first) {
    Object.assign(call, { phase: "opening", trouble: null });
    changed();
    window.parlorPlayer?.silence();
    for (const audio of document.querySelectorAll("audio")) audio.pause();
    const woken = sound.open();
    try {
      await microphone.open(sound.context, call.chosen.microphone);
      await woken;
    } catch (trouble) {
      close("idle");
      return fail(trouble.kind ? trouble : { kind: "failed", detail: String(trouble) });
    }
    if (call.phase === "opening") wire(first);
  }

  function wire(first) {
    if (first.type !== "watch") first.rate = sound.context.sampleRate;
    const own = (socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/call`));
    own.binaryType = "arraybuffer";
    own.onopen = () => own.send(JSON.stringify(first));
    own.onmessage = ({ data }) => {
      if (own !== socket) return;
      if (typeof data === "string") hear(JSON.parse(data));
      else unframe(data);
      changed();
    };
    own.onclose = () => own === socket && lost(first);
  }

  function lost(first) {
    socket = null;
    call.linked = false;
    sound.hush();
    if (!call.live()) return;
    tries += 1;
    note("lost", { tries });
    if (tries >= PATIENCE) fail({ kind: "closed" });
    if (!call.id && tries >= PATIENCE) return close("idle");
    const next = call.id ? { type: call.carries ? "resume" : "watch", call: call.id } : first;
    setTimeout(() => call.live() && !socket && wire(next), Math.min(3000, 150 * 2 ** tries));
  }

  function carry(frame) {
    sound.look();
    if (call.linked && call.carries && socket.readyState === WebSocket.OPEN && socket.bufferedAmount < 500_000) socket.send(frame);
  }

  const events = {
    started({ call: id, conversation, carries }) {
      if (call.id !== id) [sent, call.began] = [[], Date.now()];
      Object.assign(call, { id, conversation, linked: true, trouble: null, told: [], waiting: [], turns: new Map() });
      [tries, seen] = [0, 0];
      remember();
      if (call.muted) say({ type: "mute", on: true });
      if (carries) say({ type: "configure", ...options() });
    },
    phased({ event, phase, ...why }) {  // in every language
      Object.assign(call, { phase, why: why.en ? why : null });
      if (phase === "ended") close("ended");
    },
    caption({ turn, who, text, final, language }) {
      turnOf(turn)[who] = text ? { text, final, language } : null;
      if (!text && who === "you" && !turnOf(turn).parlor) call.turns.delete(turn);
    },
    clause: ({ turn, index, text, audio_seconds }) => spoken(turnOf(turn), index, text, audio_seconds),
    played: ({ turn, seconds }) => (turnOf(turn).heard = seconds),
    timed({ turn, total, stages, words }) {  // an opening word ("Well...") sounds first, the answer itself after it
      turnOf(turn).timed = { total, words, stages: words ? [...stages, { name: "words", start: total, end: words }] : stages };
    },
    interrupted: ({ turn, heard }) => (turnOf(turn).cut = heard),
    shown({ waiting }) {
      while (call.waiting.length < waiting) call.waiting.push(sent[seen++] ?? null);
      const taken = call.waiting.splice(0, call.waiting.length - waiting);
      if (taken.length) [...call.turns.values()].at(-1)?.shown.push(...taken);
    },
    drawing: ({ turn, fraction, prompt, done }) => (turnOf(turn).drawing = done ? null : { ...turnOf(turn).drawing, fraction, prompt }),
    told: ({ event, trouble, ...texts }) => call.told.push({ texts, trouble, at: Date.now() }),
    hush() {
      note("hush", { level: sound.level() });
      const turn = call.turns.get(sound.answer?.turn);
      sound.hush();
      if (turn?.heard === 0) turn.clauses = [];
    },
    duck: ({ low }) => sound.duck(low),
    busy: ({ call: id, conversation }) => refuse({ kind: "busy", call: id, conversation }),
    refused: ({ event, ...texts }) => refuse({ kind: "refused", texts }),
    taken: () => refuse({ kind: "moved" }),
    gone: () => { close("ended"); fail({ kind: "gone" }); },
  };
  const hear = (event) => events[event.event]?.(event);

  function unframe(frame) {
    const size = new DataView(frame).getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(frame, HEAD, size)));
    const turn = turnOf(head.turn);
    if (head.kind === "sound") {
      const pcm = new Int16Array(frame, HEAD + size);
      note("came", { turn: head.turn, index: head.index });
      spoken(turn, head.index, head.text, pcm.length / head.rate);
      if (call.carries) sound.play(head, pcm);
      return;
    }
    const url = URL.createObjectURL(new Blob([new Uint8Array(frame, HEAD + size)], { type: head.mime }));
    if (head.kind === "picture") turn.pictures.push(url);
    else {
      if (turn.drawing?.preview) URL.revokeObjectURL(turn.drawing.preview);
      turn.drawing = { ...turn.drawing, preview: url };
    }
  }

  function spoken(turn, index, text, seconds) {
    if (index === 0) Object.assign(turn, { clauses: [], heard: 0 });  // an answer that nobody had heard yet is begun anew
    turn.clauses[index] = { text, seconds };
  }

  function turnOf(number) {
    if (!call.turns.has(number)) call.turns.set(number, { turn: number, you: null, parlor: null, clauses: [], heard: 0, cut: null, timed: null, shown: [], drawing: null, pictures: [] });
    return call.turns.get(number);
  }

  const options = () => (({ push, voice_en, voice_zh }) => ({ push, voice_en, voice_zh }))(call.chosen);
  const remember = () => sessionStorage.setItem("parlor.call", JSON.stringify(call.live() ? { id: call.id, conversation: call.conversation, began: call.began, carries: call.carries, muted: call.muted, sent: sent.slice(0, 40) } : null));
  const reset = () => { Object.assign(call, NEW, { muted: false, turns: new Map(), waiting: [], told: [] }); microphone.mute(false); [sent, seen, tries] = [[], 0, 0]; };
  const fail = (trouble) => { call.trouble = trouble; note("trouble", { kind: trouble.kind }); };
  function mend(kind) { if (call.trouble?.kind === kind) { call.trouble = null; changed(); } }
  function refuse(trouble) { close("idle"); fail(trouble); }

  function close(phase) {
    Object.assign(call, { phase, linked: false, ended: Date.now() });
    const old = socket;
    socket = null;
    old?.close();
    microphone.close();
    sound.close();
    remember();
    note(phase);
  }

  call.hangUp = () => {
    sound.hush();
    if (!say({ type: "hangup" })) return close(call.id ? "ended" : "idle");
    const { id } = call;
    setTimeout(() => call.id === id && call.live() && close("ended"), 3000);
  };
  call.mute = (on) => { call.muted = on; microphone.mute(on); say({ type: "mute", on }); remember(); changed(); };
  call.push = (down) => { if (call.down !== down) { call.down = down; say({ type: "push", down }); changed(); } };
  call.say = (text) => say({ type: "say", text });
  call.show = async (picture) => {  // a Blob that the browser can open
    const bytes = new Uint8Array(await picture.arrayBuffer());
    const frame = new Uint8Array(1 + bytes.length);
    frame[0] = 2;
    frame.set(bytes, 1);
    sent.push(await small(picture));
    socket?.send(frame);
    remember();
  };
  call.choose = async (changes) => {
    Object.assign(call.chosen, changes);
    localStorage.setItem("parlor.call", JSON.stringify(call.chosen));
    sound.volume(call.chosen.volume);
    if ("microphone" in changes && call.live() && call.carries) {
      try {
        await microphone.open(sound.context, changes.microphone);
        for (const kind of ["unplugged", "silenced", "deaf", "taken"]) mend(kind);
      } catch (trouble) { fail(trouble); }
    } else if (call.live()) say({ type: "configure", ...options() });
    changed();
  };
  call.unblock = async () => { await sound.wake(); changed(); };
  document.addEventListener("pointerdown", () => sound.blocked && call.unblock(), true);

  const before = JSON.parse(sessionStorage.getItem("parlor.call") ?? "null");  // this page was loaded again in mid-call
  if (before) {
    microphone.mute((call.muted = before.muted));
    Object.assign(call, { id: before.id, conversation: before.conversation, began: before.began });
    sent = before.sent;
    if (before.carries) open({ type: "resume", call: before.id });
    else call.watch(before.id, before.began);
  }
  return call;
}

// A picture as a data URL that can be kept over a reload, about 15 KB.
async function small(picture) {
  const whole = await createImageBitmap(picture);
  const scale = Math.min(1, 416 / Math.max(whole.width, whole.height));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(whole.width * scale), Math.round(whole.height * scale)];
  canvas.getContext("2d").drawImage(whole, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.8);
}
