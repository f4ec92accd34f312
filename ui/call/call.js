// The page of a call: what stands in window.parlorCall, drawn in full. The call goes on when this page is left.
export default function (component) {
  const root = frame(component.parentElement, "call");
  root.given = component;
  const begin = () => {
    root.page ??= createPage(root, window.parlorCall);
    root.page.update();
  };
  if (window.parlorCall) begin();
  else addEventListener("parlor-call", begin, { once: true });
  return () => root.page?.leave();
}

function createPage(root, call) {
  const { words } = root.given.data;
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  const page = {
    ask: (what, value = null) => root.given.setTriggerValue("ask", { what, value }),
    into: (texts) => texts[root.given.data.language] || texts.en,
    insecure: () => !navigator.mediaDevices?.getUserMedia,
    automatic: () => (local || !isSecureContext ? "socket" : "webrtc"),
    transport: () => call.chosen.transport || page.automatic(),
    say: (text) => { call.told.push({ texts: { en: text }, trouble: true, at: Date.now() }); draw(); },
    begin() {
      if (page.transport() === "socket") return call.start(root.given.data.conversation?.id ?? "");
      const { microphone, push, voice_en, voice_zh } = call.chosen;
      page.ask("begin", { microphone, push, voice_en, voice_zh });
    },
  };
  const orb = createOrb(call);
  const talk = createTalk(call, words);
  const show = createShow(call, words, page);
  const options = createOptions(call, words, page);
  const trouble = createTrouble(call, words, page);
  const dock = createDock(call, words, page, show, options);
  const state = element("h1", { class: "state", "aria-live": "polite" });
  const why = element("p", { class: "why" });
  const meta = element("p", { class: "meta" });
  const told = element("div", { class: "told", role: "status" });
  const { stage, side } = layout();
  root.replaceChildren(stage, side, show.over);

  function layout() {
    const middle = element("div", { class: "middle" }, orb.canvas, element("div", { class: "said" }, state, why, meta));
    return {
      stage: element("section", { class: "stage" }, middle, trouble, dock.begin, dock.hold, show.camera, dock.buttons, options),
      side: element("section", { class: "talk" }, talk.scroll, told, show.waiting, dock.type, show.file),
    };
  }

  function draw() {
    if (!root.isConnected) return;
    const doing = call.doing();
    root.dataset.phase = doing;
    root.dataset.live = String(call.live());
    root.dataset.talked = String(call.live() || call.turns.size > 0);
    put(state, words[call.live() && call.muted && doing === "listening" ? "call_muted" : `call_${doing}`]);
    put(why, reason(doing));
    tick();
    trouble.draw();
    talk.draw();
    show.draw();
    dock.draw();
    options.update(root.given.data);
    tell();
  }

  // What goes on without anything being said: the clock, the words that are just being heard, and what was told fading away.
  function tick() {
    put(meta, call.live() && call.began ? `${duration(Date.now() - call.began)} · ${words[call.carries ? "call_by_socket" : "call_by_webrtc"]}` : "");
    if (call.phase === "speaking") talk.draw();
    const news = call.told.filter(({ trouble: bad, at }) => Date.now() - at < (bad ? 30000 : 8000)).slice(-2);
    if (told.dataset.drawn !== JSON.stringify(news)) {
      told.dataset.drawn = JSON.stringify(news);
      told.replaceChildren(...news.map(({ texts, trouble: bad }) => element("p", { class: bad ? "bad" : "" }, page.into(texts))));
    }
  }

  function reason(doing) {
    if (call.why && ["held", "ended"].includes(doing)) return page.into(call.why);
    if (doing === "opening") return words.call_opening_about;
    if (doing === "idle") return words.call_idle_about;
    if (doing === "ended") return call.began ? words.call_ended_about.replace("{time}", duration(call.ended - call.began)) : "";
    return call.chosen.push && ["listening"].includes(doing) ? words.call_push_now : "";
  }

  // What Python has to know: how the sound is to travel, and that a call has ended, so that the list of conversations is drawn anew.
  function tell() {
    const { data, setStateValue } = root.given;
    if (page.transport() !== data.transport && root.transport !== page.transport()) setStateValue("transport", (root.transport = page.transport()));
    const over = call.phase === "ended" && call.conversation && `${call.conversation} ${call.ended}`;
    if (over && root.over !== over) { root.over = over; page.ask("ended"); }
  }

  page.update = () => {
    const { data } = root.given;
    if (data.watch && data.transport === "webrtc") call.watch(data.watch);
    call.views.call = draw;
    draw();
  };
  page.leave = () => { show.leave(); dock.leave(); clearInterval(clock); };
  const clock = setInterval(tick, 100);
  call.microphone.list();
  orb.start();
  return page;
}
