/** Script of the page that `worker.js` shows: it loads the studio when the server answers. */

/** Waits between attempts to reach the server, in milliseconds. */
const WAITS = [500, 1000, 2000, 3000, 5000];

function useTheme() {
  try {
    const theme = window.localStorage.getItem("theme");
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  } catch {
    // The browser keeps nothing for this site; its own theme counts.
  }
}

async function isBack() {
  try {
    return (await fetch("/healthz", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

async function waitForServer() {
  for (let attempt = 0; !(await isBack()); attempt += 1) {
    const wait = WAITS[Math.min(attempt, WAITS.length - 1)];
    await new Promise((resolve) => {
      window.setTimeout(resolve, wait);
    });
  }
  window.location.reload();
}

useTheme();
document.querySelector("button").addEventListener("click", () => window.location.reload());
void waitForServer();
