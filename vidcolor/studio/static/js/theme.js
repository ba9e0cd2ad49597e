// @ts-check
// Runs before the first paint, so that the page does not flash in the other theme.
{
  const theme = window.localStorage.getItem("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
}
