# RIL tools.  `make` builds, `make demo` runs the main job on the embedded default, `make check` passes the tests.
# Only `make deps`, which those two call first, installs anything on the machine.
#
# `make help` prints this file's lines that begin with "#:", each with the target or variable of the line below it.

#: the build: release (bin/), f64 (double precision, for gradients) or asan (sanitizers)
MODE   ?= release
ifeq ($(origin CC),default)
#: the C compiler
CC     := gcc
endif
#: the processor to build for, as the compiler's -march names it; native is this machine
ARCH   ?= native
#: more flags for the compiler
EXTRA_CFLAGS ?=
#: where `make install` installs
PREFIX ?= /usr/local
#: a folder put before PREFIX, for packagers
DESTDIR ?=
#: reference outputs for check-fidelity and fidelity-table, laid out as shared/data/models
DATA   ?= $(or $(RIL_SHARED),../shared)/data/models
VERSION := $(shell cat VERSION)

#: the CUDA compiler, on the PATH or where the toolkit puts it
NVCC   ?= $(firstword $(wildcard /usr/local/cuda/bin/nvcc /opt/cuda/bin/nvcc) nvcc)
#: GPUs to build for; later ones get 9.0's code for a virtual machine, which their driver compiles
CUDA_ARCHS ?= 80 86 89 90a

comma := ,
PKGS := openblas libcjson zlib libpcre2-8 libutf8proc
# Empty, or the target that says what is missing.
MISSING := $(shell CC='$(firstword $(CC))' scripts/deps --build 2>/dev/null || echo missing)
OPTIONAL_PKGS := $(shell for p in libjpeg libwebp libwebpdemux libtiff-4 libavif libcurl stb; do pkg-config --exists $$p 2>/dev/null && echo $$p; done)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) $(OPTIONAL_PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) $(filter-out stb libcurl,$(OPTIONAL_PKGS)) 2>/dev/null)
# Only tools that ask servers are to load it, and what it loads.
CURL_LIBS  := $(if $(filter libcurl,$(OPTIONAL_PKGS)),-Wl$(comma)--push-state$(comma)--as-needed $(shell pkg-config --libs libcurl) -Wl$(comma)--pop-state)
FEATURES := $(if $(filter libjpeg,$(OPTIONAL_PKGS)),-DRIL_HAVE_JPEG) $(if $(filter libwebpdemux,$(OPTIONAL_PKGS)),-DRIL_HAVE_WEBP) $(if $(filter libtiff-4,$(OPTIONAL_PKGS)),-DRIL_HAVE_TIFF) $(if $(filter libavif,$(OPTIONAL_PKGS)),-DRIL_HAVE_AVIF)

# The CUDA backend is in the release build, where the toolkit is.
NVCC_PATH := $(shell command -v $(NVCC) 2>/dev/null)
CUDA_HOME := $(if $(NVCC_PATH),$(patsubst %/bin/nvcc,%,$(realpath $(NVCC_PATH))))
#: 1 builds for NVIDIA GPUs, too; 0 for the CPU alone
CUDA ?= $(if $(wildcard $(CUDA_HOME)/include/cublasLt.h),1,0)
HAVE_CUDA := $(filter-out 0,$(if $(filter release,$(MODE)),$(CUDA),0))

# What lets the GPUs of several processes send to each other without the host.
NCCL_LIBRARY := $(if $(HAVE_CUDA),$(shell scripts/nccl $(CUDA_HOME)))

#: 1 builds what joins processes by MPI, for every MPI that has its compiler here; 0 does without
MPI ?= 1
# NAME=COMPILER of each
MPIS := $(if $(filter-out 0,$(MPI)),$(shell scripts/mpi))

OPT.release := -O3 -g
OPT.f64     := -O2 -g -DRIL_REAL_IS_DOUBLE
OPT.asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CFLAGS := -std=gnu11 -D_GNU_SOURCE $(OPT.$(MODE)) -march=$(ARCH) -fno-math-errno -fno-trapping-math -fopenmp-simd -ffp-contract=fast \
	  $(WARN) -Ilib -Ibin -DRIL_VERSION='"$(VERSION)"' $(FEATURES) $(PKG_CFLAGS) $(EXTRA_CFLAGS)
# The stemmer of meteor-ws has no pkg-config file; lib/caption/stem.c does without it where it is missing.
STEMMER = $(shell test -e /usr/include/libstemmer.h && echo -lstemmer)
LDLIBS = $(PKG_LIBS) $(CURL_LIBS) $(STEMMER) -lm -lpthread -ldl
LDFLAGS := $(filter -fsanitize=%,$(OPT.$(MODE)))

B    := build/$(MODE)
BIN  := $(if $(filter release,$(MODE)),bin,$(B)/bin)
LIBSRC  := $(sort $(filter-out lib/ops/cuda/% lib/world/mpi/% lib/world/nccl/%,$(wildcard lib/*/*.c lib/*/*/*.c)))
CUDASRC := $(sort $(wildcard lib/ops/cuda/*.c lib/ops/cuda/*.cu))
CUDAOBJ := $(patsubst %,$B/%.o,$(basename $(CUDASRC)))
LIBOBJ  := $(LIBSRC:%.c=$B/%.o) $(if $(HAVE_CUDA),$(CUDAOBJ))
# Plug-ins, which tools look for beside themselves: as ../libexec of where they are.
LIBEXEC := $(if $(filter release,$(MODE)),libexec/ril,$B/libexec/ril)
WORLDS  := $(foreach m,$(MPIS),$(LIBEXEC)/world-$(firstword $(subst =, ,$m)).so)
LINKS   := $(if $(NCCL_LIBRARY),$(LIBEXEC)/link-nccl.so)
TOOLS   := $(sort $(patsubst bin/%.c,%,$(wildcard bin/ril-*.c)))
FAR     = $(TOOLS:%=$B/tests/far/%)
BINOBJ  := $(patsubst bin/%.c,$B/bin/%.o,$(filter-out bin/ril-%,$(sort $(wildcard bin/*.c))))
TESTS   := $(sort $(patsubst tests/%.c,%,$(wildcard tests/unit/*.c tests/ops/*.c tests/stream/*.c tests/fuzz/*.c)))

.DELETE_ON_ERROR:
.SECONDARY:

.PHONY: all
#: builds the tools and their completions
all: $(TOOLS:%=$(BIN)/%) $(WORLDS) $(LINKS) $(if $(filter release,$(MODE)),share/completions/ril.bash)

.PHONY: help
#: prints this list
help:
	@scripts/make-help Makefile

share/completions/ril.bash: scripts/gen-completions $(TOOLS:%=bin/%)
	@mkdir -p $(@D)
	scripts/gen-completions >$@

.PHONY: tests
#: builds the tools and all tests
tests: all $(TESTS:%=$B/tests/%) $B/tests/fidelity/fidelity $(FAR)

$B/%.o: %.c Makefile VERSION $(MISSING)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

# ---- the CUDA backend ----
# The runtime library is linked in and opens the driver when it is called; cuBLASLt is opened by lib/ops/cuda.  So the
# same binary runs where there is neither.
ifneq ($(HAVE_CUDA),)
NVCCFLAGS := -std=c++17 -O3 -Xfatbin=-compress-all -Ilib -ccbin $(firstword $(CC)) \
	     $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_$a,code=sm_$a) -gencode arch=compute_90,code=compute_90 \
	     -Xcompiler -Wall,-Wextra,-fno-exceptions,-fno-rtti,-fno-threadsafe-statics --resource-usage
$B/lib/ops/backend.o: CFLAGS += -DRIL_HAVE_CUDA
$(CUDAOBJ): CFLAGS += -isystem $(CUDA_HOME)/include
LDLIBS += $(firstword $(wildcard $(CUDA_HOME)/lib64/libcudart_static.a $(CUDA_HOME)/lib/*/libcudart_static.a)) -lrt

# What ptxas says of each kernel goes beside the object; everything else it or the compiler says, to the terminal.
$B/lib/ops/cuda/%.o: lib/ops/cuda/%.cu Makefile
	@mkdir -p $(@D)
	$(NVCC_PATH) $(NVCCFLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@ 2>$(@:.o=.log) || { cat $(@:.o=.log) >&2; rm -f $@; exit 1; }
	@grep ptxas $(@:.o=.log) >$(@:.o=.ptxas) || :; grep -v 'ptxas info\|stack frame, 0 bytes\|^$$' $(@:.o=.log) >&2 || :
	@scripts/kernels --spills $(@:.o=.log) || { rm -f $@; exit 1; }
endif

# The objects that know of it are made anew when it comes or goes.
CUDA_STAMP := $B/$(if $(HAVE_CUDA),with,without)-cuda
$(CUDA_STAMP):
	@mkdir -p $(@D)
	@rm -f $B/with-cuda $B/without-cuda $(if $(LINKS),,$(LIBEXEC)/link-nccl.so)
	@touch $@
$B/lib/ops/backend.o: $(CUDA_STAMP)

# So is the object that knows of libcurl, which `make deps` may bring later.
CURL_STAMP := $B/$(if $(CURL_LIBS),with,without)-curl
$(CURL_STAMP):
	@mkdir -p $(@D)
	@rm -f $B/with-curl $B/without-curl
	@touch $@
$B/lib/answer/http_wire.o: $(CURL_STAMP)
$B/lib/answer/http_wire.o: CFLAGS += $(if $(CURL_LIBS),-DRIL_HAVE_CURL)

FIDELITY := $(patsubst %.c,$B/%.o,$(sort $(wildcard tests/fidelity/*.c)))

# ---- the CUDA backend on an emulated device (tests/simt) ----
# The host's compiler takes the backend's own sources; tests/simt/... are the operations' tests and the tools on it.
# tests/simt-checked/...: the same, with every access to memory looked at: -fsanitize=thread calls functions that are
# tests/simt/check.c's.  lib/ops/cuda/library.c has its counterpart there.
SIMT_CXX   := g++
SIMT_FLAGS := -Itests/simt -D_GNU_SOURCE -DRIL_SIMT
SIMTSRC    := $(filter-out lib/ops/cuda/library.c,$(CUDASRC)) $(wildcard tests/simt/*.c)
SIMTOBJ    := $(patsubst %,$B/simt/%.o,$(basename $(filter-out tests/simt/check.c,$(SIMTSRC))))
SIMTCHECKED := $(patsubst $B/simt/lib/%,$B/simt-checked/lib/%,$(SIMTOBJ)) $B/simt/tests/simt/check.o
# In release and, without what looks at accesses itself, under the sanitizers; where there is a compiler of C++: only these
# tests need one.
SIMTTOOLS  := ril-encode ril-rollout ril-discriminate ril-update
SIMTOPS    := $(patsubst tests/ops/%.c,%,$(filter-out tests/ops/backend.c,$(wildcard tests/ops/*.c)))
SIMTMODELS := nn_narrow nn_step
SIMT.release := $(addprefix $B/tests/simt/,faults fidelity again kernels $(SIMTOPS) $(SIMTMODELS) $(SIMTTOOLS)) $(SIMTOPS:%=$B/tests/simt-checked/%)
SIMT.asan    := $(addprefix $B/tests/simt/,sanitized $(SIMTOPS))
SIMT := $(if $(shell command -v $(SIMT_CXX)),$(SIMT.$(MODE)))
SIMT_CXXFLAGS := -std=gnu++17 -fno-strict-aliasing -march=$(ARCH) -ffp-contract=fast -Wall -Wextra -Wno-unknown-pragmas -fno-exceptions -fno-rtti -g $(SIMT_FLAGS) -Ilib

$B/simt/%.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	$(CC) $(SIMT_FLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$B/simt/%.o: %.cu Makefile
	@mkdir -p $(@D)
	$(SIMT_CXX) -x c++ $(SIMT_CXXFLAGS) $(if $(LDFLAGS),$(OPT.$(MODE)),-O2) -MMD -MP -c $< -o $@

$B/simt-checked/%.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	$(CC) $(SIMT_FLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$B/simt-checked/%.o: %.cu Makefile
	@mkdir -p $(@D)
	$(SIMT_CXX) -x c++ $(SIMT_CXXFLAGS) -O1 -fsanitize=thread -MMD -MP -c $< -o $@

$B/tests/simt/%: $B/tests/ops/%.o $(SIMTOBJ) $B/libril.a
	@mkdir -p $(@D)
	$(CC) -rdynamic $(LDFLAGS) $^ -o $@ $(LDLIBS)

# Whole models: tests of tests/unit that run on any device, and those that need this one.
$B/tests/simt/%: $B/tests/unit/%.o $(SIMTOBJ) $B/libril.a
	@mkdir -p $(@D)
	$(CC) -rdynamic $(LDFLAGS) $^ -o $@ $(LDLIBS)

$B/tests/simt/%: $B/tests/simt/models/%.o $(SIMTOBJ) $B/libril.a
	@mkdir -p $(@D)
	$(CC) -rdynamic $(LDFLAGS) $^ -o $@ $(LDLIBS)

$B/tests/simt-checked/%: $B/tests/ops/%.o $(SIMTCHECKED) $B/libril.a
	@mkdir -p $(@D)
	$(CC) -rdynamic $(LDFLAGS) $^ -o $@ $(LDLIBS)

# The emulation's own tests: faults that its checks find, and those that the sanitizers find in it.
SIMTENGINE := $(patsubst %.c,$B/simt/%.o,$(filter-out $(addprefix tests/simt/,cublaslt.c use.c check.c),$(wildcard tests/simt/*.c)))
$B/tests/simt/faults: $B/simt-checked/tests/simt/faults.o $B/simt/tests/simt/check.o $(SIMTENGINE)
	@mkdir -p $(@D)
	$(SIMT_CXX) -rdynamic $(LDFLAGS) $^ -o $@

$B/tests/simt/sanitized: $B/simt/tests/simt/sanitized.o $(SIMTENGINE)
	@mkdir -p $(@D)
	$(SIMT_CXX) -rdynamic $(LDFLAGS) $^ -o $@

# Every operation's launches at a large model's shapes, told and not done: for the table of kernels.
$B/tests/simt/kernels: $B/tests/bench/kernels.o $(SIMTOBJ) $B/libril.a
	@mkdir -p $(@D)
	$(CC) -rdynamic $(LDFLAGS) $^ -o $@ $(LDLIBS)

# Tools whose cuda:0 is the emulated device, and whole models on it.
$B/simt/lib/ops/backend.o: CFLAGS += -DRIL_HAVE_CUDA
$B/tests/simt/ril-%: $B/bin/ril-%.o $(BINOBJ) $B/simt/lib/ops/backend.o $(filter-out %/use.o,$(SIMTOBJ)) $B/libril.a
	@mkdir -p $(@D)
	$(CC) -rdynamic $(LDFLAGS) $^ -o $@ $(LDLIBS)

$B/tests/simt/fidelity: $(FIDELITY) $(SIMTOBJ) $B/libril.a
	@mkdir -p $(@D)
	$(CC) -rdynamic $(LDFLAGS) $^ -o $@ $(LDLIBS)

tests: $(SIMT)

# The same tests on the GPU of this machine.
CUDATESTS := ops sample decode optim fidelity
$B/tests/cuda/%: $B/tests/ops/%.o $B/tests/simt/use.o $B/libril.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ -o $@ $(LDLIBS)

$B/tests/cuda/fidelity: $(FIDELITY) $B/tests/simt/use.o $B/libril.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ -o $@ $(LDLIBS)

# The benchmark of passes, and the same on the emulated GPU, whose times say nothing.
PASSES := $(patsubst %.c,$B/%.o,$(sort $(wildcard tests/bench/passes*.c)))
$B/tests/bench/passes: $(PASSES) $B/libril.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ -o $@ $(LDLIBS)

tests: $B/tests/bench/passes

$B/tests/simt/passes: $(PASSES) $B/simt/lib/ops/backend.o $(filter-out %/use.o,$(SIMTOBJ)) $B/libril.a
	@mkdir -p $(@D)
	$(CC) -rdynamic $(LDFLAGS) $^ -o $@ $(LDLIBS)

# stb_image leaves a short palette's rest undefined; the same bytes must give the same picture.
$B/lib/image/stb.o: CFLAGS += -ftrivial-auto-var-init=zero

$B/libril.a: $(LIBOBJ)
	@rm -f $@
	ar rcs $@ $^

# What a stream filter in C needs: no operations, no models, no OpenBLAS.
STREAM_ROOMS := base tensor stream
$B/libril-stream.a: $(filter $(STREAM_ROOMS:%=$B/lib/%/%),$(LIBOBJ))
	@rm -f $@
	ar rcs $@ $^

$(BIN)/ril-%: $B/bin/ril-%.o $(BINOBJ) $B/libril.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ -o $@ $(LDLIBS)

# No tool is linked with an MPI: only these are, each by its own compiler.
$(LIBEXEC)/world-%.so: lib/world/mpi/mpi.c lib/world/transport.h Makefile
	@mkdir -p $(@D)
	$(patsubst $*=%,%,$(filter $*=%,$(MPIS))) -std=gnu11 -O2 -g -fPIC -shared -fvisibility=hidden $(WARN) -Ilib $< -o $@

# Nor with NCCL.
LINK_FLAGS := -std=gnu11 -O2 -g -fPIC -shared -fvisibility=hidden $(WARN) -Ilib -Wl,-z,defs
$(LIBEXEC)/link-nccl.so: lib/world/nccl/nccl.c lib/world/link.h Makefile
	@mkdir -p $(@D)
	$(CC) $(LINK_FLAGS) -isystem $(CUDA_HOME)/include $< $(NCCL_LIBRARY) -o $@

# The tools on the emulated device find here what joins them: the MPIs' plug-ins, and NCCL's on a stand-in for the library.
SIMT_LIBEXEC := $B/tests/libexec/ril
SIMT_LINKS   := $(if $(filter release,$(MODE)),$(addprefix $(SIMT_LIBEXEC)/,link-nccl.so $(notdir $(WORLDS))))
tests: $(if $(SIMT),$(SIMT_LINKS))
$(SIMT_LIBEXEC)/world-%.so: $(LIBEXEC)/world-%.so
	@mkdir -p $(@D)
	ln -sf $(abspath $<) $@

$(SIMT_LIBEXEC)/libnccl.so.2: tests/simt/nccl/nccl.c tests/simt/nccl/nccl.h $(wildcard tests/simt/*.h) Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -fPIC -shared $(WARN) -Itests/simt -Wl,-soname,libnccl.so.2 $< -o $@

$(SIMT_LIBEXEC)/link-nccl.so: lib/world/nccl/nccl.c lib/world/link.h $(SIMT_LIBEXEC)/libnccl.so.2
	$(CC) $(filter-out -Wl$(comma)-z$(comma)defs,$(LINK_FLAGS)) -D_GNU_SOURCE -Itests/simt -Itests/simt/nccl $< $(SIMT_LIBEXEC)/libnccl.so.2 -Wl,-rpath,'$$ORIGIN' -o $@

$B/tests/%: $B/tests/%.o $B/libril.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ -o $@ $(LDLIBS)

# Tools on a hostile device, for tests/pipe/far.sh.
$B/tests/far/ril-%: $B/bin/ril-%.o $(BINOBJ) $B/tests/far/far.o $B/libril.a
	@mkdir -p $(@D)
	$(CC) -rdynamic $(LDFLAGS) $^ -o $@ $(LDLIBS)

$B/tests/fidelity/fidelity: $(FIDELITY) $B/libril.a
	$(CC) $(LDFLAGS) $^ -o $@ $(LDLIBS)

# A build that lacks something says so, and installs nothing.
.PHONY: missing
missing:
	@CC='$(firstword $(CC))' scripts/deps --build

.PHONY: deps
#: installs what building, demo and check need (Debian, Ubuntu), or prints the line to type
deps:
	@CC='$(firstword $(CC))' scripts/deps

# The main job on the embedded default; everything lands in demo/.  A make of its own builds, here and in scripts/check:
# it asks pkg-config anew, once deps has installed the packages.
.PHONY: demo
#: deps, all, then RIL on the embedded default, into demo/
demo: deps
	@$(MAKE) --no-print-directory all
	@scripts/demo demo

# Hours: what share/reproduce.md, its picture, share/imitation.md, the README's and when-ril.md's tables of results say, made anew.  QUICK=1: the same
# in little, beside the tree.
.PHONY: reproduce
#: all, then every way of training in every setting, 8 seeds (hours; goes on where it was cut off); QUICK=1: minutes, into build/reproduce-quick
reproduce:
	@$(MAKE) --no-print-directory all
ifdef QUICK
	@scripts/ril-reproduce --quick --out build/reproduce-quick
else
	@scripts/ril-reproduce --out build/reproduce
	@cp build/reproduce/results.tsv share/reproduce/results.tsv
	@sed 's/(plot.svg)/(reproduce.svg)/' build/reproduce/page.md >share/reproduce.md
	@cp build/reproduce/plot.svg share/reproduce.svg
	@scripts/ril-reproduce -q --results share/reproduce/results.tsv --setting demo --group imitation --fill share/imitation.md --out build/imitation
	@cp build/imitation/plot.svg share/imitation.svg
	@scripts/ril-reproduce -q --results share/reproduce/results.tsv --fill README.md --fill share/doc/when-ril.md --out build/readme
endif

.PHONY: layers banned headers format
layers banned headers format: export HEADER_FLAGS = $(CFLAGS)
#: checks which room of lib/ includes which
layers:
	@scripts/check-layers
#: checks for functions that have no place here
banned:
	@scripts/check-banned
#: checks that every header compiles alone, and all public ones together
headers: $(MISSING)
	@scripts/check-headers
#: checks the layout of the C files, by .clang-format
format:
	@scripts/check-format

RULES := layers banned headers format
.PHONY: check
#: deps, the four rules above, then every test of MODE (with release, f64's too)
check: deps
	@$(MAKE) --no-print-directory $(RULES)
	@scripts/check --mode $(MODE)

.PHONY: check-long
#: check and the tests that take minutes
check-long: deps
	@$(MAKE) --no-print-directory $(RULES)
	@scripts/check --mode $(MODE) --long

.PHONY: check-cuda
#: the CUDA backend on this machine's GPU: operations, models, a training run, compute-sanitizer
check-cuda: deps
	@$(MAKE) --no-print-directory all $(CUDATESTS:%=build/release/tests/cuda/%)
	@scripts/check-cuda

.PHONY: check-quick
#: deps, then the tests in C alone; `make check-quick MODE=asan` takes minutes where check takes long
check-quick: deps
	@scripts/check --mode $(MODE) --quick

.PHONY: install
#: installs tools, man pages, completions, and headers and library for stream filters
install: all $B/libril-stream.a
	scripts/install "$(DESTDIR)" "$(PREFIX)" "$(BIN)" $B/libril-stream.a

.PHONY: check-fidelity
#: compares with the reference implementation's outputs in DATA, prints the table
check-fidelity: $B/tests/fidelity/fidelity
	$B/tests/fidelity/fidelity $(DATA)

.PHONY: fidelity-table
#: the same, as the documentation's table, share/fidelity.md
fidelity-table: $B/tests/fidelity/fidelity
	@scripts/fidelity-table $B/tests/fidelity/fidelity $(DATA) >share/fidelity.new && mv share/fidelity.new share/fidelity.md

.PHONY: kernels-table
#: what the compiler made of each CUDA kernel, and what it has to do, as the documentation's table, share/kernels.md
kernels-table: $(if $(HAVE_CUDA),$(CUDAOBJ) $(if $(SIMT),$B/tests/simt/kernels))
	@NVCC='$(NVCC_PATH)' scripts/kernels-table $B/tests/simt/kernels $(patsubst %.cu,$B/%.log,$(filter %.cu,$(CUDASRC))) >share/kernels.new && mv share/kernels.new share/kernels.md

.PHONY: compile_commands.json
#: how each C file is compiled, for editors and analysers
compile_commands.json:
	@scripts/compile-commands $B >$@

.PHONY: clean
#: removes what was built
clean:
	rm -rf build libexec share/completions compile_commands.json $(TOOLS:%=bin/%)

-include $(LIBOBJ:.o=.d) $(TOOLS:%=$B/bin/%.d) $(BINOBJ:.o=.d) $(TESTS:%=$B/tests/%.d) $B/tests/bench/kernels.d $(FIDELITY:.o=.d) $(PASSES:.o=.d) $B/tests/far/far.d $B/tests/simt/models/again.d $(SIMTOBJ:.o=.d) $(SIMTCHECKED:.o=.d) $B/simt/lib/ops/backend.d
