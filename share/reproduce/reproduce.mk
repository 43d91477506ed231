# reproduce.mk -- every run of ril-reproduce as a target, so that what is there stays and what was cut off is made again alone.
#
# ril-reproduce(1) calls it: OUT is where all is made, OUT/runs.mk names the runs and what each needs (share/reproduce/targets
# writes it from settings.tsv, methods.tsv and students.tsv).  A line of these that changes makes its runs anew: OUT/rows/ has each
# line as a file, whose time changes with it.
STEP := $(HERE)/steps
split = $(subst /, ,$(patsubst $(OUT)/%,%,$(1)))
word_of = $(word $(1),$(call split,$@))

runs:
pace: $(OUT)/pace.tsv
.PHONY: runs pace
.DELETE_ON_ERROR:
.SECONDARY:

include $(OUT)/runs.mk

$(RUNS):
	@$(STEP) run $(call word_of,2) $(call word_of,3) $(basename $(call word_of,4))
# what no teacher has a part in is the same whoever the teachers are
$(COPIES):
	@mkdir -p $(@D) && sed 's/^[^\t]*/$(call word_of,2)/' $< >$@.new && mv $@.new $@
$(ALBUMS):
	@$(RECIPES)/handwriting $@
$(QUESTION_SETS):
	@$(STEP) questions $(call word_of,2) $(call word_of,3)
$(STUDENTS):
	@$(STEP) student $(call word_of,2)
$(ANSWERS):
	@$(STEP) answers $(call word_of,2) $(call word_of,3)
$(OUT)/pace.tsv:
	@$(STEP) pace
