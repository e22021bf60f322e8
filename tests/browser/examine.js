// What a reader would notice on a page: it is evaluated in the page and returns one object.
() => {
  const width = window.innerWidth;
  const name = element =>
    element.tagName.toLowerCase() + (element.className ? '.' + element.className : '') +
    ' ' + JSON.stringify((element.textContent || element.alt || '').trim().slice(0, 60));
  const scrolls = element => {
    for (let e = element; e && e !== document.body; e = e.parentElement)
      if (['auto', 'scroll'].includes(getComputedStyle(e).overflowX)) return true;
    return false;
  };
  const shown = [...document.body.querySelectorAll('*')].filter(
    e => !e.closest('svg') && e.getClientRects().length && !e.matches('.skip'));
  const hides = e => ['hidden', 'clip'].includes(getComputedStyle(e).overflowX);
  return {
    overflow: document.documentElement.scrollWidth - width,
    outside: shown.filter(e => {
      const box = e.getBoundingClientRect();
      return box.width && (box.right > width + 1 || box.left < -1) && !scrolls(e);
    }).map(name),
    cut: shown.filter(e => hides(e) && e.textContent.trim() &&
      (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1)).map(name),
    broken: [...document.images].filter(i => !i.complete || !i.naturalWidth).map(name),
    landmarks: ['header', 'main', 'footer'].filter(e => document.querySelector('body > ' + e)),
    images: document.images.length,
    formulas: document.querySelectorAll('math').length,
    links: [...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href')),
    anchors: [...document.querySelectorAll('[id]')].map(e => e.id),
  };
}
