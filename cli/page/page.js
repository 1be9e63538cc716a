// The page of a delta. It gets two things from the command: `data`, the inspection as --json gives it, and the map's
// entries, of which each is a piece, or, in a delta of very many pieces, several neighbours. All that is shown is made
// as text of elements, never as markup, for names of files come from anywhere.
'use strict';

const element = (id) => document.getElementById(id);
const grouped = (number) => number.toLocaleString('en');
const counted = (number, word) => `${grouped(number)} ${word}${number === 1 ? '' : 's'}`;
const percent = (part, whole) => `${(whole > 0 ? (100 * part) / whole : 0).toFixed(2)} %`;

// ---- What the command gave -----------------------------------------------------------------------------------------

const KINDS = ['literal', 'copy', 'mixed'];
const LITERAL = 0;
const MIXED = 2;

// Numbers are in groups of seven bits, the lowest first, and may be larger than what bit operations hold.
function readEntries(text, count) {
  const entries = {
    count,
    kind: new Uint8Array(count),
    at: new Float64Array(count + 1),
    literal: new Float64Array(count),
    basis: new Float64Array(count),
    basisEnd: new Float64Array(count),
    pieces: new Float64Array(count),
  };
  let position = 0;
  let copiedTo = 0;
  const number = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = text.charCodeAt(position++);
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  };
  const step = () => {
    const value = number();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  };
  for (let i = 0; i < count; i++) {
    const kind = number();
    const length = number();
    entries.kind[i] = kind;
    entries.at[i + 1] = entries.at[i] + length;
    entries.literal[i] = kind === LITERAL ? length : kind === MIXED ? number() : 0;
    entries.pieces[i] = kind === MIXED ? number() : 1;
    if (entries.literal[i] < length) {
      entries.basis[i] = copiedTo + step();
      entries.basisEnd[i] = entries.basis[i] + (kind === MIXED ? number() : length);
      copiedTo = entries.basisEnd[i];
    }
  }
  return entries;
}

const data = JSON.parse(element('data').textContent);
const entries = readEntries(atob(element('entries').textContent), data.map.entries);
const newSize = data.new_size;
const basisSize = Math.max(1, data.basis_size ?? data.basis_least);

// ---- Where the reader is -------------------------------------------------------------------------------------------

const ROWS = 25;
const place = { entry: 0, from: 0, to: Math.max(1, newSize), row: 0 };

// The entry that has this byte of the new file.
function entryAt(byte) {
  let low = 0;
  let high = entries.count - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (entries.at[middle] <= byte) low = middle;
    else high = middle - 1;
  }
  return low;
}

function goTo(entry) {
  if (entries.count === 0) return;
  place.entry = Math.min(Math.max(entry, 0), entries.count - 1);
  place.row = Math.floor(place.entry / ROWS) * ROWS;
  const at = entries.at[place.entry];
  const width = place.to - place.from;
  if (at < place.from || at >= place.to) look(at - width / 2, width);
  show();
}

function look(from, width) {
  const limited = Math.min(Math.max(width, Math.min(64, newSize), 1), Math.max(1, newSize));
  place.from = Math.min(Math.max(from, 0), Math.max(1, newSize) - limited);
  place.to = place.from + limited;
}

// The entry at hand keeps its place on the screen.
function zoom(factor) {
  const at = entries.count > 0 ? entries.at[place.entry] : 0;
  const width = (place.to - place.from) * factor;
  look(at - (at - place.from) * factor, width);
  show();
}

function goToLiteral(direction) {
  let i = place.entry + direction;
  while (i >= 0 && i < entries.count && entries.literal[i] === 0) i += direction;
  if (i >= 0 && i < entries.count) goTo(i);
}

// ---- In words ------------------------------------------------------------------------------------------------------

function describe(i) {
  const length = entries.at[i + 1] - entries.at[i];
  const where = `at byte ${grouped(entries.at[i])} of the new file`;
  const basis = `byte ${grouped(entries.basis[i])} of the basis`;
  const number = `${grouped(i + 1)} of ${grouped(entries.count)}`;
  if (entries.kind[i] === LITERAL) return `${number}: literal, ${counted(length, 'byte')} ${where}`;
  if (entries.kind[i] !== MIXED) return `${number}: copy, ${counted(length, 'byte')} ${where}, from ${basis}`;
  const from = entries.literal[i] < length ? `, the copies from ${basis} on` : '';
  return (
    `${number}: ${counted(entries.pieces[i], 'piece')}, ${counted(length, 'byte')} ${where}, ` +
    `of which ${grouped(entries.literal[i])} are literal${from}`
  );
}

function addRow(table, cells) {
  const row = table.tBodies[0].insertRow();
  for (const cell of cells) {
    if (cell instanceof Node) row.append(cell);
    else row.insertCell().textContent = cell;
  }
  return row;
}

function heading(text) {
  const cell = document.createElement('th');
  cell.scope = 'row';
  cell.textContent = text;
  return cell;
}

function showNumbers() {
  const table = element('numbers');
  const { copied, literal, steps } = data;
  const pieces = (part) =>
    `${counted(part.bytes, 'byte')}, ${percent(part.bytes, newSize)}, in ${counted(part.pieces, 'piece')}`;
  const row = (id, name, text) => {
    addRow(table, [heading(name), text]).cells[1].id = id;
  };
  const form = data.dense ? ', dense' : data.compressed ? ', compressed with zstd' : '';
  row('delta-bytes', 'Delta', counted(data.size, 'byte') + form);
  row('new-bytes', 'New file', counted(newSize, 'byte'));
  row('basis-bytes', 'Basis', data.basis_size === null ? `at least ${counted(data.basis_least, 'byte')}` :
    counted(data.basis_size, 'byte'));
  row('copied', 'Copied', pieces(copied));
  row('literal', 'Literal', pieces(literal));
  row('commands', 'Commands', `${grouped(copied.commands + literal.commands)}, which take ` +
    counted(copied.command_bytes + literal.command_bytes, 'byte'));
  row('steps', 'Copies', `${grouped(steps.next)} start in the basis where the previous one ended, ` +
    `${grouped(steps.forward)} further on, ${grouped(steps.back)} further back`);
  if (data.basis_digest !== null) row('basis-digest', 'Digest of the basis', data.basis_digest);
  row('digest', 'Digest', data.digest ?? 'none: the result of a patch cannot be verified');
}

function bar(cell, kind, share) {
  const made = document.createElement('span');
  made.className = `bar ${kind}`;
  made.style.width = `${(100 * share).toFixed(1)}%`;
  cell.append(made);
}

function showLengths() {
  const table = element('lengths');
  const mostLiteral = Math.max(1, ...data.lengths.map((each) => each.literal_bytes));
  const mostCopied = Math.max(1, ...data.lengths.map((each) => each.copied_bytes));
  for (const each of data.lengths) {
    const counts = [each.literal_pieces, each.literal_bytes, each.copied_pieces, each.copied_bytes];
    const range = each.from === each.to ? grouped(each.from) : `${grouped(each.from)} to ${grouped(each.to)}`;
    const row = addRow(table, [heading(range), ...counts.map(grouped)]);
    bar(row.cells[2], 'literal', each.literal_bytes / mostLiteral);
    bar(row.cells[4], 'copied', each.copied_bytes / mostCopied);
  }
}

function showLargest(id, pieces) {
  for (const piece of pieces) {
    const button = document.createElement('button');
    const cell = document.createElement('td');
    button.type = 'button';
    button.textContent = grouped(piece.new_offset);
    button.title = 'Show it on the map';
    button.addEventListener('click', () => {
      goTo(entryAt(piece.new_offset));
      element('map').focus();
    });
    cell.append(button);
    addRow(element(id), [cell, grouped(piece.length), ...('basis_offset' in piece ? [grouped(piece.basis_offset)] : [])]);
  }
}

function showRows() {
  const table = element('pieces');
  const end = Math.min(place.row + ROWS, entries.count);
  element('pieces-caption').textContent =
    entries.count > 0 ? `${grouped(place.row + 1)} to ${grouped(end)} of ${grouped(entries.count)}` : 'none';
  table.tBodies[0].replaceChildren();
  for (let i = place.row; i < end; i++) {
    const length = entries.at[i + 1] - entries.at[i];
    const kind = entries.kind[i] === MIXED
      ? `${counted(entries.pieces[i], 'piece')}, ${grouped(entries.literal[i])} bytes literal`
      : KINDS[entries.kind[i]];
    const basis = entries.literal[i] < length ? grouped(entries.basis[i]) : '';
    const row = addRow(table, [heading(grouped(i + 1)), kind, grouped(entries.at[i]), grouped(length), basis]);
    if (i === place.entry) row.setAttribute('aria-current', 'true');
  }
}

// ---- The map -------------------------------------------------------------------------------------------------------

const STRIP = 36; // pixels
const GAP = 8;

function colours() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return { ground: colour('ground'), copied: colour('copied'), literal: colour('literal'), cursor: colour('cursor') };
}

// Calls each(i, left, right) for the entries in sight, with their places on the screen.
function inSight(width, each) {
  const scale = width / (place.to - place.from);
  for (let i = entryAt(place.from); i < entries.count && entries.at[i] < place.to; i++) {
    each(i, (entries.at[i] - place.from) * scale, (entries.at[i + 1] - place.from) * scale);
  }
}

function literalShares(width) {
  const shares = new Float64Array(width);
  inSight(width, (i, left, right) => {
    if (entries.literal[i] === 0) return;
    const density = entries.literal[i] / (entries.at[i + 1] - entries.at[i]);
    for (let x = Math.max(0, Math.floor(left)); x < width && x < right; x++) {
      shares[x] += density * (Math.min(right, x + 1) - Math.max(left, x));
    }
  });
  return shares;
}

function drawStrip(context, width, colour) {
  context.fillStyle = colour.ground;
  context.fillRect(0, 0, width, STRIP);
  context.fillStyle = colour.literal;
  literalShares(width).forEach((share, x) => {
    const height = share > 0 ? Math.max(2, Math.round(share * STRIP)) : 0;
    context.fillRect(x, STRIP - height, 1, height);
  });
}

function drawCopies(context, width, height, colour) {
  const top = STRIP + GAP;
  const scale = (height - top) / basisSize;
  context.fillStyle = colour.ground;
  context.fillRect(0, top, width, height - top);
  context.fillStyle = colour.copied;
  context.strokeStyle = colour.copied;
  context.lineWidth = 1.5;
  context.beginPath();
  inSight(width, (i, left, right) => {
    if (entries.literal[i] === entries.at[i + 1] - entries.at[i]) return;
    const from = top + entries.basis[i] * scale;
    const to = top + entries.basisEnd[i] * scale;
    if (right - left < 2 || entries.kind[i] === MIXED) {
      context.fillRect(left - 1, from - 1, Math.max(2.5, right - left), Math.max(2.5, to - from));
    } else {
      context.moveTo(left, from);
      context.lineTo(right, to);
    }
  });
  context.stroke();
}

function drawCursor(context, width, height, colour) {
  const scale = width / (place.to - place.from);
  const left = (entries.at[place.entry] - place.from) * scale;
  const right = (entries.at[place.entry + 1] - place.from) * scale;
  context.fillStyle = colour.cursor;
  context.globalAlpha = 0.25;
  context.fillRect(left, 0, Math.max(1, right - left), height);
  context.globalAlpha = 1;
  context.fillRect(left, 0, 1, height);
}

function draw() {
  const canvas = element('canvas');
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.floor(canvas.clientWidth));
  const height = canvas.clientHeight;
  const colour = colours();
  const context = canvas.getContext('2d');
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  context.scale(ratio, ratio);
  drawStrip(context, width, colour);
  drawCopies(context, width, height, colour);
  if (entries.count > 0) drawCursor(context, width, height, colour);
}

// ---- All together --------------------------------------------------------------------------------------------------

function show() {
  const map = element('map');
  const words = entries.count > 0 ? describe(place.entry) : 'The new file is empty.';
  map.setAttribute('aria-valuemin', '1');
  map.setAttribute('aria-valuemax', String(Math.max(1, entries.count)));
  map.setAttribute('aria-valuenow', String(place.entry + 1));
  map.setAttribute('aria-valuetext', words);
  element('here').textContent = words;
  element('view-from').textContent = grouped(Math.floor(place.from));
  element('view-to').textContent = grouped(Math.ceil(place.to));
  showRows();
  draw();
}

function showRowsFrom(row) {
  const last = Math.max(0, Math.floor((entries.count - 1) / ROWS) * ROWS);
  place.row = Math.min(Math.max(row, 0), last);
  showRows();
}

function keyAction(key) {
  const page = Math.max(1, Math.round(entries.count / 50));
  const actions = {
    ArrowLeft: () => goTo(place.entry - 1),
    ArrowDown: () => goTo(place.entry - 1),
    ArrowRight: () => goTo(place.entry + 1),
    ArrowUp: () => goTo(place.entry + 1),
    PageDown: () => goTo(place.entry - page),
    PageUp: () => goTo(place.entry + page),
    Home: () => goTo(0),
    End: () => goTo(entries.count - 1),
    '+': () => zoom(1 / 2),
    '-': () => zoom(2),
    0: () => zoom(Infinity),
  };
  return actions[key];
}

function listen() {
  const map = element('map');
  const onClick = (id, action) => element(id).addEventListener('click', action);
  map.addEventListener('keydown', (event) => {
    const action = event.ctrlKey || event.altKey || event.metaKey ? undefined : keyAction(event.key);
    if (!action) return;
    event.preventDefault();
    action();
  });
  map.addEventListener('pointermove', (event) => {
    const box = map.getBoundingClientRect();
    const byte = place.from + ((event.clientX - box.left) / box.width) * (place.to - place.from);
    const entry = entryAt(byte);
    if (entry !== place.entry) goTo(entry);
  });
  onClick('literal-previous', () => goToLiteral(-1));
  onClick('literal-next', () => goToLiteral(1));
  onClick('zoom-in', () => zoom(1 / 2));
  onClick('zoom-out', () => zoom(2));
  onClick('zoom-all', () => zoom(Infinity));
  onClick('rows-first', () => showRowsFrom(0));
  onClick('rows-previous', () => showRowsFrom(place.row - ROWS));
  onClick('rows-next', () => showRowsFrom(place.row + ROWS));
  onClick('rows-last', () => showRowsFrom(entries.count));
  window.addEventListener('resize', draw);
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
}

document.title = `${data.name}: a delta`;
element('name').textContent = data.name;
element('summary').textContent =
  `For a new file of ${counted(newSize, 'byte')}, ${counted(data.size, 'byte')} are sent: ${percent(data.size, newSize)}.`;
element('pieces-note').textContent =
  data.map.grain > 1
    ? 'There are too many pieces for a page, so a row stands for several of them. "redelta inspect --ops" lists all.'
    : 'A piece is a run of literals, or of copies each of which continues where the previous one ended.';
showNumbers();
showLengths();
showLargest('largest-literals', data.largest_literals);
showLargest('largest-copies', data.largest_copies);
listen();
show();
