# emulated.sh -- for tests of the tools on an emulated GPU: $GPU is the folder of those whose cuda:0 it is.  Where the build has none
# the test ends here, skipped.
mode=${RIL_MODES%% *} GPU=$RIL_ROOT/build/${mode:-release}/tests/simt
if [ ! -x "$GPU/ril-update" ]; then
	skip_all "no emulated GPU in this build: it needs g++, and is in release alone"
fi
