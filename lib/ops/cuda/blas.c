/* blas.c -- matrix products by cuBLASLt, each shape's plan made once.
 *
 * cuBLASLt counts in columns: a row-major C[M,N] = A B is to it C^T[N,M] = B^T A^T, with the same memory.  A plan is the
 * description of a product and the algorithm that the library advises for it; it is found again by shape, types,
 * transposes, alignment and epilogue, so that a step that ran before asks the library nothing.  Sums are float,
 * multiplication of floats is not shortened to TF32, and of the ways to split a sum only those are allowed that add in
 * float and in a fixed order.
 *
 * The library adds a bias of the result's type only: beside a BF16 result linear.cu rounds it first.  What its GELU was
 * given, the auxiliary matrix, has the result's type too, unless told otherwise, and a leading dimension that 8 divides.
 * For GELU it may have no algorithm where for the product alone it has one: that is a plan as well, and found again. */
#include "cuda_internal.h"

#include <cublasLt.h>
#include <stdlib.h>
#include <string.h>

/* ---- the library's functions ---- */

#define FUNCTIONS(F)                                                                                                   \
	F(cublasLtCreate)                                                                                              \
	F(cublasLtGetStatusString)                                                                                     \
	F(cublasLtMatmul)                                                                                              \
	F(cublasLtMatmulDescCreate)                                                                                    \
	F(cublasLtMatmulDescSetAttribute)                                                                              \
	F(cublasLtMatrixLayoutCreate)                                                                                  \
	F(cublasLtMatmulPreferenceCreate)                                                                              \
	F(cublasLtMatmulPreferenceDestroy)                                                                             \
	F(cublasLtMatmulPreferenceSetAttribute)                                                                        \
	F(cublasLtMatmulAlgoGetHeuristic)

static struct {
#define FIELD(name) __typeof__(name) *name;
	FUNCTIONS(FIELD)
#undef FIELD
} lt;

enum { WORKSPACE = 32 << 20 };
static cublasLtHandle_t handle;
static void *workspace;

int ril_cuda_blas_open(char *how, size_t n, struct ril_err *err)
{
	if (ril_cuda_library_open(how, n, err))
		return -1;
#define FIND(name)                                                                                                     \
	if (!(lt.name = (__typeof__(name) *)ril_cuda_symbol(#name)))                                                   \
		return ril_fail(err, RIL_EFAIL, "cuBLASLt has no function %s: it is too old", #name);
	FUNCTIONS(FIND)
#undef FIND
	cublasStatus_t rc = lt.cublasLtCreate(&handle);
	if (rc != CUBLAS_STATUS_SUCCESS)
		return ril_fail(err, RIL_EFAIL, "cuBLASLt: %s", lt.cublasLtGetStatusString(rc));
	if (cudaMalloc(&workspace, WORKSPACE) != cudaSuccess)
		return ril_fail(err, RIL_EFAIL, "out of memory on the device for cuBLASLt's workspace");
	return 0;
}

/* ---- plans ---- */

/* Compared as bytes: there is no padding. */
struct product {
	int64_t M, N, K, lda, ldb, ldc; /* of the auxiliary matrix: ldc */
	int32_t in, out;                /* enum ril_dtype */
	int32_t ta, tb, bias, adds, gelu;
	int32_t align_a, align_b, align_c, align_bias, align_aux; /* 0: there is none */
};
_Static_assert(sizeof(struct product) == 6 * sizeof(int64_t) + 12 * sizeof(int32_t), "padding");

struct plan {
	struct product of;
	bool none; /* the library has no algorithm */
	cublasLtMatmulDesc_t desc;
	cublasLtMatrixLayout_t a, b, c;
	cublasLtMatmulAlgo_t algo;
};

static struct {
	struct plan **at; /* [room], by hash; NULL: free */
	size_t n, room;
} plans;

static size_t place(const struct product *p)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < sizeof *p; i++)
		h = (h ^ ((const unsigned char *)p)[i]) * 0x100000001b3u;
	size_t at = (size_t)(h & (plans.room - 1));
	while (plans.at[at] && memcmp(&plans.at[at]->of, p, sizeof *p) != 0)
		at = (at + 1) & (plans.room - 1);
	return at;
}

static bool make_room(void)
{
	if (plans.room && 2 * plans.n < plans.room)
		return true;
	struct plan **old = plans.at;
	size_t had = plans.room;
	plans.room = had ? 2 * had : 256;
	if (!(plans.at = calloc(plans.room, sizeof *plans.at))) {
		plans.at = old;
		plans.room = had;
		ril_cuda_fail(RIL_EFAIL, "out of memory for the plans of products");
		return false;
	}
	for (size_t i = 0; i < had; i++)
		if (old[i])
			plans.at[place(&old[i]->of)] = old[i];
	free(old);
	return true;
}

static cudaDataType type_of(int32_t type)
{
	return type == RIL_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

static bool well(cublasStatus_t rc, const struct product *p)
{
	if (rc != CUBLAS_STATUS_SUCCESS)
		ril_cuda_fail(RIL_EFAIL, "cuBLASLt: product of %lld x %lld x %lld: %s", (long long)p->M,
			      (long long)p->N, (long long)p->K, lt.cublasLtGetStatusString(rc));
	return rc == CUBLAS_STATUS_SUCCESS;
}

static bool set(cublasLtMatmulDesc_t d, cublasLtMatmulDescAttributes_t which, int32_t value, const struct product *p)
{
	return well(lt.cublasLtMatmulDescSetAttribute(d, which, &value, sizeof value), p);
}

static int32_t epilogue_of(const struct product *p)
{
	if (!p->gelu)
		return p->bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
	if (p->align_aux)
		return p->bias ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS : CUBLASLT_EPILOGUE_GELU_AUX;
	return p->bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
}

/* What the epilogue reads and writes; NULL: nothing. */
struct beside {
	const void *bias;
	void *aux;
};

static bool point(cublasLtMatmulDesc_t d, const struct product *p, struct beside at)
{
	return (!at.bias ||
		well(lt.cublasLtMatmulDescSetAttribute(d, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &at.bias, sizeof at.bias),
		     p)) &&
	       (!at.aux || well(lt.cublasLtMatmulDescSetAttribute(d, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, &at.aux,
								  sizeof at.aux),
				p));
}

/* The addresses are read for their alignment when the library advises: they are set before. */
static bool describe(struct plan *plan, struct beside at)
{
	const struct product *p = &plan->of;
	bool tb = p->tb, ta = p->ta;
	return well(lt.cublasLtMatmulDescCreate(&plan->desc, CUBLAS_COMPUTE_32F, CUDA_R_32F), p) &&
	       set(plan->desc, CUBLASLT_MATMUL_DESC_TRANSA, tb ? CUBLAS_OP_T : CUBLAS_OP_N, p) &&
	       set(plan->desc, CUBLASLT_MATMUL_DESC_TRANSB, ta ? CUBLAS_OP_T : CUBLAS_OP_N, p) &&
	       set(plan->desc, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(p), p) &&
	       (!p->bias || set(plan->desc, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, (int32_t)type_of(p->out), p)) &&
	       (!p->align_aux || well(lt.cublasLtMatmulDescSetAttribute(
					      plan->desc, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, &p->ldc, sizeof p->ldc),
				      p)) &&
	       point(plan->desc, p, at) &&
	       well(lt.cublasLtMatrixLayoutCreate(&plan->a, type_of(p->in), (uint64_t)(tb ? p->K : p->N),
						  (uint64_t)(tb ? p->N : p->K), p->ldb),
		    p) &&
	       well(lt.cublasLtMatrixLayoutCreate(&plan->b, type_of(p->in), (uint64_t)(ta ? p->M : p->K),
						  (uint64_t)(ta ? p->K : p->M), p->lda),
		    p) &&
	       well(lt.cublasLtMatrixLayoutCreate(&plan->c, type_of(p->out), (uint64_t)p->N, (uint64_t)p->M, p->ldc),
		    p);
}

static bool advise(struct plan *plan)
{
	const struct product *p = &plan->of;
	const struct {
		cublasLtMatmulPreferenceAttributes_t which;
		uint32_t value;
	} align[] = {
		{CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE},
		{CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, (uint32_t)p->align_b},
		{CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, (uint32_t)p->align_a},
		{CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, (uint32_t)p->align_c},
		{CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, (uint32_t)p->align_c},
	};
	cublasLtMatmulPreference_t how;
	cublasLtMatmulHeuristicResult_t found;
	size_t room = WORKSPACE;
	int n = 0;
	if (!well(lt.cublasLtMatmulPreferenceCreate(&how), p))
		return false;
	bool ok = well(lt.cublasLtMatmulPreferenceSetAttribute(how, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &room,
							       sizeof room),
		       p);
	for (size_t i = 0; ok && i < sizeof align / sizeof *align; i++)
		ok = well(lt.cublasLtMatmulPreferenceSetAttribute(how, align[i].which, &align[i].value,
								  sizeof align[i].value),
			  p);
	if (ok) {
		cublasStatus_t rc = lt.cublasLtMatmulAlgoGetHeuristic(handle, plan->desc, plan->a, plan->b, plan->c,
								      plan->c, how, 1, &found, &n);
		rc = rc == CUBLAS_STATUS_SUCCESS && !n ? CUBLAS_STATUS_NOT_SUPPORTED : rc;
		plan->none = p->gelu && rc == CUBLAS_STATUS_NOT_SUPPORTED;
		ok = plan->none || well(rc, p);
	}
	if (ok && !plan->none)
		plan->algo = found.algo;
	lt.cublasLtMatmulPreferenceDestroy(how);
	return ok;
}

/* A plan that could not be made is lost: the failure ends the step. */
static struct plan *plan_of(const struct product *p, struct beside beside)
{
	if (!make_room())
		return NULL;
	size_t at = place(p);
	if (plans.at[at])
		return plans.at[at];
	struct plan *plan = calloc(1, sizeof *plan);
	if (!plan) {
		ril_cuda_fail(RIL_EFAIL, "out of memory for the plan of a product");
		return NULL;
	}
	plan->of = *p;
	if (!describe(plan, beside) || !advise(plan)) {
		free(plan);
		return NULL;
	}
	plans.n++;
	return plans.at[at] = plan;
}

/* ---- the product ---- */

static int32_t alignment(const void *p)
{
	uintptr_t low = (uintptr_t)p & -(uintptr_t)p;
	return low && low < 256 ? (int32_t)low : 256;
}

static int32_t alignment_of(const void *p)
{
	return p ? alignment(p) : 0;
}

/* False: the library has no algorithm, and nothing was done.  A failure is noted, and true. */
static bool multiply(struct product p, struct ril_mat c, struct ril_mat a, struct ril_mat b, float alpha, float beta,
		     struct beside at)
{
	bool ta = p.ta, tb = p.tb;
	p.M = c.rows;
	p.N = c.cols;
	p.K = ta ? a.rows : a.cols;
	p.lda = a.ld;
	p.ldb = b.ld;
	p.ldc = c.ld;
	p.in = (int32_t)a.type;
	p.out = (int32_t)c.type;
	p.bias = at.bias != NULL;
	p.adds = beta != 0;
	p.align_a = alignment(a.p);
	p.align_b = alignment(b.p);
	p.align_c = alignment(c.p);
	p.align_bias = alignment_of(at.bias);
	p.align_aux = alignment_of(at.aux);
	assert(a.type == b.type && (ta ? a.cols : a.rows) == p.M && (tb ? b.cols : b.rows) == p.K &&
	       (tb ? b.rows : b.cols) == p.N);
	if (!p.M || !p.N)
		return true;
	struct plan *plan = plan_of(&p, at);
	if (plan && plan->none)
		return false;
	if (plan && point(plan->desc, &p, at))
		well(lt.cublasLtMatmul(handle, plan->desc, &alpha, b.p, plan->a, a.p, plan->b, &beta, c.p, plan->c, c.p,
				       plan->c, &plan->algo, workspace, WORKSPACE, ril_cuda.stream),
		     &p);
	return true;
}

void ril_cuda_gemm(struct ril_mat c, struct ril_mat a, bool ta, struct ril_mat b, bool tb, float alpha, float beta,
		   const void *bias)
{
	multiply((struct product){.ta = ta, .tb = tb}, c, a, b, alpha, beta, (struct beside){.bias = bias});
}

bool ril_cuda_gemm_gelu(struct ril_mat c, struct ril_mat sum, struct ril_mat a, struct ril_mat b, const void *bias)
{
	assert(!sum.p || (sum.type == c.type && sum.ld == c.ld));
	return multiply((struct product){.tb = true, .gelu = true}, c, a, b, 1, 0, (struct beside){bias, sum.p});
}
