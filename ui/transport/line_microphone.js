// The microphone of the call: frames of 20 ms from an AudioWorklet, each with the byte that marks sound on the socket.
const CAPTURE = `registerProcessor("parlor-capture", class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.size = Math.round(sampleRate / 50);
    this.begin();
  }
  begin() {
    this.bytes = new Uint8Array(1 + 2 * this.size);
    this.bytes[0] = 1;
    this.view = new DataView(this.bytes.buffer);
    this.at = this.power = 0;
  }
  process([[samples]]) {
    for (let i = 0; i < 128; i++) {
      const sample = samples ? Math.max(-1, Math.min(1, samples[i])) : 0;
      this.view.setInt16(1 + 2 * this.at++, Math.round(sample * 32767), true);
      this.power += sample * sample;
      if (this.at === this.size) {
        this.port.postMessage({ frame: this.bytes.buffer, level: Math.sqrt(this.power / this.size) }, [this.bytes.buffer]);
        this.begin();
      }
    }
    return true;
  }
});`;
const DEAF = 500;  // frames of nothing but zeros (10 s), from the beginning on, after which a microphone is called silent
const WHY = { NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "none", NotReadableError: "taken", AbortError: "taken" };

function createMicrophone(note, onFrame, onTrouble, onMended) {
  const microphone = { level: 0, muted: false, id: "", label: "", devices: [] };
  let stream = null, node = null, source = null, zeros = 0;

  // Throws {kind, detail}: insecure, denied, none, taken or failed.
  microphone.open = async (context, wanted) => {
    if (!navigator.mediaDevices?.getUserMedia) throw { kind: "insecure", detail: "" };
    stream?.getTracks().forEach((track) => track.stop());
    stream = await ask(wanted);
    const [track] = stream.getAudioTracks();
    track.enabled = !microphone.muted;
    track.onended = () => track === stream?.getAudioTracks()[0] && onTrouble("unplugged", microphone.label);
    track.onmute = () => onTrouble("silenced", microphone.label);
    track.onunmute = () => onMended("silenced");
    zeros = 0;
    Object.assign(microphone, { id: track.getSettings().deviceId ?? "", label: track.label });
    await microphone.list();
    if (!node) {
      const url = URL.createObjectURL(new Blob([CAPTURE], { type: "text/javascript" }));
      await context.audioWorklet.addModule(url);
      URL.revokeObjectURL(url);
      node = new AudioWorkletNode(context, "parlor-capture", { channelCount: 1, channelCountMode: "explicit" });
      node.port.onmessage = ({ data }) => take(data);
      node.connect(context.destination);  // it gives silence: what leads nowhere is not run
    }
    source?.disconnect();
    source = context.createMediaStreamSource(stream);
    source.connect(node);
    note("microphone", { label: track.label });
  };

  async function ask(wanted) {
    const wishes = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
    try {
      return await navigator.mediaDevices.getUserMedia({ audio: wanted ? { ...wishes, deviceId: { exact: wanted } } : wishes });
    } catch (error) {
      if (wanted && ["OverconstrainedError", "NotFoundError"].includes(error.name)) return ask("");  // it is not here today
      throw { kind: WHY[error.name] ?? "failed", detail: error.message };
    }
  }

  function take({ frame, level }) {
    microphone.level = level;
    if (level > 0 && zeros >= DEAF) onMended("deaf");
    if (level > 0) zeros = NaN;  // it works; what is silent later is a headset that lets no noise through
    if (level === 0 && !microphone.muted && ++zeros === DEAF) onTrouble("deaf", microphone.label);
    onFrame(frame);
  }

  microphone.mute = (on) => {
    microphone.muted = on;
    for (const track of stream?.getAudioTracks() ?? []) track.enabled = !on;
  };

  microphone.close = () => {
    stream?.getTracks().forEach((track) => track.stop());
    node?.port.close();
    node?.disconnect();
    source?.disconnect();
    [stream, node, source] = [null, null, null];
    microphone.level = 0;
  };

  microphone.list = async () => {
    const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    microphone.devices = all.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId).map(({ deviceId, label }) => ({ id: deviceId, label }));
  };
  navigator.mediaDevices?.addEventListener?.("devicechange", () => microphone.list().then(() => note("devices")));
  return microphone;
}
