/* cublaslt.c -- cuBLASLt's part in the emulation: products by OpenBLAS, in the stream's order, and a strict reading of what
 * the library's manual asks for.
 *
 * Operands are widened to float, multiplied by cblas_sgemm, and the result is rounded once; matrices are column-major, as
 * there.  What a careless caller would get away with on some shapes ends the process here: a leading dimension that is too
 * small, a matrix or a workspace that is not the device's, pointers less aligned than the algorithm was asked for.
 *
 * GELU is the form by tanh, of the sum before it is rounded; the auxiliary matrix is that sum, of D's type.
 * RIL_SIMT_GELU=0: a library that has no algorithm for it. */
#include "simt_internal.h"

#include "trace.h"

#include "base/dtype.h"
#include "base/err.h"
#include "base/unused.h"

#include <cblas.h>
#include <cublasLt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct simt_lt_desc {
	int32_t ta, tb, epilogue, bias_type;
	const void *bias;
	void *aux;
	int64_t aux_ld;
};

enum { AUX = CUBLASLT_EPILOGUE_GELU_AUX & ~CUBLASLT_EPILOGUE_GELU };

struct simt_lt_layout {
	cudaDataType type;
	uint64_t rows, cols;
	int64_t ld;
};

struct simt_lt_preference {
	cublasLtMatmulAlgo_t algo;
	uint32_t reductions;
};

static void need(bool well, const char *what)
{
	if (!well)
		simt_fault("cuBLASLt: %s", what);
}

static void *fresh(size_t bytes)
{
	void *p = calloc(1, bytes ? bytes : 1);
	need(p != NULL, "out of memory on the host");
	return p;
}

/* ---- descriptions ---- */

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle)
{
	*handle = fresh(1);
	return CUBLAS_STATUS_SUCCESS;
}

const char *cublasLtGetStatusString(cublasStatus_t rc)
{
	return rc == CUBLAS_STATUS_SUCCESS         ? "CUBLAS_STATUS_SUCCESS"
	       : rc == CUBLAS_STATUS_NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED"
						   : "CUBLAS_STATUS_INVALID_VALUE";
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *desc, cublasComputeType_t compute, cudaDataType scale)
{
	need(compute == CUBLAS_COMPUTE_32F && scale == CUDA_R_32F, "sums must be float");
	*desc = fresh(sizeof **desc);
	**desc = (struct simt_lt_desc){.epilogue = CUBLASLT_EPILOGUE_DEFAULT, .bias_type = -1};
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t which,
					      const void *value, size_t bytes)
{
	int32_t *to[] = {[CUBLASLT_MATMUL_DESC_TRANSA] = &desc->ta,
			 [CUBLASLT_MATMUL_DESC_TRANSB] = &desc->tb,
			 [CUBLASLT_MATMUL_DESC_EPILOGUE] = &desc->epilogue,
			 [CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE] = &desc->bias_type};
	void *wide = which == CUBLASLT_MATMUL_DESC_BIAS_POINTER           ? (void *)&desc->bias
		     : which == CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER ? (void *)&desc->aux
		     : which == CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD      ? (void *)&desc->aux_ld
									  : NULL;
	if (wide) {
		need(bytes == sizeof(int64_t), "the size of an address, or of a leading dimension");
		memcpy(wide, value, bytes);
		return CUBLAS_STATUS_SUCCESS;
	}
	need(bytes == sizeof(int32_t), "the size of an attribute of a product");
	memcpy(to[which], value, bytes);
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType type, uint64_t rows,
					  uint64_t cols, int64_t ld)
{
	need(type == CUDA_R_32F || type == CUDA_R_16BF, "a matrix of another type than float and bfloat16");
	need(rows > 0 && cols > 0, "a matrix without elements");
	need(ld >= (int64_t)rows, "a leading dimension below the rows");
	*layout = fresh(sizeof **layout);
	**layout = (struct simt_lt_layout){type, rows, cols, ld};
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *how)
{
	*how = fresh(sizeof **how);
	**how = (struct simt_lt_preference){.algo.align = {256, 256, 256, 256}, .reductions = UINT32_MAX};
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t how)
{
	free(how);
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t how,
						    cublasLtMatmulPreferenceAttributes_t which, const void *value,
						    size_t bytes)
{
	if (which == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) {
		need(bytes == sizeof how->algo.workspace, "the size of a workspace's size");
		memcpy(&how->algo.workspace, value, bytes);
		return CUBLAS_STATUS_SUCCESS;
	}
	need(bytes == sizeof(uint32_t), "the size of a preference");
	memcpy(which == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK
		       ? &how->reductions
		       : &how->algo.align[which - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES],
	       value, bytes);
	return CUBLAS_STATUS_SUCCESS;
}

/* ---- shapes ---- */

struct shape {
	uint64_t m, n, k;
};

/* D[m,n] = op(A)[m,k] op(B)[k,n] */
static struct shape shape_of(const struct simt_lt_desc *desc, const struct simt_lt_layout *a,
			     const struct simt_lt_layout *b, const struct simt_lt_layout *d)
{
	struct shape s = {d->rows, d->cols, desc->ta ? a->rows : a->cols};
	need((desc->ta ? a->cols : a->rows) == s.m, "A's rows are not D's");
	need((desc->tb ? b->rows : b->cols) == s.n, "B's columns are not D's");
	need((desc->tb ? b->cols : b->rows) == s.k, "A's columns are not B's rows");
	need(a->type == b->type, "A and B of different types");
	need(a->type == d->type || d->type == CUDA_R_32F, "a result narrower than what is multiplied");
	return s;
}

/* What follows the product of a description: what it needs is there.  An auxiliary matrix is D's size. */
static void check_epilogue(const struct simt_lt_desc *desc, const struct simt_lt_layout *d)
{
	int32_t known = CUBLASLT_EPILOGUE_DEFAULT | CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
	need(!(desc->epilogue & ~known), "an epilogue that is not emulated");
	need(!(desc->epilogue & CUBLASLT_EPILOGUE_BIAS) || desc->bias, "a bias whose alignment is not known");
	if (!(desc->epilogue & AUX))
		return;
	need(desc->aux != NULL, "an auxiliary matrix whose alignment is not known");
	need(desc->aux_ld >= (int64_t)d->rows, "an auxiliary matrix whose leading dimension is below D's rows");
	need(desc->aux_ld % 8 == 0, "an auxiliary matrix whose leading dimension 8 does not divide");
}

static bool has_algorithm(const struct simt_lt_desc *desc)
{
	const char *gelu = getenv("RIL_SIMT_GELU");
	return !(desc->epilogue & CUBLASLT_EPILOGUE_GELU && gelu && *gelu == '0');
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
					      cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
					      cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
					      cublasLtMatmulPreference_t how, int wanted,
					      cublasLtMatmulHeuristicResult_t *found, int *n)
{
	need(handle && wanted > 0 && c == d, "an advice on something else than one product in place");
	need(how->reductions == CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, "sums in an order that is not fixed");
	check_epilogue(desc, d);
	shape_of(desc, a, b, d);
	*n = 0;
	if (!has_algorithm(desc))
		return CUBLAS_STATUS_NOT_SUPPORTED;
	*found = (cublasLtMatmulHeuristicResult_t){.algo = how->algo};
	found->algo.epilogue = desc->epilogue;
	uintptr_t aux = (uintptr_t)desc->aux | 256;
	found->algo.align_aux = aux & -aux;
	*n = 1;
	return CUBLAS_STATUS_SUCCESS;
}

/* ---- the product ---- */

struct call {
	struct simt_lt_desc desc;
	struct simt_lt_layout a, b, d;
	float alpha, beta;
	const void *A, *B;
	void *D;
};

static size_t size_of(cudaDataType type)
{
	return type == CUDA_R_16BF ? 2 : 4;
}

/* Element (i, j) is element i + j ld; op(X) as float, [rows, cols] by columns. */
static float *widened(const void *x, const struct simt_lt_layout *l, bool transposed, uint64_t rows, uint64_t cols)
{
	float *wide = fresh(rows * cols * sizeof *wide);
	for (uint64_t j = 0; j < l->cols; j++)
		simt_reads((const char *)x + j * (size_t)l->ld * size_of(l->type), l->rows * size_of(l->type));
	for (uint64_t j = 0; j < cols; j++)
		for (uint64_t i = 0; i < rows; i++) {
			size_t at = transposed ? j + i * (size_t)l->ld : i + j * (size_t)l->ld;
			ril_to_f32(&wide[i + j * rows], (const char *)x + at * size_of(l->type),
				   l->type == CUDA_R_16BF ? RIL_BF16 : RIL_F32, 1);
		}
	return wide;
}

static void put_column(void *to, uint64_t j, int64_t ld, cudaDataType type, const float *x, uint64_t n)
{
	char *at = (char *)to + j * (size_t)ld * size_of(type);
	simt_wrote(at, n * size_of(type));
	ril_from_f32(at, type == CUDA_R_16BF ? RIL_BF16 : RIL_F32, x, n);
}

/* Column j of the sums x[m], through the epilogue and into D.  GELU without an auxiliary matrix is another algorithm, in other
 * bits: who takes them for the same is found. */
static void finish_column(const struct call *c, uint64_t j, float *x, uint64_t m)
{
	cudaDataType type = c->d.type;
	int32_t epilogue = c->desc.epilogue;
	float other = epilogue & AUX ? 1 : 1 + 0x1p-18f;
	for (uint64_t i = 0; epilogue & CUBLASLT_EPILOGUE_BIAS && i < m; i++) {
		float bias;
		ril_to_f32(&bias, (const char *)c->desc.bias + i * size_of(type),
			   type == CUDA_R_16BF ? RIL_BF16 : RIL_F32, 1);
		x[i] += bias;
	}
	if (epilogue & AUX)
		put_column(c->desc.aux, j, c->desc.aux_ld, type, x, m);
	for (uint64_t i = 0; epilogue & CUBLASLT_EPILOGUE_GELU && i < m; i++) {
		float s = other * x[i];
		x[i] = .5f * s * (1 + tanhf(.7978845608028654f * (s + .044715f * s * s * s)));
	}
	put_column(c->D, j, c->d.ld, type, x, m);
}

static void run(const void *ctx)
{
	const struct call *c = ctx;
	struct shape s = shape_of(&c->desc, &c->a, &c->b, &c->d);
	if (simt_tracing()) { /* by rows, C has D's columns as rows */
		simt_trace_product(s.n, s.m, s.k, size_of(c->a.type), size_of(c->d.type),
				   (c->beta != 0) + !!(c->desc.epilogue & AUX));
		return;
	}
	float *a = widened(c->A, &c->a, c->desc.ta, s.m, s.k), *b = widened(c->B, &c->b, c->desc.tb, s.k, s.n);
	float *d = c->beta != 0 ? widened(c->D, &c->d, false, s.m, s.n) : fresh(s.m * s.n * sizeof *d);
	cblas_sgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)s.m, (int)s.n, (int)s.k, c->alpha, a, (int)s.m, b,
		    (int)s.k, c->beta, d, (int)s.m);
	for (uint64_t j = 0; j < s.n; j++)
		finish_column(c, j, d + j * s.m, s.m);
	free(a);
	free(b);
	free(d);
}

/* Bytes from a matrix's first element to the end of its last column. */
static size_t extent(const struct simt_lt_layout *l)
{
	return (size_t)((l->cols - 1) * (uint64_t)l->ld + l->rows) * size_of(l->type);
}

static void check_matrix(const char *what, const void *p, const struct simt_lt_layout *l, uint32_t align)
{
	simt_expect_device(what, p, extent(l));
	if ((uintptr_t)p % align)
		simt_fault("cuBLASLt: %s is not aligned to the %u bytes that its algorithm was asked for", what, align);
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void *alpha, const void *A,
			      cublasLtMatrixLayout_t a, const void *B, cublasLtMatrixLayout_t b, const void *beta,
			      const void *C, cublasLtMatrixLayout_t c, void *D, cublasLtMatrixLayout_t d,
			      const cublasLtMatmulAlgo_t *algo, void *workspace, size_t bytes, cudaStream_t stream)
{
	struct call call = {.desc = *desc, .a = *a, .b = *b, .d = *d, .A = A, .B = B, .D = D};
	need(handle != NULL, "no handle");
	need(C == D && c == d, "a result that is not in place");
	need(bytes >= algo->workspace, "less workspace than the algorithm was promised");
	memcpy(&call.alpha, alpha, sizeof call.alpha);
	memcpy(&call.beta, beta, sizeof call.beta);
	check_matrix("A", A, a, algo->align[0]);
	check_matrix("B", B, b, algo->align[1]);
	check_matrix("D", D, d, algo->align[3]);
	simt_expect_device("workspace", workspace, bytes);
	check_epilogue(desc, d);
	need(desc->epilogue == algo->epilogue, "another epilogue than the algorithm was asked for");
	if (desc->epilogue & AUX) {
		struct simt_lt_layout aux = {d->type, d->rows, d->cols, desc->aux_ld};
		simt_expect_device("auxiliary matrix", desc->aux, extent(&aux));
		need((uintptr_t)desc->aux % algo->align_aux == 0,
		     "an auxiliary matrix less aligned than the algorithm was asked for");
		need(desc->aux != D, "an auxiliary matrix in D's place");
	}
	if (desc->epilogue & CUBLASLT_EPILOGUE_BIAS) {
		need(desc->bias_type == (int32_t)d->type, "a bias of another type than the result's");
		need((uintptr_t)desc->bias % 16 == 0, "a bias that is not aligned to 16 bytes");
		simt_expect_device("bias", desc->bias, d->rows * size_of(d->type));
	}
	simt_host_call(stream, run, &call, sizeof call);
	return CUBLAS_STATUS_SUCCESS;
}

/* ---- in lib/ops/cuda/library.c's place ---- */

int ril_cuda_library_open(char *how, size_t n, struct ril_err *);
void *ril_cuda_symbol(const char *name);

int ril_cuda_library_open(char *how, size_t n, RIL_UNUSED struct ril_err *err)
{
	snprintf(how, n, "products by OpenBLAS");
	return 0;
}

#define NAMED(f)                                                                                                       \
	{                                                                                                              \
#f, (void *)f                                                                                          \
	}

void *ril_cuda_symbol(const char *name)
{
	static const struct {
		const char *name;
		void *function;
	} all[] = {
		NAMED(cublasLtCreate),
		NAMED(cublasLtGetStatusString),
		NAMED(cublasLtMatmul),
		NAMED(cublasLtMatmulDescCreate),
		NAMED(cublasLtMatmulDescSetAttribute),
		NAMED(cublasLtMatrixLayoutCreate),
		NAMED(cublasLtMatmulPreferenceCreate),
		NAMED(cublasLtMatmulPreferenceDestroy),
		NAMED(cublasLtMatmulPreferenceSetAttribute),
		NAMED(cublasLtMatmulAlgoGetHeuristic),
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (!strcmp(all[i].name, name))
			return all[i].function;
	return NULL;
}
