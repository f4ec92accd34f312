// What stands in the way of a call, why, and what to do about it: one card with its way out.
function createTrouble(call, words, page) {
  const card = element("div", { class: "trouble", role: "alert", hidden: true });
  const button = (label, onclick, main = false) => element("button", { type: "button", class: main ? "solid" : "quiet", onclick }, label);
  const again = () => button(words.try_again, () => page.begin(), true);
  const chat = () => button(words.call_to_chat, () => page.ask("chat"));
  const open = (conversation) => button(words.call_open, () => page.ask("open", conversation));

  const others = () => call.microphone.devices.filter(({ id }) => id && id !== "default" && id !== call.microphone.id)
    .map(({ id, label }) => button(label || words.call_microphone, () => call.choose({ microphone: id })));
  const ways = {
    insecure: () => [[words.call_insecure, words.call_insecure_do.replace("{port}", location.port || "80")], [chat()]],
    denied: ({ detail }) => [[words.call_denied, words[`call_denied_${/system/i.test(detail) ? "system" : browser()}`]], [again(), chat()]],
    none: () => [[words.call_none, words.call_none_do], [again(), chat()]],
    taken: () => [[words.call_taken, words.call_taken_do], [again(), ...others(), chat()]],
    failed: ({ detail }) => [[words.call_failed, detail], [again(), chat()]],
    unplugged: ({ detail }) => [[words.call_unplugged.replace("{name}", detail), words[others().length ? "call_unplugged_do" : "call_unplugged_none"]], others()],
    silenced: ({ detail }) => [[words.call_silenced.replace("{name}", detail), words.call_silenced_do], others()],
    deaf: ({ detail }) => [[words.call_deaf.replace("{name}", detail), words.call_deaf_do], others()],
    closed: () => [[words.call_closed, words.call_closed_do], []],
    gone: () => [[words.call_gone, words.call_gone_do], [again(), ...(call.conversation ? [open(call.conversation)] : [])]],
    busy: ({ conversation }) => [[words.call_busy, words.call_busy_do], [button(words.call_take, () => call.takeOver(), true), ...(conversation ? [open(conversation)] : [])]],
    moved: () => [[words.call_moved, words.call_moved_do], []],
    refused: ({ texts }) => [[page.into(texts)], [again()]],
  };

  card.draw = () => {
    const trouble = call.trouble ?? (page.insecure() && !call.live() ? { kind: "insecure", detail: "" } : null);
    const drawn = trouble && JSON.stringify([trouble, call.microphone.devices]);
    if (card.drawn === drawn) return;
    card.drawn = drawn;
    card.hidden = !trouble;
    if (!trouble) return;
    const [[title, ...lines], buttons] = ways[trouble.kind](trouble);
    card.dataset.kind = trouble.kind;
    card.replaceChildren(element("p", { class: "title" }, title), ...lines.filter(Boolean).map((line) => element("p", {}, line)),
      ...(buttons.length ? [element("div", { class: "ways" }, ...buttons)] : []));
  };
  return card;
}

function browser() {
  const agent = navigator.userAgent;
  if (agent.includes("Edg/")) return "edge";
  if (agent.includes("Firefox/")) return "firefox";
  return agent.includes("Chrome/") || agent.includes("CriOS/") ? "chrome" : "safari";
}
