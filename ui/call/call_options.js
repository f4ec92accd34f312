// Which microphone, whose voice, how loud, and how the sound travels. What is chosen is kept in this browser.
function createOptions(call, words, page) {
  const panel = element("div", { class: "options", role: "group", "aria-label": words.call_options });
  const selects = {
    microphone: select("call_microphone", (value) => call.choose({ microphone: value })),
    voice_en: select("s_voice_en", (value) => call.choose({ voice_en: value })),
    voice_zh: select("s_voice_zh", (value) => call.choose({ voice_zh: value })),
    transport: select("call_transport", (value) => call.choose({ transport: value })),
  };
  const volume = element("input", { type: "range", min: "0", max: "1", step: "0.01", "aria-label": words.call_volume });
  volume.oninput = () => call.choose({ volume: Number(volume.value) });
  const push = element("input", { type: "checkbox", role: "switch" });
  push.onchange = () => call.choose({ push: push.checked });
  const why = element("p", { class: "about" });
  panel.append(
    ...Object.values(selects).map(({ field }) => field),
    element("label", { class: "field" }, element("span", {}, words.call_volume), volume),
    element("label", { class: "field switch" }, push, element("span", {}, words.call_push, element("small", {}, words.call_push_about))),
    why);

  function select(key, choose) {
    const list = element("select", { "aria-label": words[key] });
    list.onchange = () => choose(list.value);
    return { list, field: element("label", { class: "field" }, element("span", {}, words[key]), list) };
  }

  function fill({ list, field }, rows, value) {
    field.hidden = rows.length === 0;
    const known = rows.some(([id]) => id === value) ? value : rows[0]?.[0];
    const drawn = JSON.stringify(rows);
    if (list.dataset.drawn !== drawn) {
      list.replaceChildren(...rows.map(([id, label]) => element("option", { value: id }, label)));
      list.dataset.drawn = drawn;
    }
    if (document.activeElement !== list && list.value !== known) list.value = known ?? "";
  }

  let drawn = [];
  panel.update = (data) => {
    const { chosen, microphone } = call;
    const now = [data, microphone.devices, JSON.stringify(chosen), call.live()];
    if (now.every((each, at) => each === drawn[at])) return;
    drawn = now;
    const microphones = microphone.devices.filter(({ id }) => id !== "default").map(({ id, label }, at) => [id, label || `${words.call_microphone} ${at + 1}`]);
    const transport = page.transport();
    fill(selects.microphone, [["", words.call_default], ...microphones], chosen.microphone);
    fill(selects.voice_en, data.voices.en, chosen.voice_en || data.settings.en);
    fill(selects.voice_zh, data.voices.zh, chosen.voice_zh || data.settings.zh);
    fill(selects.transport, [["", `${words.call_auto} · ${words[`call_by_${page.automatic()}`]}`], ["socket", words.call_by_socket], ["webrtc", words.call_by_webrtc]], chosen.transport);
    selects.transport.field.hidden = why.hidden = call.live();
    if (document.activeElement !== volume) volume.value = String(chosen.volume);
    push.checked = chosen.push;
    put(why, words[`call_by_${transport}_about`]);
  };
  return panel;
}
