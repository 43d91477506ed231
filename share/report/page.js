// page.js -- what moves on ril-report's page: reading a curve under the pointer or by the arrow keys, and the slider over steps.
// Without it every curve and every step is there to be read.
"use strict";
for (const figure of document.querySelectorAll(".panel")) {
	const svg = figure.querySelector("svg"), out = figure.querySelector("output"), cross = figure.querySelector(".cross");
	const series = JSON.parse(figure.querySelector("script").textContent);
	const [x0, x1] = svg.dataset.x.split(" ").map(Number);
	const steps = [...new Set(series.flatMap(s => s.p.map(p => p[0])))].sort((a, b) => a - b);
	const left = 58, right = 440 - 14;
	let at = -1;
	const show = i => {
		at = Math.max(0, Math.min(steps.length - 1, i));
		const step = steps[at], x = left + (step - x0) / (x1 - x0) * (right - left);
		cross.setAttribute("d", `M${x} 12V206`);
		out.textContent = `step ${step}: ` + series.flatMap(s => s.p.filter(p => p[0] === step).map(p =>
			`${s.n}${["all", "held out", "groups"].includes(s.w) ? "" : ", " + s.w} ${+p[1].toPrecision(3)}`)).join("; ");
	};
	const nearest = event => {
		const box = svg.getBoundingClientRect(), want = x0 + ((event.clientX - box.left) / box.width * 440 - left) / (right - left) * (x1 - x0);
		let best = 0;
		steps.forEach((s, i) => { if (Math.abs(s - want) < Math.abs(steps[best] - want)) best = i; });
		return best;
	};
	svg.addEventListener("pointermove", event => show(nearest(event)));
	svg.addEventListener("pointerdown", event => show(nearest(event)));
	svg.addEventListener("keydown", event => {
		const to = { ArrowLeft: at < 0 ? steps.length - 1 : at - 1, ArrowRight: at + 1, Home: 0, End: steps.length - 1 }[event.key];
		if (to !== undefined) { show(to); event.preventDefault(); }
	});
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
