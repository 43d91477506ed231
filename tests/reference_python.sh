# reference_python.sh -- for tests beside the reference implementation: `python_with WHAT MODULE...` goes on with a Python that has
# the modules, as $python ($PYTHON, else python3), or skips the whole test.
python=${PYTHON:-python3}
export HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1
python_with() {
	local what=$1 IFS=,
	shift
	"$python" -c "import $*" 2>/dev/null || skip_all "$what: $python lacks one of $*"
}
