// Returns what a reader would find wrong with the layout of the page that is shown, a line each.
const problems = [];
const width = document.documentElement.clientWidth;
const words = node => node.textContent.replace(/\s+/g, ' ').trim().slice(0, 60);
const box = node => node.getBoundingClientRect();
const style = node => getComputedStyle(node);
const isShown = node => node.checkVisibility({visibilityProperty: true});
const name = node => node.tagName.toLowerCase() + (node.className.baseVal ?? node.className ? '.' + (node.className.baseVal ?? node.className) : '');
const said = (what, node) => problems.push(`${what}: ${name(node)} "${words(node)}"`);

// Folded parts are looked at unfolded.
for (const part of document.querySelectorAll('details')) part.open = true;

if (document.documentElement.scrollWidth > width + 1)
  problems.push(`the page is ${document.documentElement.scrollWidth} px wide in a window of ${width} px`);

// Boxes whose content is wider or higher than they are.
const scrollers = new Set();
for (const node of document.body.querySelectorAll('*:not(svg *)')) {
  if (!isShown(node) || !node.clientWidth) continue;
  const {overflowX, overflowY, textOverflow, webkitLineClamp} = style(node);
  const wider = node.scrollWidth > node.clientWidth + 1, higher = node.scrollHeight > node.clientHeight + 1;
  if (wider && ['auto', 'scroll'].includes(overflowX)) {
    node.scrollLeft = 1e6;
    if (node.scrollLeft + node.clientWidth < node.scrollWidth - 1) said('cannot be scrolled to its end', node);
    node.scrollLeft = 0;
    scrollers.add(node);
  } else if (wider && overflowX === 'visible') said('wider than its box', node);
  else if (wider && textOverflow !== 'ellipsis') said('cut off at its side', node);
  // Text that ends in an ellipsis is whole in its title.
  const shortened = textOverflow === 'ellipsis' || webkitLineClamp !== 'none';
  if (higher && ['hidden', 'clip'].includes(overflowY) && !shortened) said('cut off below', node);
  if ((wider || higher) && shortened && node.title !== node.textContent) said('shortened, and nowhere whole', node);
}

// Every piece of text, by lines: inside its card, readable, and with no other text over it.
const lines = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode, parent = text.parentElement;
  if (!text.data.trim() || !isShown(parent) || ['STYLE', 'TITLE'].includes(parent.tagName)) continue;
  const range = document.createRange();
  range.selectNodeContents(text);
  const scroller = parent.closest('.scroll, pre'), svg = parent.closest('svg');
  const isShortened = style(parent).webkitLineClamp !== 'none';
  const frame = svg ? box(svg) : box(parent.closest('section') ?? document.body);
  for (const rect of range.getClientRects()) {
    if (rect.width < 1) continue;
    const left = svg ? box(svg).left : frame.left;
    if ((rect.right > frame.right + 1 || rect.left < left - 1) && !scrollers.has(scroller))
      said('text beside its frame', parent);
    if (svg && (rect.bottom > frame.bottom + 1 || rect.top < frame.top - 1)) said('text beside its plot', parent);
    // Whole sentences do not hide in a table that scrolls.
    if (scrollers.has(scroller) && parent.closest('[colspan]') && rect.right > box(scroller).right + 1)
      said('cut off until one scrolls', parent);
    if (!isShortened && !scrollers.has(scroller)) lines.push({rect, parent, text});
  }
}
const overlap = (a, b) => [
  Math.min(a.right, b.right) - Math.max(a.left, b.left), Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)];
lines.sort((a, b) => a.rect.top - b.rect.top);
for (let i = 0; i < lines.length; i++)
  for (let k = i + 1; k < lines.length && lines[k].rect.top < lines[i].rect.bottom; k++) {
    const [across, down] = overlap(lines[i].rect, lines[k].rect);
    const lower = Math.min(lines[i].rect.height, lines[k].rect.height);
    // The boxes of two lines of text overlap a little where letters do not.
    if (lines[i].text !== lines[k].text && across > 1.5 && down > 0.3 * lower)
      problems.push(`text over text: "${words(lines[i].text)}" and "${words(lines[k].text)}"`);
  }

// Contrast of WCAG 2.2, 1.4.3: 4.5, or 3 where the text is large.
const luminance = colour => {
  const [red, green, blue] = colour.slice(0, 3).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const parts = colour => colour.match(/[\d.]+/g).map(Number);
const behind = node => {
  for (let each = node; each; each = each.parentElement) {
    const colour = parts(style(each).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const judged = new Set();
for (const {parent} of lines) {
  if (judged.has(parent)) continue;
  judged.add(parent);
  const {color, fill, fontSize, fontWeight} = style(parent);
  const inPlot = parent.closest('svg');
  const [one, other] = [luminance(parts(inPlot ? fill : color)), luminance(behind(parent))].sort((a, b) => b - a);
  const ratio = (one + 0.05) / (other + 0.05), size = parseFloat(fontSize);
  if (ratio < (size >= 24 || (size >= 18.66 && fontWeight >= 700) ? 3 : 4.5))
    said(`contrast of ${ratio.toFixed(1)}`, parent);
  const scale = inPlot ? box(inPlot).width / inPlot.viewBox.baseVal.width : 1;
  if (size * scale < 10) said(`letters of ${(size * scale).toFixed(1)} px`, parent);
}

// Plots: what is drawn takes its share of the width, whatever the labels are.
for (const svg of document.querySelectorAll('svg')) {
  if (!isShown(svg)) continue;
  const area = box(svg.querySelector('[id^="axes_"] [id^="patch_"]') ?? svg), whole = box(svg);
  if (area.width < 0.4 * whole.width || area.height < 0.3 * whole.height)
    problems.push(`a plot of ${area.width.toFixed(0)} × ${area.height.toFixed(0)} px in ${whole.width.toFixed(0)} × ` +
      `${whole.height.toFixed(0)}: ${svg.getAttribute('aria-label')}`);
}
return [...new Set(problems)];
