# tiny.mk -- how the embedded default was made: the student of share/models with its habits, and its two teachers.
#
#   make -f share/recipes/tiny.mk OUT=build/tiny            (a quarter of an hour on two cores)
#   make -f share/recipes/tiny.mk OUT=build/tiny install    (copies the three folders to share/models)
#
# The student is fine-tuned on sentences whose labels are wrong by habit (ril-scenes --habits), so that reinforcement
# learning has something to mend; long enough that habit, not skill, is what limits it.  Matrices start wide (--range): with
# the usual 0.02 models this small hardly learn to look.  Teachers are trained on clean sentences in phrasings of their own and
# then for a short while with one family spoilt each (A: captions, B: shapes), so that they complement each other.  Teacher B
# has another architecture and another tokenizer: only text passes between teachers and student.
# The shipped weights began from an earlier draw of ril-init: a run of this file gives the same tokenizers and other weights of
# the same kind.
OUT  ?= build/tiny
ROOT ?= $(CURDIR)
SEED ?= 1
R    := $(ROOT)/share/recipes
export PATH := $(ROOT)/bin:$(PATH)

STUDENT_PHRASING := student:8,teacher-a:1,teacher-b:1

all: $(OUT)/student/config.json $(OUT)/teacher-a/config.json $(OUT)/teacher-b/config.json
.PHONY: all install
.SECONDARY:
.DELETE_ON_ERROR:

# ---- data ----
# $(1) name, $(2) pictures, $(3) seed, $(4) further options
define scenes
$(OUT)/data/$(1).jsonl:
	@mkdir -p $(OUT)
	ril-scenes -o $(OUT)/data --prefix $(1) -n $(2) --seed $(3) --answers sentences --questions 3 --captions .7 $(4)
endef
$(eval $(call scenes,sft-student,15000,$(SEED)1,--phrasing $(STUDENT_PHRASING) --habits all))
$(eval $(call scenes,sft-a,12000,$(SEED)2,--phrasing teacher-a))
$(eval $(call scenes,sft-b,12000,$(SEED)3,--phrasing teacher-b))
$(eval $(call scenes,hole-a,3000,$(SEED)4,--phrasing teacher-a --habits caption))
$(eval $(call scenes,hole-b,3000,$(SEED)5,--phrasing teacher-b --habits shape))

$(OUT)/corpus.txt: $(OUT)/data/sft-student.jsonl $(OUT)/data/sft-a.jsonl $(OUT)/data/sft-b.jsonl
	(for i in 1 2 3 4 5 6 7 8; do echo 'You are a helpful assistant.'; done; \
	 (head -n 17700 $<; cat $(wordlist 2,3,$^)) | jq -r '.question, .answer') >$@
$(OUT)/corpus-b.txt: $(OUT)/data/sft-b.jsonl
	jq -r '.question, .answer' $^ >$@

# ---- fresh models ----
$(OUT)/student-0/config.json: $(R)/student.json $(OUT)/corpus.txt
	ril-init --config $< --train-tokenizer $(OUT)/corpus.txt --vocab 470 --min-pixels 576 --max-pixels 576 --range 0.15 --seed $(SEED) -o $(@D)
$(OUT)/teacher-a-0/config.json: $(R)/teacher-a.json $(OUT)/student-0/config.json
	ril-init --config $< --tokenizer $(OUT)/student-0 --min-pixels 576 --max-pixels 576 --range 0.12 --seed $(SEED)1 -o $(@D)
$(OUT)/teacher-b-0/config.json: $(R)/teacher-b.json $(OUT)/corpus-b.txt
	ril-init --config $< --train-tokenizer $(OUT)/corpus-b.txt --vocab 400 --max-tiles 1 --range 0.12 --seed $(SEED)2 -o $(@D)

# ---- fine-tuning ----
include $(R)/sft.mk
$(eval $(call sft,student,student-0,sft-student,4000,3e-3))
$(eval $(call sft,teacher-a-1,teacher-a-0,sft-a,1600,3e-3))
$(eval $(call sft,teacher-a,teacher-a-1,hole-a,400,1.5e-3))
$(eval $(call sft,teacher-b-1,teacher-b-0,sft-b,1600,3e-3))
$(eval $(call sft,teacher-b,teacher-b-1,hole-b,400,1.5e-3))

install: all
	mkdir -p $(ROOT)/share/models
	for m in student teacher-a teacher-b; do rm -rf $(ROOT)/share/models/$$m; cp -r $(OUT)/$$m $(ROOT)/share/models/$$m; done
