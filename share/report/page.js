// page.js -- what moves on ril-report's page: reading a curve under the pointer or by the keys of a slider, and the slider over steps.
// Without it every curve, every number and every step is there to be read.
"use strict";
for (const figure of document.querySelectorAll(".panel")) {
	const svg = figure.querySelector("svg"), out = figure.querySelector("output"), cross = figure.querySelector(".cross");
	const reader = figure.querySelector(".reader"), series = JSON.parse(figure.querySelector("script").textContent);
	const [x0, x1] = svg.dataset.x.split(" ").map(Number);
	const steps = [...new Set(series.flatMap(s => s.p.map(p => p[0])))].sort((a, b) => a - b);
	const left = 58, right = 440 - 14;
	const short = v => `${+v.toPrecision(3)}`;
	// of long curves some points only are there: the nearest one, with its own step where that is another; what was measured once is
	// told everywhere
	const nearby = (s, step) => {
		const p = s.p.reduce((best, q) => Math.abs(q[0] - step) < Math.abs(best[0] - step) ? q : best);
		if (s.p.length > 1 && Math.abs(p[0] - step) > (x1 - x0) / 100) return [];
		const range = p.length > 2 ? ` (${short(p[2])} to ${short(p[3])})` : "";
		return [`${s.n}${s.w && ", " + s.w} ${short(p[1])}${range}${p[0] === step ? "" : ` at ${p[0]}`}`];
	};
	const show = at => {
		const step = steps[at], x = left + (step - x0) / (x1 - x0) * (right - left);
		cross.setAttribute("d", `M${x} 16V206`);
		out.textContent = `step ${step}: ` + series.flatMap(s => nearby(s, step)).join("; ");
		reader.value = at;
		reader.setAttribute("aria-valuetext", out.textContent);
	};
	const nearest = event => {
		const box = svg.getBoundingClientRect(), want = x0 + ((event.clientX - box.left) / box.width * 440 - left) / (right - left) * (x1 - x0);
		let best = 0;
		steps.forEach((s, i) => { if (Math.abs(s - want) < Math.abs(steps[best] - want)) best = i; });
		return best;
	};
	svg.addEventListener("pointermove", event => show(nearest(event)));
	svg.addEventListener("pointerdown", event => show(nearest(event)));
	reader.max = steps.length - 1;
	reader.value = reader.max;
	reader.hidden = false;
	reader.setAttribute("aria-valuetext", `step ${steps[steps.length - 1]}`);
	reader.addEventListener("input", () => show(+reader.value));
	reader.addEventListener("focus", () => show(+reader.value));
}
for (const gallery of document.querySelectorAll(".gallery")) {
	const slider = gallery.querySelector("input"), steps = [...gallery.querySelectorAll(".step")];
	if (!slider) continue;
	const show = () => {
		const step = steps[+slider.value].dataset.step;
		steps.forEach((s, i) => { s.hidden = i !== +slider.value; });
		gallery.querySelector("output").textContent = step;
		slider.setAttribute("aria-valuetext", `step ${step}`);
	};
	slider.addEventListener("input", show);
	show();
}
