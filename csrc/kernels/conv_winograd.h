// Convolutions of 3x3 filters with step 1 by minimal filtering (S. Winograd, "Arithmetic complexity of computations",
// 1980; A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", arXiv 1509.09308): 16 products give a
// tile of 2x2 outputs, where the sum over taps has 36. Of a tile's 4x4 inputs d, filters g and outputs y, sums over
// channels between,
//
//   y = A^T [(G g G^T) * (B^T d B)] A,     grad g = G^T [(A grad y A^T) * (B^T d B)] G,
//
//   B^T = 1  0 -1  0     G = 1    0    0     A^T = 1 1  1  0
//         0  1  1  0        1/2  1/2  1/2          0 1 -1 -1
//         0 -1  1  0        1/2 -1/2  1/2
//         0  1  0 -1         0    0    1
//
// so each is 16 products of matrices with a row for each tile. Sums of 0, 1 and 1/2 times numbers round as little as
// the longer sums over taps do. Values that are not finite would reach the other outputs of their tile, so that such
// tiles are summed over taps; in the filters' gradient they make NaN of what else would be infinite.
#pragma once

#include "conv_plan.h"

namespace cygnet {

/// The tiles of images whose source and target are channels last, and how they are cut into tasks; all of it follows
/// from the shape alone.
struct WinogradTiles {
  int64_t images, source_channels, target_channels;
  Panels panels;                 // of the target channels
  int64_t source[2], target[2];  // height and width
  int64_t low[2];                // what the first tile reads first
  int64_t lines, columns;        // of an image's tiles
  int64_t block;                 // tiles that are worked off together
  int64_t source_splits,
      unit_splits;         // parts of the source channels (of the filter's gradient alone) and of the panels
  int64_t copies;          // parts of the tiles; a task: some blocks by a part of the channels
  double multiplications;  // multiply-adds, with the transforms' cost
  bool pools, pools_relu;  // whether the target is the maximum of each tile, of no less than 0

  int64_t tiles() const { return images * lines * columns; }
  int64_t blocks() const { return ceil_div(tiles(), block); }
  int64_t tasks() const { return copies * source_splits * unit_splits; }
};

/// How many times fewer multiply-adds are worth it.
constexpr double winograd_gain = 1.1;

/// Whether the filters and steps are those above.
bool winograd_fits(const Axis (&axes)[max_axes], int64_t groups, bool channels_last) noexcept;

/// The windows of `pooling`, if there is one, are tiles.
template <class T>
WinogradTiles plan_winograd(const Axis (&axes)[max_axes], int64_t images, int64_t source_channels,
                            int64_t target_channels, const MaxPooling* pooling = nullptr) noexcept;

/// The filters' transforms; `flipped` ones are read from the last tap to the first.
template <class T>
void pack_winograd(const WinogradTiles& plan, bool flipped, const T* weight, WeightSteps steps, void* packed) noexcept;
template <class T>
size_t winograd_packed_bytes(const WinogradTiles& plan) noexcept;

/// As `correlate`, with what `pack_winograd` made; the weight is read where values are not finite.
template <class T>
void correlate_winograd(const WinogradTiles& plan, bool flipped, const T* source, const T* weight, WeightSteps steps,
                        const void* packed, const T* bias, Activation activation, T* target, void* scratch,
                        uint8_t* taps) noexcept;
template <class T>
size_t correlate_winograd_scratch_bytes(const WinogradTiles& plan) noexcept;

/// The same tiles for the gradient of the filters, cut in another way.
template <class T>
WinogradTiles plan_winograd_weight(const Axis (&axes)[max_axes], int64_t images, int64_t source_channels,
                                   int64_t target_channels) noexcept;

/// As `conv_backward_weight`.
template <class T>
void backward_weight_winograd(const WinogradTiles& plan, const T* grad_output, const T* input, T* grad_weight,
                              T* grad_bias, void* scratch) noexcept;
template <class T>
size_t backward_weight_winograd_scratch_bytes(const WinogradTiles& plan) noexcept;

}  // namespace cygnet
