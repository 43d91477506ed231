# sft.mk -- supervised fine-tuning of a model folder, for recipes that include it after OUT and SEED are set (SFT_OPTIONS:
# further options of ril-update).
#
#   $(eval $(call sft,RESULT,START,DATA,STEPS,RATE))    $(OUT)/RESULT from $(OUT)/START on $(OUT)/data/DATA.jsonl
BATCH ?= 60
ADAM  ?= --beta1 0.9 --beta2 0.98 --weight-decay 0.01 --clip-grad 1 --warmup 50 --schedule cosine --min-lr-ratio 0.05

define sft
$(OUT)/$(1)/config.json: $(OUT)/$(2)/config.json $(OUT)/data/$(3).jsonl
	rm -rf $(OUT)/$(1).run
	ril-encode -q -m $(OUT)/$(2) --image-root $(OUT)/data --with-answers --with-pixels --shuffle --batch $(BATCH) --steps $(4) \
		--save-every $(4) --seed $(SEED) $(OUT)/data/$(3).jsonl | \
	ril-update -m $(OUT)/$(2) --objective sft --train llm,projector,vision --steps $(4) --lr $(5) $(ADAM) \
		--run $(OUT)/$(1).run --metrics $(OUT)/$(1).jsonl --seed $(SEED) $(SFT_OPTIONS)
	rm -rf $(OUT)/$(1) && cp -r $(OUT)/$(1).run/current/student $(OUT)/$(1)
endef
