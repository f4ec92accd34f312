// The four suggestions of an empty conversation. Two are sent as they stand; one begins a call, one opens the file picker.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = frame(parentElement, "cards");
  const press = (selector) => document.querySelector(selector)?.click();
  const acts = {
    voice: () => setTriggerValue("talk", true),
    picture: () => press('[data-testid="stChatInputFileUploadButton"] button, [data-testid="stChatInputFileUploadButton"]'),
  };
  root.replaceChildren(...data.cards.map((card) =>
    element("button", { type: "button", class: "card", onclick: acts[card.icon] ?? (() => setTriggerValue("ask", card.say)) },
      element("span", { class: "badge" }, icon(card.icon)),
      element("span", { class: "words" }, element("span", { class: "title" }, card.title), element("span", { class: "say" }, card.say)))));
}
