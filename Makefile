# RIL tools.  `make` builds, `make demo` runs the main job on the embedded default, `make check` passes the tests.
#
# MODE picks the build, each in its own object folder:
#   release   what is installed; binaries beside the sources in bin/
#   f64       the CPU backend in double precision, for gradient checks
#   asan      address and undefined-behaviour sanitizers
MODE   ?= release
CC     ?= gcc
ARCH   ?= native
PREFIX ?= /usr/local
VERSION := $(shell cat VERSION)

PKGS := openblas libcjson zlib libpcre2-8 libutf8proc
OPTIONAL_PKGS := $(shell for p in libjpeg libwebp libwebpdemux stb; do pkg-config --exists $$p && echo $$p; done)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) $(OPTIONAL_PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) $(filter-out stb,$(OPTIONAL_PKGS)) 2>/dev/null)
FEATURES := $(if $(filter libjpeg,$(OPTIONAL_PKGS)),-DRIL_HAVE_JPEG) $(if $(filter libwebpdemux,$(OPTIONAL_PKGS)),-DRIL_HAVE_WEBP)

OPT.release := -O3 -g
OPT.f64     := -O2 -g -DRIL_REAL_IS_DOUBLE
OPT.asan    := -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer
WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-unused-parameter
CFLAGS := -std=gnu11 -D_GNU_SOURCE $(OPT.$(MODE)) -march=$(ARCH) -fno-math-errno -fno-trapping-math -fopenmp-simd -ffp-contract=fast \
	  $(WARN) -Ilib -Ibin -DRIL_VERSION='"$(VERSION)"' $(FEATURES) $(PKG_CFLAGS) $(EXTRA_CFLAGS)
# The stemmer of meteor-ws has no pkg-config file; lib/caption/stem.c does without it where it is missing.
STEMMER = $(shell test -e /usr/include/libstemmer.h && echo -lstemmer)
LDLIBS = $(PKG_LIBS) $(STEMMER) -lm -lpthread
LDFLAGS := $(filter -fsanitize=%,$(OPT.$(MODE)))

B    := build/$(MODE)
BIN  := $(if $(filter release,$(MODE)),bin,$(B)/bin)
LIBSRC  := $(sort $(wildcard lib/*/*.c lib/*/*/*.c))
LIBOBJ  := $(LIBSRC:%.c=$B/%.o)
TOOLS   := $(sort $(patsubst bin/%.c,%,$(wildcard bin/ril-*.c)))
TESTS   := $(sort $(patsubst tests/%.c,%,$(wildcard tests/unit/*.c tests/ops/*.c tests/stream/*.c tests/fuzz/*.c)))

.PHONY: all tests demo check check-long clean layers banned headers format deps install
.DELETE_ON_ERROR:
.SECONDARY:
all: $(TOOLS:%=$(BIN)/%) $(if $(filter release,$(MODE)),share/completions/ril.bash)

share/completions/ril.bash: scripts/gen-completions $(TOOLS:%=bin/%)
	@mkdir -p $(@D)
	scripts/gen-completions >$@

tests: all $(TESTS:%=$B/tests/%) $B/tests/fidelity/fidelity

$B/%.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

# stb_image leaves a short palette's rest undefined; the same bytes must give the same picture.
$B/lib/image/stb.o: CFLAGS += -ftrivial-auto-var-init=zero

$B/libril.a: $(LIBOBJ)
	@rm -f $@
	ar rcs $@ $^

$(BIN)/ril-%: $B/bin/ril-%.o $B/bin/tool.o $B/libril.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ -o $@ $(LDLIBS)

$B/tests/%: $B/tests/%.o $B/libril.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ -o $@ $(LDLIBS)

FIDELITY := $(patsubst %.c,$B/%.o,$(sort $(wildcard tests/fidelity/*.c)))
$B/tests/fidelity/fidelity: $(FIDELITY) $B/libril.a
	$(CC) $(LDFLAGS) $^ -o $@ $(LDLIBS)

# Installs what is missing (Debian and Ubuntu), or prints the line to type; a stamp keeps it from asking every time.  The
# stamp is included: make starts anew once it is there, and pkg-config then knows the packages.
deps: build/deps.mk
build/deps.mk: scripts/deps
	@scripts/deps
	@mkdir -p build && touch $@
ifneq ($(MAKECMDGOALS),clean)
include build/deps.mk
endif

# The main job on the embedded default; everything lands in demo/.
demo: all
	@scripts/demo demo

layers banned headers format: export HEADER_FLAGS = $(CFLAGS)
layers banned headers format:
	@scripts/check-$@

check: layers banned headers format
	+@scripts/check --mode $(MODE)

check-long: layers banned headers format
	+@scripts/check --mode $(MODE) --long

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/ril $(addprefix $(DESTDIR)$(PREFIX)/share/man/man,1 5 7)
	install $(TOOLS:%=bin/%) scripts/ril-* $(DESTDIR)$(PREFIX)/bin
	cp -r share/. $(DESTDIR)$(PREFIX)/share/ril
	for s in 1 5 7; do install -m 644 man/*.$$s $(DESTDIR)$(PREFIX)/share/man/man$$s; done
	for p in ril-table ril-page; do ln -sf ril-plot.1 $(DESTDIR)$(PREFIX)/share/man/man1/$$p.1; done

# Compares with the reference implementation's outputs in DATA, laid out as shared/data/models; prints the table.
DATA ?= $(or $(RIL_SHARED),../shared)/data/models
check-fidelity: $B/tests/fidelity/fidelity
	$B/tests/fidelity/fidelity $(DATA)

# The table in the documentation.
.PHONY: fidelity-table
fidelity-table: $B/tests/fidelity/fidelity
	@scripts/fidelity-table $B/tests/fidelity/fidelity $(DATA) >share/fidelity.new && mv share/fidelity.new share/fidelity.md

clean:
	rm -rf build $(TOOLS:%=bin/%)

-include $(LIBOBJ:.o=.d) $(TOOLS:%=$B/bin/%.d) $B/bin/tool.d $(TESTS:%=$B/tests/%.d) $(FIDELITY:.o=.d)
