// What the page of a call and its pill share: icons, and how long something took.
Object.assign(ICONS, {
  muted: "M9 9v3a3 3 0 0 0 4.700 2.500M15 11V6a3 3 0 0 0-5.800-1M6 11.500a6 6 0 0 0 9.600 4.800M18 11.500a6 6 0 0 1-.500 2.300M12 17.500V21M4 3.500l16 17",
  hang: "M3.500 13.500c0-6 17-6 17 0v1.700c0 .700-.600 1.200-1.300 1l-3-.700c-.600-.100-1-.600-1-1.200v-1.800a13 13 0 0 0-6.400 0v1.800c0 .600-.400 1.100-1 1.200l-3 .700c-.700.200-1.300-.300-1.300-1z",
  camera: "M4 7.500h3.500L9 5h6l1.500 2.500H20v11.500H4zM12 16.200a3.400 3.400 0 1 0 0-6.800 3.400 3.400 0 0 0 0 6.800z",
  sliders: "M4 7h9M17 7h3M4 17h3M11 17h9M15 9.200a2.200 2.200 0 1 0 0-4.400 2.200 2.200 0 0 0 0 4.400zM9 19.200a2.200 2.200 0 1 0 0-4.400 2.200 2.200 0 0 0 0 4.400z",
  send: "M12 19V5.500M6 11.500l6-6 6 6",
  close: "M6.500 6.500l11 11M17.500 6.500l-11 11",
  phone: "M5 4.500h3.500l1.600 4-2 1.600a11 11 0 0 0 5.800 5.800l1.600-2 4 1.600V19a1.500 1.500 0 0 1-1.600 1.500C10.500 20 4 13.500 3.500 6.100A1.500 1.500 0 0 1 5 4.500z",
  chevron: "M7 10l5 5 5-5",
});

function duration(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const clock = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0")).join(":");
  return seconds < 3600 ? clock : `${Math.floor(seconds / 3600)}:${clock}`;
}
