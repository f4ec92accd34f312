// The living middle of the call: a soft sphere whose rim moves with the microphone and whose inside with the voice.
const TINTS = {  // [rim, inside, light] in the light and in the dark theme
  idle: [["#1f6b57", "#5fa98e", "#d9efe4"], ["#2c7a64", "#5fb597", "#c9f0de"]],
  opening: [["#41756b", "#8fb9a9", "#e3f0ea"], ["#33665a", "#6f9f90", "#cfe6dc"]],
  listening: [["#1f6b57", "#5fa98e", "#d9efe4"], ["#2c7a64", "#5fb597", "#c9f0de"]],
  hearing: [["#a8671b", "#e0a24a", "#fdeccb"], ["#b5741f", "#e9b25c", "#ffefcf"]],
  thinking: [["#2b5f7d", "#6ba3bf", "#d6eaf3"], ["#2f6c8e", "#74b2d0", "#d9f0fa"]],
  speaking: [["#12805f", "#4cc39a", "#e2fbef"], ["#1d9a74", "#62d8ae", "#e4fff3"]],
  held: [["#8a8577", "#b5b0a2", "#eceae2"], ["#55584f", "#7d8077", "#c9cbc3"]],
  ended: [["#a29d8f", "#c4c0b3", "#f0eee7"], ["#464a43", "#676b63", "#b5b8b0"]],
};
// Milliseconds between two frames. Without a GPU one costs 3 of them, on cores that the models need as well.
const FRAME = navigator.hardwareConcurrency > 4 ? 33 : 66;
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

function createOrb(call) {
  const canvas = element("canvas", { class: "orb", "aria-hidden": "true" });
  const pen = canvas.getContext("2d");
  const orb = { canvas };
  let colours = null, microphone = 0, voice = 0, last = 0, turn = 0, dark = false, looked = 0;

  orb.start = () => requestAnimationFrame(step);

  function step(now) {
    if (!canvas.isConnected) return (last = 0);
    setTimeout(() => requestAnimationFrame(step), (STILL.matches ? 250 : FRAME) - 8);
    const passed = Math.min(100, now - (last || now));
    last = now;
    const phase = call.doing();
    measure(phase, now);
    if (now - looked > 1000) [looked, dark] = [now, getComputedStyle(canvas).colorScheme.includes("dark")];
    tint(phase, passed);
    turn += STILL.matches ? 0 : (passed / 1000) * (phase === "thinking" ? 1.6 : phase === "held" || phase === "ended" ? 0.15 : 0.55 + voice);
    draw(phase);
  }

  // Levels from 0 to 1 on a scale of decibels, quick to rise and slow to fall. A call that another line carries has none.
  function measure(phase, now) {
    const loud = (rms) => Math.min(1, Math.max(0, (20 * Math.log10(rms + 1e-6) + 52) / 42));
    const hum = 0.45 + 0.25 * Math.sin(now / 170) * Math.sin(now / 410);
    const heard = call.carries ? (call.muted ? 0 : loud(call.microphone.level)) : phase === "hearing" ? hum : 0;
    const said = call.carries ? loud(call.sound.level()) : phase === "speaking" ? hum : 0;
    microphone += (heard - microphone) * (heard > microphone ? 0.5 : 0.14);
    voice += (said - voice) * (said > voice ? 0.5 : 0.14);
  }

  function tint(phase, passed) {
    const wanted = TINTS[phase][dark ? 1 : 0].map(parse);
    const share = colours && !STILL.matches ? Math.min(1, passed / 90) : 1;
    colours = (colours ?? wanted).map((colour, i) => colour.map((part, j) => part + (wanted[i][j] - part) * share));
  }

  function draw(phase) {
    const size = canvas.clientWidth * Math.min(2, devicePixelRatio);
    if (canvas.width !== Math.round(size)) canvas.width = canvas.height = Math.round(size);
    const [rim, inside, light] = colours;
    const middle = size / 2;
    const radius = size * (0.285 + 0.012 * Math.sin(turn * 1.3) + 0.03 * voice);
    pen.clearRect(0, 0, size, size);
    for (const [grow, alpha, speed] of [[1.34 + 0.3 * microphone, 0.1, 0.7], [1.16 + 0.24 * microphone, 0.17, -0.9]]) {
      pen.fillStyle = css(inside, alpha + 0.12 * microphone);
      blob(middle, radius * grow, 0.03 + 0.1 * microphone, turn * speed);
      pen.fill();
    }
    pen.save();
    blob(middle, radius, 0.008 + 0.05 * voice, turn);
    pen.clip();
    const ball = pen.createRadialGradient(middle - radius * 0.3, middle - radius * 0.42, 0, middle - radius * 0.1, middle - radius * 0.12, radius * 1.2);
    ball.addColorStop(0, css(mix(light, inside, 0.25), 1));
    ball.addColorStop(0.45, css(inside, 1));
    ball.addColorStop(1, css(rim, 1));
    pen.fillStyle = ball;
    pen.fillRect(0, 0, size, size);
    for (const [phaseShift, reach, alpha] of [[0, 0.52, 0.4], [2.1, 0.46, 0.3], [4.2, 0.6, 0.26]]) {
      const x = middle + Math.cos(turn * 0.9 + phaseShift) * radius * reach;
      const y = middle + Math.sin(turn * 1.25 + phaseShift * 1.7) * radius * reach;
      glow(x, y, radius * (0.62 + 0.5 * voice), light, alpha * (0.7 + 0.6 * voice));
    }
    pen.restore();
    if (phase === "thinking" || phase === "opening") comet(middle, radius * 1.2, rim);
  }

  function blob(middle, radius, wave, shift) {
    pen.beginPath();
    for (let i = 0; i <= 60; i++) {
      const angle = (i / 60) * 2 * Math.PI;
      const out = radius * (1 + wave * (Math.sin(3 * angle + shift * 2) + 0.6 * Math.sin(5 * angle - shift * 3) + 0.4 * Math.sin(2 * angle + shift)));
      pen.lineTo(middle + Math.cos(angle) * out, middle + Math.sin(angle) * out);
    }
    pen.closePath();
  }

  function glow(x, y, radius, colour, alpha) {
    const soft = pen.createRadialGradient(x, y, 0, x, y, radius);
    soft.addColorStop(0, css(colour, alpha));
    soft.addColorStop(1, css(colour, 0));
    pen.fillStyle = soft;
    pen.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
  }

  function comet(middle, radius, colour) {
    const from = STILL.matches ? 0 : turn * 1.7;
    const tail = pen.createConicGradient(from, middle, middle);
    tail.addColorStop(0, css(colour, 0));
    tail.addColorStop(0.7, css(colour, 0.75));
    tail.addColorStop(0.71, css(colour, 0));
    Object.assign(pen, { strokeStyle: tail, lineWidth: radius * 0.03, lineCap: "round" });
    pen.beginPath();
    pen.arc(middle, middle, radius, from, from + 1.4 * Math.PI);
    pen.stroke();
  }
  return orb;
}

const mix = (one, other, share) => one.map((part, i) => part + (other[i] - part) * share);
const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const css = (colour, alpha) => `rgb(${colour.map(Math.round).join(" ")} / ${alpha})`;
