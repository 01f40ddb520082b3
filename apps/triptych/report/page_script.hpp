// apps/triptych/report/page_script.hpp
//
// Values under the pointer. The page works without it: then a curve says its range, a dot its
// value.
#pragma once

namespace triptych::app::html {

inline constexpr const char* page_script = R"js(
'use strict';
const tip = document.createElement('div');
tip.id = 'tip'; tip.hidden = true; document.body.append(tip);
const show = (event, lines, image) => {
  tip.replaceChildren(...(image ? [image] : []), ...lines.map(text => {
    const line = document.createElement('div'); line.textContent = text; return line; }));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = event.clientX + 16 + box.width < innerWidth ? event.clientX + 16 : event.clientX - 16 - box.width;
  tip.style.left = Math.max(4, left) + 'px';
  tip.style.top = Math.max(4, Math.min(event.clientY + 16, innerHeight - box.height - 4)) + 'px';
};
const at = (svg, event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
const numbers = text => text.split(',').map(Number);
for (const svg of document.querySelectorAll('svg.chart')) {
  const [low, high, left, right] = numbers(svg.dataset.x);
  const [, , bottom, top] = numbers(svg.dataset.y);
  const curves = [...svg.querySelectorAll('.curve')].map(g => ({
    name: g.dataset.name, points: g.dataset.points.split(' ').map(numbers) }));
  for (const title of svg.querySelectorAll('title')) title.remove();
  const cursor = document.createElementNS('http://www.w3.org/2000/svg', 'line');
  cursor.setAttribute('class', 'cursor'); cursor.setAttribute('y1', top); cursor.setAttribute('y2', bottom);
  svg.addEventListener('pointermove', event => {
    const x = low + (at(svg, event).x - left) / (right - left) * (high - low);
    const near = curves.map(c => ({ name: c.name, point: c.points.reduce((best, p) =>
      Math.abs(p[0] - x) < Math.abs(best[0] - x) ? p : best) }));
    if (!near.length) return;
    const nearest = near.reduce((best, c) =>
      Math.abs(c.point[0] - x) < Math.abs(best.point[0] - x) ? c : best).point[0];
    const across = left + (nearest - low) / (high - low) * (right - left);
    cursor.setAttribute('x1', across); cursor.setAttribute('x2', across); svg.append(cursor);
    show(event, ['step ' + nearest, ...near.map(c => c.name + '  ' + Number(c.point[1].toPrecision(5)) +
      (c.point[0] === nearest ? '' : '  (step ' + c.point[0] + ')'))]);
  });
  svg.addEventListener('pointerleave', () => { cursor.remove(); tip.hidden = true; });
}
const sprite = document.getElementById('sprite');
const thumbnail = which => {
  const { size, across } = sprite.dataset, image = document.createElement('canvas');
  image.width = image.height = size;
  image.getContext('2d').drawImage(sprite, -(which % across) * size, -Math.floor(which / across) * size);
  return image;
};
for (const svg of document.querySelectorAll('svg.map')) {
  const points = [...svg.querySelectorAll('path')].flatMap(path => {
    path.querySelector('title').remove();
    const which = path.dataset.which.split(' ');
    return path.dataset.at.split(' ').map((text, i) => {
      const [x, y] = numbers(text); return { x, y, name: path.dataset.name, which: +which[i] }; });
  });
  svg.addEventListener('pointermove', event => {
    const p = at(svg, event);
    let best = null, least = 144;
    for (const q of points) {
      const d = (q.x - p.x) ** 2 + (q.y - p.y) ** 2;
      if (d < least) { least = d; best = q; }
    }
    if (best) show(event, [best.name], sprite && thumbnail(best.which)); else tip.hidden = true;
  });
  svg.addEventListener('pointerleave', () => { tip.hidden = true; });
}
)js";

}  // namespace triptych::app::html
