// Prefix beam search: the most probable labellings of A. Graves's connectionist temporal classification, as A. Hannun
// et al., "First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs", 2014,
// algorithm 1, without a language model. A prefix that leaves the beam counts as improbable from then on.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cygnet {

struct BeamSizes {
  int64_t steps, samples, classes, blank, width;
};

/// Of each sample the `width` best prefixes, the best one first: labels[n][k] of `steps` places, of which lengths[n][k]
/// count, the others -1; scores[n][k] is the logarithm of the probability of the paths in the beam that give the
/// prefix. Where there are fewer prefixes, the length is -1 and the score -infinity. Equal scores keep their order.
template <class T>
void ctc_beam_search(const BeamSizes& sizes, const T* log_probabilities, const int64_t* input_lengths, int64_t* labels,
                     int64_t* lengths, T* scores, void* scratch) noexcept;
size_t ctc_beam_scratch_bytes(const BeamSizes& sizes) noexcept;

}  // namespace cygnet
