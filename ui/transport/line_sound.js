// What the call lets be heard: clauses back to back, a fade to silence in 6 ms, and how much of an answer was audible.
const LEAD = 0.01;  // seconds between deciding to play and the first sample, so that it is never late
const FADE = 0.005;  // seconds to silence without a click
const LOW = 0.1;  // -20 dB, while somebody may be speaking
const REPORT = 0.1;  // seconds of sound between two reports
const AUDIBLE = 0.001;  // RMS of full scale (-60 dB)
const PATIENT = 10000;  // ms to measure it in, on a machine whose cores are all at work

function createSound(note, onPlayed) {
  const sound = { context: null, blocked: false, answer: null };
  let ducker = null, master = null, meter = null, samples = null, volume = 1, timer = 0;

  sound.open = () => {
    if (sound.context) return sound.wake();
    const context = (sound.context = new AudioContext({ latencyHint: "interactive" }));
    [ducker, master] = [context.createGain(), context.createGain()];
    meter = context.createAnalyser();
    meter.fftSize = 512;
    samples = new Float32Array(meter.fftSize);
    ducker.connect(master).connect(meter).connect(context.destination);
    master.gain.value = volume;
    return sound.wake();
  };

  // A browser may wait for a press before it lets sound out, or in: then a button asks for one.
  sound.wake = async () => {
    const running = sound.context.resume().then(() => true, () => false);
    const soon = new Promise((done) => setTimeout(() => done(false), 300));
    sound.blocked = !(await Promise.race([running, soon]));
    if (sound.blocked) running.then((runs) => { sound.blocked = !runs; note("unblocked"); });
  };

  sound.close = () => {
    sound.hush();
    sound.context?.close();
    clearInterval(timer);
    Object.assign(sound, { context: null, blocked: false, answer: null });
    timer = 0;
  };

  sound.play = ({ turn, index, rate, text }, pcm) => {
    const { context } = sound;
    if (!context || !pcm.length) return null;
    if (sound.answer?.turn !== turn) begin(turn);
    const { answer } = sound;
    const buffer = context.createBuffer(1, pcm.length, rate);
    const channel = buffer.getChannelData(0);
    for (let i = 0; i < pcm.length; i++) channel[i] = pcm[i] / 32768;
    const node = context.createBufferSource();
    node.buffer = buffer;
    node.connect(answer.bus);
    const start = Math.max(answer.until, context.currentTime + LEAD);
    node.start(start);
    if (answer.clauses.length && start > answer.until + 0.001) note("gap", { turn, index, seconds: start - answer.until });
    answer.until = start + buffer.duration;
    answer.clauses.push({ index, text, node, start, seconds: buffer.duration });
    note("scheduled", { turn, index, start, seconds: buffer.duration });
    timer ||= setInterval(sound.look, 20);
    setTimeout(sound.look, (start - audible()) * 1000);
    return buffer.duration;
  };

  function begin(turn) {
    const bus = sound.context.createGain();
    bus.connect(ducker);
    sound.answer = { turn, bus, clauses: [], until: sound.answer?.until ?? 0, reported: null };
  }

  // The sample that leaves the loudspeaker now, in the context's seconds.
  const audible = () => sound.context.currentTime - (sound.context.outputLatency || sound.context.baseLatency || 0);

  sound.heard = () => {  // seconds of the answer that have been audible
    const now = audible();
    return sound.answer.clauses.reduce((sum, { start, seconds }) => sum + Math.min(seconds, Math.max(0, now - start)), 0);
  };

  // Reports what is audible. Timers of a hidden page are late, so the microphone's frames call it as well.
  sound.look = (at = null) => {
    const { answer } = sound;
    if (!answer?.clauses.length || sound.context.state !== "running" || audible() < answer.clauses[0].start) return;
    const heard = sound.heard();
    const rest = audible() >= answer.until;
    if (answer.reported === null) {
      note("audible", { turn: answer.turn });
      until(() => sound.level() > AUDIBLE, () => note("measured", { turn: answer.turn }));
      onPlayed(answer.turn, (answer.reported = 0));
    }
    if (heard - answer.reported >= REPORT || (heard > answer.reported && (rest || at === "hush"))) onPlayed(answer.turn, (answer.reported = heard));
    if (rest) [timer] = [clearInterval(timer)];
  };

  sound.hush = () => {
    const { context, answer } = sound;
    if (!answer) return;
    sound.look("hush");
    const now = context.currentTime;
    answer.bus.gain.setValueAtTime(1, now);
    answer.bus.gain.linearRampToValueAtTime(0, now + FADE);
    for (const { node } of answer.clauses) node.stop(now + FADE + 0.001);
    clearInterval(timer);
    timer = 0;
    const { turn } = answer;
    sound.answer = null;
    until(() => sound.level() < AUDIBLE, () => note("silent", { turn }));
  };

  sound.duck = (low) => {
    if (!ducker) return;
    const now = sound.context.currentTime;
    ducker.gain.cancelScheduledValues(now);
    ducker.gain.setValueAtTime(ducker.gain.value, now);
    ducker.gain.linearRampToValueAtTime(low ? LOW : 1, now + 0.02);
  };

  sound.volume = (wanted) => {
    volume = wanted;
    master?.gain.setTargetAtTime(wanted, sound.context.currentTime, 0.02);
  };

  sound.level = () => {  // RMS of the last 11 ms, as it goes to the loudspeaker
    if (!sound.context) return 0;
    meter.getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
  };

  function until(holds, then) {
    const from = performance.now();
    const look = () => {
      if (!sound.context) return;
      if (holds()) then();
      else if (performance.now() - from < PATIENT) setTimeout(look, 2);
    };
    look();
  }
  return sound;
}
