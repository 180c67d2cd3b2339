// A copy button on each block of code.
function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  return new Promise(function (resolve, reject) {
    var area = make('textarea', { value: text, className: 'visually-hidden', readOnly: true });
    document.body.append(area);
    area.select();
    var copied = document.execCommand('copy');
    area.remove();
    if (copied) resolve();
    else reject(new Error('not copied'));
  });
}

function copyButtons() {
  all('figure.code').forEach(function (figure) {
    var code = figure.querySelector('code');
    var text = make('span', { textContent: 'Copy' });
    var button = make('button', { type: 'button', className: 'copy' }, [icon('copy'), text]);
    var caption = figure.querySelector('figcaption');
    var what = caption ? caption.textContent.trim() : (figure.dataset.lang || 'code');
    button.setAttribute('aria-label', 'Copy ' + what);
    button.addEventListener('click', function () {
      var open = all('.placeholder:not(.is-filled)', code).map(function (span) { return span.textContent; });
      copyText(code.textContent.replace(/\n$/, '')).then(function () {
        figure.classList.add('is-copied');
        text.textContent = 'Copied';
        button.querySelector('use').setAttribute('href', '#i-check');
        say(open.length ? 'Copied. Still to be replaced: ' + open.join(', ') : 'Copied');
      }, function () {
        text.textContent = 'Not copied';
        say('The browser did not allow copying');
      });
      setTimeout(function () {
        figure.classList.remove('is-copied');
        text.textContent = 'Copy';
        button.querySelector('use').setAttribute('href', '#i-copy');
      }, 2500);
    });
    figure.append(button);
  });
}
