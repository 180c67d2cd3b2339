// Placeholders in commands are filled from the address, ?target=db1, or from fields: those of the alert's labels stand at
// the top, those of one command beside it.
var SAFE = /^[A-Za-z0-9_.:\/@][A-Za-z0-9_.:\/@-]{0,252}$/;
// Shows the field of a placeholder; where there is none, the command itself says what is open.
var ask = function () {};
// Whether an example may be copied as it stands: on pages that teach, not in a runbook.
var examplesArePlain = true;

function placeholders() {
  var spans = all('.placeholder[data-name]');
  var slot = document.querySelector('.fill-slot');
  if (!spans.length) return;
  examplesArePlain = !slot;
  var asked = new URLSearchParams(location.search);
  var names = [];
  var examples = {};
  all('[data-name]', slot || make('div')).forEach(function (known) { examples[known.dataset.name] = known.dataset.example; });
  var labels = Object.keys(examples);
  spans.forEach(function (span) {
    span.dataset.empty = span.textContent;
    if (names.indexOf(span.dataset.name) < 0) names.push(span.dataset.name);
    if (span.classList.contains('is-example') && !examples[span.dataset.name]) examples[span.dataset.name] = span.textContent;
  });
  var wanted = names.filter(function (name) { return asked.get(name); });
  if (!slot && wanted.length) {
    slot = make('div');
    document.querySelector('article h1').after(slot);
    labels = wanted;
  }
  var top = names.filter(function (name) { return labels.indexOf(name) >= 0; });
  var summary = make('summary');
  var fields = make('div', { className: 'fill-fields' });
  var box = make('details', { className: 'fill', open: wanted.length > 0 && !narrow.matches }, [summary, fields]);
  var values = {};
  var refused = {};
  var inputs = [];

  function apply() {
    spans.forEach(function (span) {
      var value = values[span.dataset.name];
      span.textContent = value || span.dataset.empty;
      span.classList.toggle('is-filled', Boolean(value));
    });
    var filled = names.filter(function (name) { return values[name]; });
    var bad = names.filter(function (name) { return refused[name]; });
    var text = filled.length
      ? 'Commands are filled in: ' + filled.map(function (name) { return name + ' = ' + values[name]; }).join(', ')
      : 'Fill in the commands: ' + top.join(', ');
    if (bad.length) text += '. Not filled in, because of unusual characters: ' + bad.join(', ');
    summary.textContent = text;
    box.classList.toggle('has-refused', bad.length > 0);
    box.classList.toggle('has-filled', filled.length > 0);
    return text;
  }
  function take(name, value) {
    var fine = SAFE.test(value);
    values[name] = fine ? value : '';
    refused[name] = value !== '' && !fine;
  }
  function keep() {
    var query = new URLSearchParams(location.search);
    names.forEach(function (name) {
      if (values[name]) query.set(name, values[name]);
      else query.delete(name);
    });
    var text = query.toString();
    try {
      history.replaceState(null, '', location.pathname + (text ? '?' + text : '') + location.hash);
    } catch (refusedByBrowser) { /* file:// in some browsers */ }
  }
  function field(name) {
    var input = make('input', {
      id: 'fill-' + inputs.length, type: 'text', autocomplete: 'off', spellcheck: false, maxLength: 253,
      placeholder: examples[name] || '', value: asked.get(name) || ''
    });
    input.dataset.name = name;
    input.setAttribute('autocapitalize', 'off');
    // The field would hide line breaks.
    take(name, asked.get(name) || '');
    input.setAttribute('aria-invalid', String(refused[name]));
    input.addEventListener('input', function () {
      take(name, input.value.trim());
      inputs.forEach(function (other) {
        if (other.dataset.name !== name) return;
        if (other !== input) other.value = input.value;
        other.setAttribute('aria-invalid', String(refused[name]));
      });
      apply();
      keep();
    });
    input.addEventListener('change', function () { say(apply()); });
    inputs.push(input);
    return make('div', {}, [make('label', { htmlFor: input.id, textContent: name }), input]);
  }

  if (slot) {
    top.forEach(function (name) { fields.append(field(name)); });
    fields.append(make('p', { textContent: 'Letters, digits and _ . : / @ - are allowed, and no - at the start. Nothing leaves your browser.' }));
    if (top.length) slot.replaceChildren(box);
    slot.className = '';
    slot.hidden = !top.length;
    all('figure.code').forEach(function (figure) {
      var own = [];
      all('.placeholder[data-name]', figure).forEach(function (span) {
        var name = span.dataset.name;
        if (top.indexOf(name) < 0 && own.indexOf(name) < 0) own.push(name);
      });
      if (own.length) figure.append(make('div', { className: 'fill-fields fill-own' }, own.map(field)));
    });
  }
  ask = function (name, figure) {
    var near = inputs.filter(function (input) { return input.dataset.name === name; });
    var input = near.filter(function (input) { return figure.contains(input); })[0] || near[0];
    if (!input) return;
    if (box.contains(input)) box.open = true;
    input.focus();
  };
  var text = apply();
  if (wanted.length) say(text);
}
