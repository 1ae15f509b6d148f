#include "conv_plan.h"

namespace cygnet {
namespace {

// to[x][c] = from[c][x] for `count` x and `channels` c; lines of `from` are `plane` apart, those of `to` `pitch`. What
// lies behind the channels of an x is overwritten.
template <class T>
void interleave(const T* from, int64_t plane, int64_t count, int64_t channels, int64_t pitch, T* to) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t x = 0; x < count; x += lanes) {
    const int valid_x = static_cast<int>(std::min<int64_t>(lanes, count - x));
    for (int64_t c = 0; c < channels; c += lanes) {
      const int valid = static_cast<int>(std::min<int64_t>(lanes, channels - c));
      Eigen::internal::PacketBlock<typename Vec<T>::Packet, lanes> block;
      for (int i = 0; i < lanes; ++i)
        block.packet[i] = i < valid ? Vec<T>::load(from + (c + i) * plane + x, valid_x).p : Vec<T>(T(0)).p;
      Eigen::internal::ptranspose(block);
      for (int i = 0; i < valid_x; ++i) {
        T* const target = to + (x + i) * pitch + c;
        c == 0 || valid == lanes ? Vec<T>(block.packet[i]).store(target) : Vec<T>(block.packet[i]).store(target, valid);
      }
    }
  }
}

// The same for channels that neighbour each other in memory, the x `step` apart, cut into strips.
template <class T>
void copy_pixels(const T* from, int64_t step, int64_t count, const Channels& part, T* to) noexcept {
  if (step == part.pitch && part.count == part.pitch) {
    std::copy_n(from, count * step, to);
    return;
  }
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t x = 0; x < count; ++x, from += step, to += part.pitch) {
    T* strip = to;
    for (int64_t begin = 0; begin < part.count; begin += part.pitch, strip += part.strip_step) {
      const int64_t end = std::min(begin + part.pitch, part.count);
      for (int64_t c = begin; c < end; c += lanes) {
        const Vec<T> value =
            end - c < lanes ? Vec<T>::load(from + c, static_cast<int>(end - c)) : Vec<T>::load(from + c);
        value.store(strip + c - begin);
      }
    }
  }
}

}  // namespace

template <class T>
void fill_slab(const Images<T>& images, int64_t first, int64_t last, const Box& box, const Channels& part,
               T* slab) noexcept {
  const int64_t channels = images.channels, line = box.size[2] * part.pitch, width = images.size[2];
  const int64_t pixels = images.size[0] * images.size[1] * width;
  const int64_t left = std::clamp<int64_t>(-box.begin[2], 0, box.size[2]);
  const int64_t right = std::clamp<int64_t>(width - box.begin[2], left, box.size[2]);  // [left, right) is inside
  const auto clear = [&](T* from, int64_t count) {
    for (int64_t c = 0; c < part.count; c += part.pitch, from += part.strip_step) std::fill_n(from, count, T(0));
  };
  for (int64_t n = first; n < last; ++n) {
    const T* image = images.data + n * pixels * channels;
    for (int64_t z = box.begin[0]; z < box.begin[0] + box.size[0]; ++z)
      for (int64_t y = box.begin[1]; y < box.begin[1] + box.size[1]; ++y, slab += line) {
        if (z < 0 || z >= images.size[0] || y < 0 || y >= images.size[1] || left == right) {
          clear(slab, line);
          continue;
        }
        clear(slab, left * part.pitch);
        const int64_t pixel = (z * images.size[1] + y) * width + box.begin[2] + left, count = right - left;
        T* to = slab + left * part.pitch;
        if (images.channels_last || channels == 1)
          copy_pixels(image + pixel * channels + part.begin, channels, count, part, to);
        else
          for (int64_t c = 0; c < part.count; c += part.pitch, to += part.strip_step)
            interleave(image + (part.begin + c) * pixels + pixel, pixels, count, std::min(part.pitch, part.count - c),
                       part.pitch, to);
        clear(slab + right * part.pitch, line - right * part.pitch);
      }
  }
}

template void fill_slab<float>(const Images<float>&, int64_t, int64_t, const Box&, const Channels&, float*) noexcept;
template void fill_slab<double>(const Images<double>&, int64_t, int64_t, const Box&, const Channels&, double*) noexcept;

}  // namespace cygnet
