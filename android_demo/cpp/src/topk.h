// The likeliest classes of a row of logits.
#pragma once

#include <cstddef>
#include <vector>

#include "floats.h"

namespace deit {

struct Guess {
  int index = 0;  // of the class: its line in labels.txt, from 0
  float logit = 0;
  double probability = 0;  // by softmax over all logits
};

// The `k` likeliest classes, likeliest first, the lower index first among equals; all of them if there are
// fewer. `logits` must be finite and not empty.
std::vector<Guess> top_k(Floats logits, std::size_t k);

}  // namespace deit
