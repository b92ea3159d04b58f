#include "topk.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace deit {

std::vector<Guess> top_k(Floats logits, std::size_t k) {
  // Less the largest, so that no exponential overflows.
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  std::vector<int> order(logits.size);
  std::iota(order.begin(), order.end(), 0);
  k = std::min(k, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
                    [&](int a, int b) {
                      return logits.data[a] != logits.data[b] ? logits.data[a] > logits.data[b] : a < b;
                    });
  std::vector<Guess> guesses;
  guesses.reserve(k);
  for (std::size_t i = 0; i < k; ++i) {
    const float logit = logits.data[order[i]];
    guesses.push_back({order[i], logit, std::exp(logit - largest) / sum});
  }
  return guesses;
}

}  // namespace deit
