#include "ctc_decode.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "carver.h"
#include "core/parallel.h"

namespace cygnet {
namespace {

constexpr double nothing = -std::numeric_limits<double>::infinity();
constexpr int64_t absent = -1;

double log_add(double a, double b) {
  const double high = std::max(a, b), low = std::min(a, b);
  return low == nothing ? high : high + std::log1p(std::exp(low - high));
}

// Prefixes are the nodes of a tree; the root is the empty one.
struct Node {
  int64_t parent, label, child, sibling;
  int64_t place;  // in the beam, or absent
};

// A prefix in the beam, and the logarithms of the probabilities of its paths that end in a blank and in its last label.
struct Entry {
  int64_t node;
  double blank, label;

  double total() const { return log_add(blank, label); }
};

// What may come into the next beam: entry `from` as it is (label absent), or longer by a label.
struct Candidate {
  int64_t from, label;
  double on_blank, on_label, score;
};

struct Search {
  int64_t classes, blank, width;
  Node* nodes;
  int64_t node_count;
  Entry *beam, *next;
  Candidate* candidates;
  int64_t size;

  int64_t last_label(int64_t entry) const { return nodes[beam[entry].node].label; }

  template <class T>
  void step(const T* y) noexcept {
    int64_t count = 0;
    for (int64_t i = 0; i < size; ++i) {
      const Entry& entry = beam[i];
      const Node& node = nodes[entry.node];
      const double total = entry.total();
      Candidate kept{i, absent, total + static_cast<double>(y[blank]), nothing, 0};
      if (node.label != absent) {
        const double emission = static_cast<double>(y[node.label]);
        kept.on_label = entry.label + emission;
        // Its parent grows into it as well.
        const int64_t parent = nodes[node.parent].place;
        if (parent != absent) kept.on_label = log_add(kept.on_label, grown(parent, node.label) + emission);
      }
      candidates[count++] = kept;
      for (int64_t k = 0; k < classes; ++k) {
        if (k == blank || in_beam(entry.node, k)) continue;
        const double from = k == node.label ? entry.blank : total;
        candidates[count++] = {i, k, nothing, from + static_cast<double>(y[k]), 0};
      }
    }
    for (int64_t c = 0; c < count; ++c)
      candidates[c].score = candidates[c].label == absent ? log_add(candidates[c].on_blank, candidates[c].on_label)
                                                          : candidates[c].on_label;
    count = std::remove_if(candidates, candidates + count, [](const Candidate& c) { return !(c.score > nothing); }) -
            candidates;
    const int64_t chosen = std::min(width, count);
    std::partial_sort(candidates, candidates + chosen, candidates + count, [](const Candidate& a, const Candidate& b) {
      return a.score != b.score ? a.score > b.score : a.from != b.from ? a.from < b.from : a.label < b.label;
    });
    for (int64_t i = 0; i < size; ++i) nodes[beam[i].node].place = absent;
    for (int64_t i = 0; i < chosen; ++i) {
      const Candidate& c = candidates[i];
      const int64_t node = c.label == absent ? beam[c.from].node : child(beam[c.from].node, c.label);
      nodes[node].place = i;
      next[i] = {node, c.on_blank, c.on_label};
    }
    std::swap(beam, next);
    size = chosen;
  }

 private:
  // The paths of an entry that another label ends: after the same label only those with a blank between.
  double grown(int64_t entry, int64_t label) const {
    return last_label(entry) == label ? beam[entry].blank : beam[entry].total();
  }
  int64_t find(int64_t node, int64_t label) const {
    int64_t found = nodes[node].child;
    while (found != absent && nodes[found].label != label) found = nodes[found].sibling;
    return found;
  }
  bool in_beam(int64_t node, int64_t label) const {
    const int64_t found = find(node, label);
    return found != absent && nodes[found].place != absent;
  }
  int64_t child(int64_t node, int64_t label) noexcept {
    if (const int64_t found = find(node, label); found != absent) return found;
    nodes[node_count] = {node, label, absent, nodes[node].child, absent};
    return nodes[node].child = node_count++;
  }
};

int64_t nodes_of(const BeamSizes& s) { return s.steps * s.width + 1; }

Search carved(const BeamSizes& s, Carver& carver) {
  return {s.classes,
          s.blank,
          s.width,
          carver.take<Node>(nodes_of(s)),
          0,
          carver.take<Entry>(s.width),
          carver.take<Entry>(s.width),
          carver.take<Candidate>(s.width * s.classes),
          0};
}

}  // namespace

size_t ctc_beam_scratch_bytes(const BeamSizes& s) noexcept {
  Carver carver(nullptr);
  carved(s, carver);
  return carver.used() * static_cast<size_t>(s.samples);
}

template <class T>
void ctc_beam_search(const BeamSizes& s, const T* log_probabilities, const int64_t* input_lengths, int64_t* labels,
                     int64_t* lengths, T* scores, void* scratch) noexcept {
  const double work = 10.0 * static_cast<double>(s.steps * s.samples) * static_cast<double>(s.width * s.classes);
  const size_t bytes = ctc_beam_scratch_bytes(s) / static_cast<size_t>(std::max<int64_t>(1, s.samples));
  parallel_for(s.samples, work, [&](int64_t n) {
    Carver carver(static_cast<char*>(scratch) + static_cast<size_t>(n) * bytes);
    Search search = carved(s, carver);
    search.nodes[0] = {absent, absent, absent, absent, 0};
    search.node_count = search.size = 1;
    search.beam[0] = {0, 0, nothing};
    for (int64_t t = 0; t < input_lengths[n]; ++t) search.step(log_probabilities + (t * s.samples + n) * s.classes);
    for (int64_t k = 0; k < s.width; ++k) {
      const int64_t to = n * s.width + k;
      int64_t* const row = labels + to * s.steps;
      std::fill(row, row + s.steps, absent);
      lengths[to] = absent;
      scores[to] = static_cast<T>(nothing);
      if (k >= search.size) continue;
      const Entry& entry = search.beam[k];
      scores[to] = static_cast<T>(entry.total());
      lengths[to] = 0;
      for (int64_t node = entry.node; node != 0; node = search.nodes[node].parent)
        row[lengths[to]++] = search.nodes[node].label;
      std::reverse(row, row + lengths[to]);
    }
  });
}

#define CYGNET_INSTANTIATE(T) \
  template void ctc_beam_search<T>(const BeamSizes&, const T*, const int64_t*, int64_t*, int64_t*, T*, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
