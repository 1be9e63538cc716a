/* Both weak sums in AVX-512. The idea is in weak_lanes.h. */
#include "hash/rabinkarp.h"
#include "hash/rollsum.h"

#if defined(__x86_64__)
#include "hash/words32_avx512.h"

#include "hash/weak_lanes.h"

uint32_t rd__rabinkarp_update_avx512(uint32_t sum, const uint8_t *data, size_t size) {
    return rabinkarp_update_lanes(sum, data, size);
}

uint32_t rd__rollsum_update_avx512(uint32_t sum, const uint8_t *data, size_t size) {
    return rollsum_update_lanes(sum, data, size);
}

TARGET size_t rd__rabinkarp_seek_avx512(const rd__filter *filter, size_t block_len, uint32_t *sum,
                                        const uint8_t *window, size_t start, size_t end, rd__hit *hits) {
    return rabinkarp_seek_lanes(filter, false, block_len, sum, window, start, end, hits);
}

TARGET size_t rd__rollsum_seek_avx512(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                                      size_t start, size_t end, rd__hit *hits) {
    return rollsum_seek_lanes(filter, false, block_len, sum, window, start, end, hits);
}

TARGET size_t rd__rabinkarp_seek_avx512_gather(const rd__filter *filter, size_t block_len, uint32_t *sum,
                                               const uint8_t *window, size_t start, size_t end, rd__hit *hits) {
    return rabinkarp_seek_lanes(filter, true, block_len, sum, window, start, end, hits);
}

TARGET size_t rd__rollsum_seek_avx512_gather(const rd__filter *filter, size_t block_len, uint32_t *sum,
                                             const uint8_t *window, size_t start, size_t end, rd__hit *hits) {
    return rollsum_seek_lanes(filter, true, block_len, sum, window, start, end, hits);
}
#endif
