/*
 * The generators of samples.h. These are hard for a matcher: equal blocks, blocks that overlap themselves (few
 * different bytes, zeros), new files that are shorter or longer by a byte at either end, and the short block at the end
 * of the old file.
 */
#include "samples.h"

const rs_magic_number sample_magics[SAMPLE_MAGICS] = {RS_MD4_SIG_MAGIC, RS_BLAKE2_SIG_MAGIC, RS_RK_MD4_SIG_MAGIC,
                                                      RS_RK_BLAKE2_SIG_MAGIC};

static uint64_t number_from(const char *name, uint64_t otherwise) {
    const char *const text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

uint64_t sample_seed(void) {
    return number_from("REDELTA_SEED", 20220126);
}

static uint64_t percentage(void) {
    return number_from("REDELTA_CASES", 100);
}

size_t sample_count(size_t usual) {
    return 1 + (size_t)(usual * percentage() / 100);
}

bool sample_chosen(size_t number) {
    const uint64_t percent = percentage() < 100 ? percentage() : 100;
    return number * percent % 100 < percent;
}

static size_t size_random(random_source *r) {
    static const size_t limits[] = {1, 40, 300, 300, 3000, 3000, 3000, 20000, 20000, 70000};
    if (random_below(r, 150) == 0)
        return random_below(r, 600000);
    return random_below(r, limits[random_below(r, ITEMS(limits))]);
}

static size_t block_len_random(random_source *r, size_t size) {
    switch (random_below(r, 6)) {
    case 0: return 0;
    case 1: return 1 + random_below(r, 40 + size / 200);
    case 2: return 1 + random_below(r, 1 + size);
    case 3: return (size_t)1 << (4 + random_below(r, 9));
    default: return 16 + random_below(r, 600);
    }
}

static sig_params params_random(random_source *r, size_t size) {
    sig_params p = {.magic = sample_magics[random_below(r, SAMPLE_MAGICS)], .block_len = block_len_random(r, size)};
    const bool md4 = p.magic == RS_MD4_SIG_MAGIC || p.magic == RS_RK_MD4_SIG_MAGIC;
    if (random_below(r, 30) == 0)
        p.magic = (rs_magic_number)0;
    switch (random_below(r, 6)) {
    case 0: p.strong_len = 0; break;
    case 1: p.strong_len = (size_t)-1; break;
    case 2: p.strong_len = 8; break;
    default: p.strong_len = 1 + random_below(r, md4 ? 16 : 32); break;
    }
    if (p.block_len > 0 && p.block_len < 8 && size > 20000)
        p.block_len = 8;
    return p;
}

/* Sometimes so that the file ends at the edge of a block, or a byte before or after it. */
static size_t to_edge(random_source *r, size_t size, size_t block_len) {
    if (block_len == 0 || size < block_len || random_below(r, 2))
        return size;
    return size - size % block_len + random_below(r, 3) - (size > block_len ? 1 : 0);
}

static unsigned alphabet_random(random_source *r) {
    static const unsigned alphabets[] = {1, 2, 3, 256, 256, 256};
    return alphabets[random_below(r, ITEMS(alphabets))];
}

/* Makes many blocks of the file equal to one of its others. */
static void repeat_blocks(random_source *r, rd_memory *file, size_t block_len) {
    for (size_t at = 0; block_len > 0 && at + block_len <= file->size; at += block_len) {
        if (random_below(r, 2))
            memmove(file->data + at, file->data + random_below(r, at / block_len + 1) * block_len, block_len);
    }
}

static rd_memory joined(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) {
    rd_memory made = {.data = bytes_new(a_size + b_size), .size = a_size + b_size, .capacity = a_size + b_size};
    if (a_size > 0)
        memcpy(made.data, a, a_size);
    if (b_size > 0)
        memcpy(made.data + a_size, b, b_size);
    return made;
}

static rd_memory new_random(random_source *r, const rd_memory *old, unsigned alphabet) {
    const size_t cut = random_below(r, old->size + 1);
    uint8_t more[300];
    const size_t more_size = random_below(r, sizeof more);
    random_fill(r, more, more_size, alphabet);
    switch (random_below(r, 8)) {
    case 0: return bytes_copy(old->data, old->size);
    case 1: return bytes_copy(old->data, cut);
    case 2: return joined(old->data, old->size, more, more_size);
    case 3: return joined(more, more_size, old->data, old->size);
    case 4: return bytes_random(r, size_random(r), alphabet);
    case 5: return old->size ? joined(old->data + cut, old->size - cut, old->data, cut) : bytes_copy(more, more_size);
    default: return bytes_edited(r, old, old->size + random_below(r, 1 + old->size / 4), alphabet);
    }
}

sample sample_random(random_source *r) {
    const unsigned alphabet = alphabet_random(r);
    sample s = {.alphabet = alphabet};
    size_t size = size_random(r);
    s.params = params_random(r, size);
    size = to_edge(r, size, s.params.block_len);
    s.old = bytes_random(r, size, alphabet);
    if (random_below(r, 4) == 0)
        repeat_blocks(r, &s.old, s.params.block_len);
    s.new_file = new_random(r, &s.old, alphabet);
    return s;
}

void sample_free(sample *s) {
    rd_memory_free(&s->old);
    rd_memory_free(&s->new_file);
}
