# album.mk -- a student of a million parameters and its two teachers, of labelled pictures and shapes, and a task for them.
#
#   make -f share/recipes/album.mk OUT=build/album models     student, teacher-a, teacher-b
#   make -f share/recipes/album.mk OUT=build/album task       train.jsonl, test.jsonl, teachers.jsonl
#   make -f share/recipes/album.mk OUT=build/try SCALE=0.01   all of it in a minute or two, to see that it works
#
# In $(OUT) lie then student, teacher-a and teacher-b (Hugging Face folders in BF16) and in $(OUT)/data, beside the pictures, the
# task: train.jsonl and test.jsonl for ril-encode (test: pictures of shapes never seen, and of the album those that no training
# picture shows), teachers.jsonl for ril-teach --cache, with EACH answers of each teacher.  A response has at most MAX_NEW tokens.
#
# The pictures are handwritten digits (share/recipes/handwriting says whose), or those of another folder, ALBUM, with the
# subfolders KINDS, as the photographs of Debian's tuxpaint-stamps-default:
#   ALBUM=/usr/share/tuxpaint/stamps KINDS=animals,food,plants,vehicles WITHOUT=cartoon,toys,plastic
# As in tiny.mk the student learns wrong habits beside its skills, so that what limits it is what it samples and not what it can, and
# teachers have phrasings of their own and one weakness each (A: captions; B: shapes and kinds).  B has another architecture and
# another tokenizer.
OUT   ?= build/album
ROOT  ?= $(CURDIR)
SEED  ?= 1
SCALE ?= 1
ALBUM ?= $(OUT)/handwriting
KINDS ?=
WITHOUT ?=
QUESTIONS ?= 4500
TESTS     ?= 600
EACH      ?= 2
MAX_NEW   ?= 24
BATCH     ?= 32
R := $(ROOT)/share/recipes
export PATH := $(ROOT)/bin:$(PATH)
scaled = $(shell awk 'BEGIN { n = int($(1) * $(SCALE)); print n < $(2) ? $(2) : n }')

all: models task
models: $(OUT)/student/config.json $(OUT)/teacher-a/config.json $(OUT)/teacher-b/config.json
task: $(OUT)/data/train.jsonl $(OUT)/data/test.jsonl $(OUT)/data/teachers.jsonl
.PHONY: all models task
.SECONDARY:
.DELETE_ON_ERROR:
include $(R)/sft.mk

$(OUT)/handwriting:
	$(R)/handwriting $@

# ---- data ----
SHAPES := --cell 8
PICTURES := --cell 16 --album $(ALBUM) $(if $(KINDS),--kinds $(KINDS)) $(if $(WITHOUT),--without $(WITHOUT))
# $(1) name, $(2) pictures of shapes and as many of the album, $(3) seed, $(4) options of both, $(5) of shapes, $(6) of the album
define mixed
$(OUT)/data/$(1).jsonl: | $(ALBUM)
	@mkdir -p $(OUT)
	ril-scenes -q -o $(OUT)/data --prefix $(1)-shapes -n $(2) --seed $(SEED)$(3) $(SHAPES) $(4) $(5)
	ril-scenes -q -o $(OUT)/data --prefix $(1)-album -n $(2) --seed $(SEED)$(3) $(PICTURES) $(4) $(6)
	paste -d '\n' $(OUT)/data/$(1)-shapes.jsonl $(OUT)/data/$(1)-album.jsonl | sed '/^$$$$/d' >$$@
endef
SENTENCES := --answers sentences --questions 3 --captions .7
STUDENT   := $(SENTENCES) --phrasing student:8,teacher-a:1,teacher-b:1 --habits all
HOLE_B    := --habits shape
KIND_HOLE := --part train --habits kind
$(eval $(call mixed,sft-student,$(call scaled,9000,60),1,$(STUDENT),,--part train))
$(eval $(call mixed,sft-a,$(call scaled,9000,60),2,$(SENTENCES) --phrasing teacher-a,,--part train))
$(eval $(call mixed,sft-b,$(call scaled,9000,60),3,$(SENTENCES) --phrasing teacher-b,,--part train))
$(eval $(call mixed,hole-a,$(call scaled,3000,60),4,$(SENTENCES) --phrasing teacher-a --habits caption,,--part train))
$(eval $(call mixed,hole-b,$(call scaled,3000,60),5,$(SENTENCES) --phrasing teacher-b,$(HOLE_B),$(KIND_HOLE)))
$(eval $(call mixed,train,$(call scaled,$(QUESTIONS) / 2,30),6,,,--part train))
$(eval $(call mixed,test,$(call scaled,$(TESTS) / 2,30),7,,,--part held-out))

$(OUT)/corpus.txt: $(OUT)/data/sft-student.jsonl $(OUT)/data/sft-a.jsonl $(OUT)/data/sft-b.jsonl
	(for i in 1 2 3 4 5 6 7 8; do echo 'You are a helpful assistant.'; done; jq -r '.question, .answer' $^ | awk 'NR % 5 < 2') >$@
$(OUT)/corpus-b.txt: $(OUT)/data/sft-b.jsonl
	jq -r '.question, .answer' $^ >$@

# ---- fresh models ----
$(OUT)/student-0/config.json: $(R)/album-student.json $(OUT)/corpus.txt
	ril-init --config $< --train-tokenizer $(OUT)/corpus.txt --vocab 600 --min-pixels 576 --max-pixels 1024 --range 0.1 --seed $(SEED) -o $(@D)
$(OUT)/teacher-a-0/config.json: $(R)/album-teacher-a.json $(OUT)/student-0/config.json
	ril-init --config $< --tokenizer $(OUT)/student-0 --min-pixels 576 --max-pixels 1024 --range 0.09 --seed $(SEED)1 -o $(@D)
$(OUT)/teacher-b-0/config.json: $(R)/album-teacher-b.json $(OUT)/corpus-b.txt
	ril-init --config $< --train-tokenizer $(OUT)/corpus-b.txt --vocab 480 --max-tiles 1 --range 0.09 --seed $(SEED)2 -o $(@D)

# ---- fine-tuning ----
$(eval $(call sft,student-1,student-0,sft-student,$(call scaled,8000,10),2e-3))
$(eval $(call sft,student,student-1,sft-student,$(call scaled,12000,10),2e-3))
$(eval $(call sft,teacher-a-1,teacher-a-0,sft-a,$(call scaled,1600,10),2e-3))
$(eval $(call sft,teacher-a,teacher-a-1,hole-a,$(call scaled,300,10),1e-3))
$(eval $(call sft,teacher-b-1,teacher-b-0,sft-b,$(call scaled,1600,10),2e-3))
$(eval $(call sft,teacher-b,teacher-b-1,hole-b,$(call scaled,300,10),1e-3))

# ---- the teachers' answers ----
$(OUT)/data/teachers.jsonl: $(OUT)/data/train.jsonl $(OUT)/student/config.json $(OUT)/teacher-a/config.json $(OUT)/teacher-b/config.json
	ril-encode -q -m $(OUT)/student --image-root $(OUT)/data --batch 30 $< | \
	ril-teach -m $(OUT)/teacher-a -m $(OUT)/teacher-b -n $$((2 * $(EACH))) --tokenizer $(OUT)/student --image-root $(OUT)/data \
		--max-new-tokens $(MAX_NEW) --seed $(SEED) --save $@.tmp -o /dev/null
	mv $@.tmp $@
