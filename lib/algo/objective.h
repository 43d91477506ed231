/* objective.h -- what can be minimised: every objective's formula, its source, and the row of a table that says it.
 *
 * All but sft are one loss.  A batch has N responses that take part; response i has the reward r_i, in a group of k of them,
 * and len_i tokens:
 *
 *   loss = sum_i sum_t  -w_i [ c_it S(rho_it, A_i) - beta KL_it + bonus H_it ]
 *
 *   A    advantage: reward less a baseline, then scaled (advantage.h)
 *   rho  ratio: exp(logp - old), of each token or, by the mean of that exponent, of each response
 *   S    clip: min(rho A, clip(rho) A), PPO's (Schulman et al., arXiv 1707.06347, eq. 7), or the constant clip(rho) times
 *        A logp; clip(x) is x within [1 - below, 1 + above]
 *   w    divisor (loss.h): what the sum over tokens is divided by
 *   c    importance weight min(exp(old - sampler), cap), a constant; 1 without a cap.  Truncated importance sampling:
 *        Ionides, "Truncated Importance Sampling", 2008; between sampler and trainer: Yao et al., "Your Efficient RL
 *        Framework Secretly Brings You Off-Policy RL Training", 2025.  Of tokens, on S alone, not on the KL term, as
 *        verl (rollout_is, with gspo, too) and TRL (vllm_importance_sampling_mode token_truncate) have it
 *   KL   with d = ref - logp, k1 = -d, k2 = d d / 2, k3 = exp(d) - d - 1 (Schulman, "Approximating KL Divergence",
 *        2020).  k3 is what GRPO has (arXiv 2402.03300, eq. 4), and TRL and ms-swift; verl calls them kl, mse and
 *        low_var_kl (and bounds the last).  As a loss k2 has the gradient of the reverse KL divergence on the policy's
 *        own responses, k1 a gradient whose mean is 0 there (Tang and Munos, arXiv 2506.09477)
 *
 *   H    entropy of the policy's distribution at the token, at the temperature of sampling (A3C, Mnih et al., arXiv
 *        1602.01783).  With the tokens' own weights, as verl's entropy_coeff has it (loss_agg_mode); without it, 0, the
 *        pass computes nothing more
 *
 *   sft       -logp / (tokens of the batch), gold answers
 *   grpo      DeepSeekMath, arXiv 2402.03300, eq. 3 and section 4.1.2: A = (r - mean) / std of the group,
 *             w = 1/(N len_i).  TRL: loss_type grpo, from which the 1e-4 beside std is
 *   dr-grpo   Understanding R1-Zero-Like Training, arXiv 2503.20783: A = r - mean, w = 1/(N L), L constant.
 *             TRL: dr_grpo
 *   ril       arXiv 2510.19307: dr-grpo over the responses of student and teachers
 *   dapo      arXiv 2503.14476, eq. 8 and 9: grpo's A, w = 1/(tokens of the batch), the clip asymmetric, 0.2 below and
 *             0.28 above.  Eq. 13, soft overlong punishment: advantage.h.  TRL: dapo; verl: token-mean with
 *             clip_ratio_low and clip_ratio_high
 *   gspo      arXiv 2507.18071, eq. 5 to 7: grpo's A and w, the response's ratio, length-normalised; clip of its
 *             section 5.1, 0.0003 below and 0.0004 above.  The gradient by a token is GSPO-token's (eq. 13 and 14), the
 *             same where all tokens of a response have one A and one c.  TRL: importance_sampling_level sequence;
 *             verl: gspo
 *   cispo     MiniMax-M1, arXiv 2506.13585, eq. 4 and 5: grpo's A, w = 1/(tokens of the batch), the constant clip(rho)
 *             before A logp, without a bound below; above 1 + 4 as ScaleRL has it (arXiv 2510.13786).  TRL: cispo
 *             (its epsilon_high is 1 + ours); verl: cispo
 *   rloo      Back to Basics, arXiv 2402.14740: A = r - mean of the group's k - 1 others, w = 1/N: with one pass the
 *             paper's gradient, A times that of the response's log-probability.  In further passes each token's ratio
 *             is clipped, as by verl (rloo, seq-mean-token-sum); TRL clips the product of a response's ratios
 *   reinforce++           arXiv 2501.03262: A = (r - mean) / std over all tokens of the batch, w = 1/(tokens of the
 *                         batch)
 *   reinforce++-baseline  the same paper's variant for groups: A = r - mean of the group, then that normalisation.
 *             Both as OpenRLHF and verl (reinforce_plus_plus, reinforce_plus_plus_baseline) compute them, but with the
 *             KL in the loss and never in the reward
 *
 * A new objective is a name in RIL_OBJECTIVES, a value of the enum, a row, and a formula above. */
#ifndef RIL_ALGO_OBJECTIVE_H
#define RIL_ALGO_OBJECTIVE_H

#include "ops/ops.h"

enum ril_objective {
	RIL_SFT,
	RIL_GRPO,
	RIL_DR_GRPO,
	RIL_RIL,
	RIL_DAPO,
	RIL_GSPO,
	RIL_CISPO,
	RIL_RLOO,
	RIL_REINFORCE,
	RIL_REINFORCE_BASELINE,
	RIL_OBJECTIVE_COUNT
};
#define RIL_OBJECTIVES "sft|grpo|dr-grpo|ril|dapo|gspo|cispo|rloo|reinforce++|reinforce++-baseline"

enum ril_sources { RIL_TAKES_GOLD, RIL_TAKES_STUDENT, RIL_TAKES_ALL };
enum ril_baseline { RIL_BASELINE_GROUP, RIL_BASELINE_OTHERS, RIL_BASELINE_NONE };
enum ril_scale { RIL_SCALE_ONE, RIL_SCALE_GROUP, RIL_SCALE_BATCH };
enum ril_divisor { RIL_BY_CONSTANT, RIL_BY_LENGTH, RIL_BY_TOKENS, RIL_BY_RESPONSES };

struct ril_objective_row {
	const char *name;
	enum ril_sources takes;
	enum ril_baseline baseline;
	enum ril_scale scale;
	enum ril_divisor divisor;
	bool sequence; /* the ratio is the response's */
	enum ril_clip clip;
	double below, above; /* the clip unless told otherwise */
};

const struct ril_objective_row *ril_objective_row(enum ril_objective);
enum ril_objective ril_objective_parse(const char *name); /* one of RIL_OBJECTIVES */

/* Whether a response of this source takes part under the objective; it is then one of the N of the loss. */
bool ril_objective_uses(enum ril_objective, int32_t source);

#endif
