'use strict';
// Keeps the figures fresh without loading the page again; finds and sorts rows. The page works without.
(function () {
  const body = document.body, every = Number(body.dataset.refresh) * 1000;
  const said = document.getElementById('live'), find = document.getElementById('find');
  const put = (node, text) => { if (node && node.textContent !== text) node.textContent = text; };
  let paused = false, last = Date.now();

  function show(figures) {
    const top = document.querySelectorAll('dd');
    figures.process.forEach((text, at) => put(top[at], text));
    for (const [id, kind, sign, word, cells] of figures.rows) {
      const row = document.getElementById(id);
      if (!row) continue;
      row.classList.remove('up', 'down', 'warn', 'idle');
      row.classList.add(kind);
      const state = row.cells[1];
      put(state.firstChild, sign);
      put(state.lastChild, word);
      cells.forEach((text, at) => put(row.cells[at + 2], text));
    }
  }
  async function refresh() {
    try {
      const answer = await fetch(body.dataset.figures, { credentials: 'same-origin', cache: 'no-store' });
      if (!answer.ok) throw new Error('answered ' + answer.status);
      show(await answer.json());
      last = Date.now();
      put(said, 'Figures of ' + new Date().toLocaleTimeString() + '.');
    } catch (why) {
      const age = Math.round((Date.now() - last) / 1000);
      put(said, 'Figures are ' + age + ' s old: ' + why.message + '.');
    }
  }
  async function run() {
    if (!paused && !document.hidden) await refresh();
    setTimeout(run, every);
  }
  if (every > 0) {
    const button = document.getElementById('pause');
    button.hidden = false;
    button.addEventListener('click', () => {
      paused = !paused;
      put(button, paused ? 'Go on' : 'Pause');
      if (!paused) refresh();
    });
    setTimeout(run, every);
  }

  const rows = Array.from(document.querySelectorAll('tbody tr'));
  find.parentNode.hidden = false;
  find.addEventListener('input', () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const proxy = row.closest('section').dataset.name;
      const text = (proxy + ' ' + row.cells[0].textContent + ' ' + row.cells[1].textContent).toLowerCase();
      row.classList.toggle('hide', !words.every(word => text.includes(word)));
    }
    for (const section of document.querySelectorAll('section')) {
      section.classList.toggle('hide', !section.querySelector('tbody tr:not(.hide)'));
    }
  });

  const units = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 };
  const weigh = text => {
    const found = /^(-?[\d.]+)\s?([kMGT]?)/.exec(text);
    return found ? Number(found[1]) * (units[found[2]] || 1) : text;
  };
  for (const head of document.querySelectorAll('thead tr:last-child th')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener('click', () => {
      const up = head.getAttribute('aria-sort') === 'descending';
      for (const other of head.parentNode.cells) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const part = head.closest('table').querySelector('tbody.servers');
      if (!part) return;
      const key = row => weigh(row.cells[head.cellIndex].textContent.trim());
      const keyed = Array.from(part.rows, row => [key(row), row]);
      keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (up ? 1 : -1));
      part.append(...keyed.map(([, row]) => row));
    });
  }
})();
