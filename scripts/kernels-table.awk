# kernels-table.awk: words, ptxas' lines and the trace -> share/kernels.md; see kernels-table.

function bad(message) {
	print "kernels-table: " message >"/dev/stderr"
	failed = 1
}
function shown(name) { gsub(/ril_/, "", name); return "`" name "`" }
function base_of(name) { sub(/<.*/, "", name); return name }
function least(a, b) { return a < b ? a : b }
function up(n, unit) { return int((n + unit - 1) / unit) * unit }

# Blocks of a kernel on one multiprocessor; `limit` is what allows no more.  Registers are given out by the warp, 256 at a
# time, a quarter of them to each of four schedulers; shared memory in units of 128 bytes, with 1 KiB for the system.
function resident(name, gpu,    w, by_registers, by_shared, by_warps, n) {
	w = up(threads[name], 32) / 32
	by_registers = int(4 * int(16384 / up(32 * registers[name, gpu], 256)) / w)
	by_shared = int(1024 * shared_all[gpu] / (up(static[name, gpu] + dynamic[name], 128) + 1024))
	by_warps = int(warps_most[gpu] / w)
	n = least(least(by_registers, by_shared), least(by_warps, blocks_most[gpu]))
	limit = n == by_warps ? "" : n == by_registers ? "registers" : n == by_shared ? "shared memory" : "blocks"
	if (n < 1)
		bad(name " does not fit into " gpu)
	return n
}
function warps(name, gpu) { return resident(name, gpu) * up(threads[name], 32) / 32 }

BEGIN {
	n_gpus = split("sm_90a sm_80 sm_86 sm_89", gpus, " ")
	shared_all["sm_90a"] = 228; warps_most["sm_90a"] = 64; blocks_most["sm_90a"] = 32
	shared_all["sm_80"] = 164; warps_most["sm_80"] = 64; blocks_most["sm_80"] = 32
	shared_all["sm_86"] = 100; warps_most["sm_86"] = 48; blocks_most["sm_86"] = 16
	shared_all["sm_89"] = 100; warps_most["sm_89"] = 48; blocks_most["sm_89"] = 24
	rate["tensor"] = 989e12; rate["float"] = 67e12; rate["double"] = 34e12
	MULTIPROCESSORS = 132; H100 = 3.35e12; H200 = 4.8e12
}

FNR == 1 { input++ }
input == 1 { words[$1] = $2; next }
input == 2 {
	if (!(($2, $3) in registers) && !($2 in file)) {
		kernel[++n_kernels] = $2
		file[$2] = $1
	}
	if (file[$2] != $1)
		bad($2 " is in " file[$2] ".cu and in " $1 ".cu")
	registers[$2, $3] = $4
	spills[$2, $3] = $5
	barriers[$2, $3] = $6
	static[$2, $3] = $7
	next
}

# ---- the trace ----

function end_op(    i, k) {
	for (i = 1; i <= n_launched; i++)
		if (!((k = launched[i]) in bytes))
			bad("the operation " op ": the cost of " k " is not stated")
	for (k in bytes)
		if (!(k in launches))
			bad("the operation " op ": a cost of " k ", which it does not launch")
	for (i = 1; i <= n_launched; i++) {
		k = launched[i]
		row[++n_rows] = section SUBSEP (i == 1 ? op ": " shape : "") SUBSEP k SUBSEP instance[k] SUBSEP launches[k] SUBSEP grid[k] SUBSEP blocks[k] SUBSEP bytes[k] SUBSEP work[k] SUBSEP unit[k]
	}
	n_launched = 0
	op = ""
	split("", launches); split("", bytes)
}
function launch(k, name, its_grid, its_blocks) {
	if (!(k in launches)) {
		launched[++n_launched] = k
		instance[k] = name
		grid[k] = its_grid
		blocks[k] = its_blocks
		launches[k] = 0
	}
	launches[k]++
}
$1 == "section" || $1 == "op" || $1 == "forms" { end_op() }
$1 == "section" { section = $2 }
$1 == "op" { op = $2; shape = $3 }
$1 == "forms" { forms = 1 }
$1 == "kernel" {
	if (!($2 in file))
		unknown[$2] = 1
	if ($2 in threads && threads[$2] != $6)
		bad($2 " is launched with " threads[$2] " threads and with " $6)
	threads[$2] = $6
	if (!forms || !($2 in at_shape)) # as the reference shapes ask, where they launch it
		dynamic[$2] = !($2 in dynamic) || $7 > dynamic[$2] ? $7 : dynamic[$2]
	if (!forms) {
		at_shape[$2] = 1
		launch(base_of($2), $2, $3 ($4 * $5 > 1 ? " x " $4 : "") ($5 > 1 ? " x " $5 : ""), $3 * $4 * $5)
	}
}
$1 == "product" && !forms {
	k = "product, " $2 " x " $3 " x " $4
	launch(k, "", "", 0)
	bytes[k] += $5 * $4 * ($2 + $3) + $6 * $2 * $3 * (1 + $7)
	work[k] = 2 * $2 * $3 * $4 * launches[k]
	unit[k] = $5 == 2 ? "tensor" : "float"
}
$1 == "cost" { bytes[$2] = $3; work[$2] = $4; unit[$2] = $5 }

# ---- the tables ----

function microseconds(t) { t *= 1e6; return t < 10 ? sprintf("%.2f", t) : t < 100 ? sprintf("%.1f", t) : sprintf("%.0f", t) }
function amount(x) { return x == 0 ? "0" : x < 9.95 ? sprintf("%.2g", x) : sprintf("%.0f", x) }
function bound(b, f, memory) { return b / memory > f ? "bytes" : "FLOPs" }
function operation_row(line,    p, b, f, on100, on200, per) {
	split(line, p, SUBSEP)
	if (p[1] != said_section) {
		said_section = p[1]
		printf "\n### %s\n\n", p[1]
		print "| operation | kernel | launches and grid | waves | MB | GFLOP | H100, µs | H200, µs | bound by |"
		print "|---|---|---|---|---|---|---|---|---|"
	}
	b = p[8]
	f = p[9] / rate[p[10]]
	on100 = b / H100 > f ? b / H100 : f
	on200 = b / H200 > f ? b / H200 : f
	per = bound(b, f, H100) == bound(b, f, H200) ? bound(b, f, H100) : "bytes; H200 FLOPs"
	if (on100 < 1e-6)
		per = "launch"
	printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", p[2], p[4] == "" ? p[3] : shown(p[4]), \
		(p[5] > 1 ? p[5] (p[6] == "" ? "" : " of ") : "") p[6], \
		p[4] == "" ? "" : amount(p[7] / (MULTIPROCESSORS * resident(p[4], "sm_90a"))), \
		amount(b / 1e6), amount(p[9] / 1e9), microseconds(on100), microseconds(on200), per
}
function kernel_row(name,    w, g, line, what) {
	if (file[name] != said_file) {
		said_file = file[name]
		printf "\n### %s.cu\n\n", said_file
		print "| kernel | | threads | registers | shared | spills | barriers | warps of 64 | less for | 8.0: registers, warps of 64 | 8.6: of 48 | 8.9: of 48 |"
		print "|---|---|---|---|---|---|---|---|---|---|---|---|"
	}
	what = base_of(name) == said_base ? "" : words[base_of(name)]
	said_base = base_of(name)
	w = warps(name, "sm_90a")
	line = sprintf("| %s | %s | %d | %d | %d | %d | %d | %d | %s |", shown(name), what, threads[name], registers[name, "sm_90a"], \
		static[name, "sm_90a"] + dynamic[name], spills[name, "sm_90a"], barriers[name, "sm_90a"], w, limit)
	for (g = 2; g <= n_gpus; g++)
		line = line sprintf(" %d, %d |", registers[name, gpus[g]], warps(name, gpus[g]))
	print line
}
function check_names(    i, g, k) {
	for (i = 1; i <= n_kernels; i++) {
		k = kernel[i]
		used[base_of(k)] = 1
		if (!(k in threads))
			bad(k " (" file[k] ".cu) is compiled, and tests/bench/kernels.c never launches it")
		if (!(base_of(k) in words))
			bad("scripts/kernels-table has no words for " base_of(k))
		for (g = 1; g <= n_gpus; g++) {
			if (!((k, gpus[g]) in registers))
				bad(k " was not compiled for " gpus[g])
			if (spills[k, gpus[g]])
				bad(k " spills on " gpus[g])
		}
	}
	for (k in unknown)
		bad(k " is launched, and ptxas has not compiled it")
	for (k in words)
		if (!(k in used))
			bad("scripts/kernels-table has words for " k ", which is no kernel")
}
END {
	end_op()
	if (!n_kernels || !n_rows || !forms)
		bad("the logs or the trace are empty")
	check_names()
	if (failed)
		exit 1
	while ((getline line < page) > 0) {
		gsub(/TOOLKIT/, toolkit, line)
		if (line == "<!-- operations -->")
			for (i = 1; i <= n_rows; i++)
				operation_row(row[i])
		else if (line == "<!-- kernels -->")
			for (i = 1; i <= n_kernels; i++)
				kernel_row(kernel[i])
		else
			print line
	}
	if (failed)
		exit 1
}
