// Finds and makes elements, remembers choices, tells screen readers what happened.
var html = document.documentElement;
var root = html.dataset.root || '';
var narrow = window.matchMedia('(max-width: 63.99rem)');

function all(selector, within) {
  return Array.prototype.slice.call((within || document).querySelectorAll(selector));
}

function make(tag, properties, children) {
  var element = document.createElement(tag);
  Object.keys(properties || {}).forEach(function (key) {
    if (key in element) element[key] = properties[key];
    else element.setAttribute(key, properties[key]);
  });
  (children || []).forEach(function (child) { element.append(child); });
  return element;
}

function icon(name) {
  var svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  var use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', '#i-' + name);
  svg.append(use);
  return svg;
}

function remember(key, value) {
  try {
    if (value === undefined) return localStorage.getItem(key);
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch (blocked) { /* works for this page only */ }
  return null;
}

function addScript(src, done, failed) {
  document.head.append(make('script', { src: src, onload: done, onerror: failed }));
}

var status = make('p', { className: 'visually-hidden', role: 'status' });
document.body.append(status);
function say(text) {
  status.textContent = '';
  requestAnimationFrame(function () { status.textContent = text; });
}
