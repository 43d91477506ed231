# ril.mk -- the RIL loop one step at a time through files, for whoever wants to look at every joint.
#
#   make -f share/ril.mk RUN=run STUDENT=dir DISC=dir DATA=train.jsonl CACHES="a.jsonl b.jsonl" STEPS=3
#
# Every stage's output is kept in $(RUN)/files/N/, every step's weights in $(RUN)/step-N/.  The student and the discriminator
# are the same, byte for byte, as the resident pipeline's (scripts/ril-train) with the same settings.  `make` does what is
# missing and nothing else: interrupt it and type the line again.
RUN        ?= run
OBJECTIVE  ?= ril
STEPS      ?= 3
BATCH      ?= 30
N          ?= 4
TEACHERS   ?= $(N)
LENGTH     ?= 24
TEMPERATURE ?= 1
SEED       ?= 0
THREADS    ?= 0
DEVICE     ?= auto
COMPUTE    ?= auto
GRADIENTS  ?= f32
MOMENTS    ?= f32
IMAGE_ROOT ?= $(dir $(DATA))
REWARD     ?= $(if $(filter ril,$(OBJECTIVE)),similarity + answer,answer)
# further arguments of one tool: ENCODE ROLLOUT TEACH DISCRIMINATE SCORE UPDATE

$(foreach name,STUDENT DATA $(if $(filter ril,$(OBJECTIVE)),DISC CACHES),$(if $($(name)),,\
	$(error $(name)= is needed: make -f share/ril.mk RUN=run STUDENT=dir DISC=dir DATA=train.jsonl CACHES="a.jsonl" STEPS=3)))

COMMON := -q --seed $(SEED) --threads $(THREADS) --device $(DEVICE) --compute $(COMPUTE)
TRAINING := --gradients $(GRADIENTS) --moments $(MOMENTS)
numbers := $(shell seq 1 $(STEPS))
previous = $(shell expr $(1) - 1)
weights  = $(if $(filter 0,$(1)),$(STUDENT),$(RUN)/step-$(1)/student)

all: $(RUN)/step-$(STEPS)/state.safetensors
.PHONY: all
.SECONDARY:
.DELETE_ON_ERROR:

# $(1): this step; $(2): the one before
define step
$(RUN)/files/$(1)/encode.ril: $(if $(filter-out 0,$(2)),$(RUN)/step-$(2)/state.safetensors)
	@mkdir -p $$(@D)
	ril-encode -m $(STUDENT) --image-root $(IMAGE_ROOT) --batch $(BATCH) --steps $(STEPS) --start-step $(2) --count 1 --save-every 1 $(COMMON) $(ENCODE) -o $$@ $(DATA)
$(RUN)/files/$(1)/rollout.ril: $(RUN)/files/$(1)/encode.ril
	ril-rollout -m $(call weights,$(2)) -n $(N) --max-new-tokens $(LENGTH) --temperature $(TEMPERATURE) --start-step $(2) $(COMMON) $(ROLLOUT) -i $$< -o $$@
$(RUN)/files/$(1)/teach.ril: $(RUN)/files/$(1)/rollout.ril
	ril-teach $(CACHES:%=--cache %) -n $(TEACHERS) --tokenizer $(STUDENT) $(COMMON) $(TEACH) -i $$< -o $$@
$(RUN)/files/$(1)/discriminate.ril: $(RUN)/files/$(1)/teach.ril
	rm -rf $(RUN)/step-$(1).tmp
	ril-discriminate -m $(DISC) --update --run $(RUN) --start-step $(2) --metrics $(RUN)/disc.jsonl $(COMMON) $(TRAINING) $(DISCRIMINATE) -i $$< -o $$@
$(RUN)/files/$(1)/score.ril: $(RUN)/files/$(1)/$(if $(filter ril,$(OBJECTIVE)),discriminate,rollout).ril
	ril-score --reward '$(REWARD)' $(COMMON) $(SCORE) -i $$< -o $$@
$(RUN)/step-$(1)/state.safetensors: $(RUN)/files/$(1)/score.ril
	ril-update -m $(STUDENT) --ref $(STUDENT) --objective $(OBJECTIVE) --run $(RUN) --start-step $(2) --steps $(STEPS) --keep 0 --metrics $(RUN)/metrics.jsonl $(COMMON) $(TRAINING) $(UPDATE) -i $$<
	@touch -c $$@
endef
$(foreach n,$(numbers),$(eval $(call step,$(n),$(call previous,$(n)))))
